"""When each request is meant to arrive: a keyed unit-rate sequence through the rate's inverse integral.

Open loop: no arrival depends on how fast answers come back. Which row a request asks about is `rows.py`'s.

Request k's place in the unit sequence depends on the seed (or the trace) alone, so that a change of rate moves
arrivals in time and never turns them into others.
"""

from __future__ import annotations

import numpy as np

from app.engine.draws import Draws
from app.traffic.bursts import burst_steps
from app.traffic.rates import NEVER_US, RateProfile, Times
from app.traffic.sequences import unit_sequence
from app.traffic.settings import Traffic
from app.traffic.trace import Trace


class Arrivals:
    """The intended arrival times of one run's requests, numbered from 0.

    `trace` is what the traffic replays, if it does. Bursts come up to `until_us`; `reach` takes them further.
    """

    def __init__(
        self, draws: Draws, traffic: Traffic, trace: Trace | None = None, *, until_us: int = 0
    ) -> None:
        self._draws = draws
        self._trace_per_s = 1.0 if trace is None else trace.rate_per_s
        self._sequence = unit_sequence(draws, traffic, trace)
        self._history = [(0, traffic)]
        self._until_us = until_us
        self._next = 0
        self._profile = self._profile_of(traffic)

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
        places = self._sequence.times(first, count)
        there = int(np.searchsorted(places, np.inf))
        return np.append(
            self._profile.invert(places[:there]), np.full(count - there, NEVER_US, dtype=np.int64)
        )

    def next_block(self, count: int) -> Times:
        """The intended arrivals in microseconds of the `count` requests behind the last ones asked for."""
        return self.block(self._next, count)

    def change(self, at_us: int, traffic: Traffic) -> None:
        """From `at_us` on, requests arrive at the rate that `traffic` has then; its process stays what it was.

        Those that arrived before `at_us` stay to the microsecond; those after it must be asked for again.
        """
        profile = self._profile_of(traffic)
        if profile != self._profile_of(self._history[-1][1]):
            self._history.append((at_us, traffic))
            self._profile = self._profile.with_change(at_us, profile)

    def reach(self, until_us: int) -> None:
        """Have bursts up to `until_us` at least. What arrives before where they reached stays to the microsecond."""
        if until_us <= self._until_us:
            return
        self._until_us = until_us
        if any(traffic.bursts is not None for _, traffic in self._history):
            (_, first), *changes = self._history
            self._profile = self._profile_of(first)
            for at_us, traffic in changes:
                self._profile = self._profile.with_change(at_us, self._profile_of(traffic))

    def _profile_of(self, traffic: Traffic) -> RateProfile:
        steps = None if traffic.bursts is None else burst_steps(self._draws, traffic.bursts, self._until_us)
        return traffic.profile(self._trace_per_s, steps)
