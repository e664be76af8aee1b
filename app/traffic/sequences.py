"""Unit-rate sequences: where each request stands among all, before the rate says when that is.

One arrival per unit on average. Which kind decides how regular or bursty arrivals are; the rate over time is
`rates.py`'s, and joining both is `arrivals.py`'s. Any range may be asked for at any time and is the same to the bit.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.engine.draws import BLOCK, Draws
from app.traffic.rates import Floats
from app.traffic.settings import Traffic
from app.traffic.trace import Trace

Entities = NDArray[np.uint64]


class UnitSequence(Protocol):
    """Places of requests, never decreasing; infinite for a request that there is not."""

    def times(self, first: int, count: int) -> Floats:
        """The places of requests `first` to `first + count - 1`; shape (count,)."""
        ...


def unit_sequence(draws: Draws, traffic: Traffic, trace: Trace | None) -> UnitSequence:
    """The sequence of the traffic's arrival process; `trace` is what its `trace` names."""
    if traffic.arrivals == "trace":
        if trace is None:
            raise ValueError("the trace has not been read")
        return Recorded(trace)
    if traffic.arrivals == "constant":
        return Even()
    shape = None if traffic.gap_cv is None else traffic.gap_cv**-2
    return Renewal(lambda requests: unit_gaps(draws, shape, requests))


def gap_purposes(draws: Draws, traffic: Traffic, number: int) -> list[str]:
    """The purposes of the draws that decided the gap before request `number`."""
    if traffic.arrivals == "poisson":
        return ["traffic.gap"]
    if traffic.arrivals != "gamma" or traffic.gap_cv is None:
        return []
    _, tries = _gamma(draws, traffic.gap_cv**-2, np.array([number], dtype=np.uint64))
    found = ["traffic.gap.boost"] if traffic.gap_cv > 1 else []
    for k in range(int(tries[0])):
        found += [f"traffic.gap.try{k}", f"traffic.gap.try{k}.angle", f"traffic.gap.try{k}.accept"]
    return found


def unit_gaps(draws: Draws, shape: float | None, requests: Entities) -> Floats:
    """The gaps before these requests, of mean 1: exponential, or gamma of this shape (1 / CV²)."""
    if shape is None:
        return np.asarray(-np.log1p(-draws.of("traffic.gap", None, requests)))
    return _gamma(draws, shape, requests)[0] / shape


class Even:
    """Evenly spaced, the first after one spacing."""

    def times(self, first: int, count: int) -> Floats:
        """Whole numbers from `first + 1` on."""
        return np.arange(first + 1, first + count + 1, dtype=np.float64)


class Renewal:
    """The running sum of independent gaps. Of the past it keeps one sum a block: 8 bytes per BLOCK requests."""

    def __init__(self, gaps: Callable[[Entities], Floats]) -> None:
        self._gaps = gaps
        self._sums = array("d", [0.0])  # the value before each block, as far as it has been computed
        self._recent: tuple[int, Floats] = (-1, np.empty(0))

    def times(self, first: int, count: int) -> Floats:
        """The sums of gaps 0 to k."""
        blocks = range(first // BLOCK, (first + count - 1) // BLOCK + 1)
        parts = [self._block(block) for block in blocks]
        begin = first % BLOCK
        return np.concatenate(parts)[begin : begin + count] if parts else np.empty(0)

    def _block(self, block: int) -> Floats:
        """A block of the sequence: the same to the bit, however the blocks were asked for."""
        while self._recent[0] != block:
            reached = min(block, len(self._sums) - 1)
            times = self._summed(reached)
            if reached == len(self._sums) - 1:
                self._sums.append(float(times[-1]))
            self._recent = (reached, times)
        return self._recent[1]

    def _summed(self, block: int) -> Floats:
        """Running sum of the block's gaps behind the sum before it."""
        gaps = self._gaps(np.arange(block * BLOCK, (block + 1) * BLOCK, dtype=np.uint64))
        return np.cumsum(np.concatenate([[self._sums[block]], gaps]))[1:]


class Recorded:
    """A trace's times, stretched to one request per unit on average."""

    def __init__(self, trace: Trace) -> None:
        # From the middle of each microsecond, so that rounding down gives that microsecond again.
        self._places = (trace.times_us + 0.5) / 1e6 * trace.rate_per_s

    def times(self, first: int, count: int) -> Floats:
        """Places in the trace; infinite behind its end."""
        there = self._places[first : first + count]
        return np.concatenate([there, np.full(count - len(there), np.inf)])


def _gamma(draws: Draws, shape: float, requests: Entities) -> tuple[Floats, NDArray[np.int64]]:
    """Gamma variates of scale 1, and how many tries each took.

    Marsaglia and Tsang, "A simple method for generating gamma variables" (ACM TOMS 26, 2000): exact, by rejection
    with over 95 % accepted. Each try has draws of its own. Below shape 1, one of shape + 1 times U ** (1 / shape).
    """
    d = (shape if shape >= 1 else shape + 1) - 1 / 3
    c = 1 / np.sqrt(9 * d)
    values = np.zeros(len(requests))
    tries = np.zeros(len(requests), dtype=np.int64)
    open_ = np.arange(len(requests))
    k = 0
    while len(open_):
        normal = draws.normal(f"traffic.gap.try{k}", None, requests[open_])
        luck = draws.of(f"traffic.gap.try{k}.accept", None, requests[open_])
        v = (1 + c * normal) ** 3
        positive = np.where(v > 0, v, 1.0)
        fits = np.log1p(-luck) < normal**2 / 2 + d * (1 - positive + np.log(positive))
        accepted = (v > 0) & fits
        values[open_[accepted]] = d * v[accepted]
        k += 1
        tries[open_] = k
        open_ = open_[~accepted]
    if shape < 1:
        values *= (1 - draws.of("traffic.gap.boost", None, requests)) ** (1 / shape)
    return values, tries
