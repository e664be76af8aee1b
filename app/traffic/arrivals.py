"""When each request is meant to arrive: a keyed unit-rate sequence through the rate's inverse integral.

Open loop: no arrival depends on how fast answers come back. Which row a request asks about is `rows.py`'s.

Request k's place in the unit sequence depends on the seed alone, so that a change of rate moves arrivals in
time and never turns them into others.
"""

from __future__ import annotations

from array import array

import numpy as np

from app.engine.draws import BLOCK, Draws
from app.traffic.rates import Floats, RateProfile, Times
from app.traffic.settings import Process


class Arrivals:
    """The intended arrival times of one run's requests, numbered from 0.

    Of the past it keeps one sum a block: 8 bytes per BLOCK requests.
    """

    def __init__(self, draws: Draws, profile: RateProfile, process: Process) -> None:
        self._draws = draws
        self._profile = profile
        self._process = process
        self._next = 0
        self._sums = array(
            "d", [0.0]
        )  # the unit sequence's value before each block, as far as it has been computed
        self._recent: tuple[int, Floats] = (-1, np.empty(0))

    @property
    def profile(self) -> RateProfile:
        """The rate over time, with the changes so far."""
        return self._profile

    def block(self, first: int, count: int) -> Times:
        """The intended arrivals in microseconds of requests `first` to `first + count - 1`; never decreasing.

        Any range may be asked for at any time; NEVER_US stands for requests that do not arrive. `next_block`
        goes on behind the range.
        """
        self._next = first + count
        return self._profile.invert(self._unit_times(first, count))

    def next_block(self, count: int) -> Times:
        """The intended arrivals in microseconds of the `count` requests behind the last ones asked for."""
        return self.block(self._next, count)

    def change(self, at_us: int, profile: RateProfile) -> None:
        """From `at_us` on, requests arrive at the rate that `profile` has then.

        Those that arrived before `at_us` stay to the microsecond; those after it must be asked for again.
        """
        self._profile = self._profile.with_change(at_us, profile)

    def _unit_times(self, first: int, count: int) -> Floats:
        """The unit-rate sequence: k + 1 if constant, the sum of gaps 0 to k if Poisson."""
        if self._process == "constant":
            return np.arange(first + 1, first + count + 1, dtype=np.float64)
        blocks = range(first // BLOCK, (first + count - 1) // BLOCK + 1)
        parts = [self._unit_block(block) for block in blocks]
        begin = first % BLOCK
        return np.concatenate(parts)[begin : begin + count] if parts else np.empty(0)

    def _unit_block(self, block: int) -> Floats:
        """A block of the Poisson unit sequence: the same to the bit, however the blocks were asked for."""
        while self._recent[0] != block:
            reached = min(block, len(self._sums) - 1)
            times = self._summed(reached)
            if reached == len(self._sums) - 1:
                self._sums.append(float(times[-1]))
            self._recent = (reached, times)
        return self._recent[1]

    def _summed(self, block: int) -> Floats:
        """Running sum of the block's exponential gaps, -ln(1 - draw), behind the sum before it."""
        gaps = -np.log1p(-self._draws.block("traffic.gap", None, block * BLOCK, BLOCK))
        return np.cumsum(np.concatenate([[self._sums[block]], gaps]))[1:]
