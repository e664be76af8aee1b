"""When a fault is on: always, from/to, flapping, or in random incidents that all requests share."""

from __future__ import annotations

from collections.abc import Iterator
from math import log1p

from app.engine.draws import Draws
from app.faults.base import MICRO, Fault

FOREVER_US = 1 << 62


def windows(fault: Fault, draws: Draws) -> Iterator[tuple[int, int]]:
    """The stretches [begin, end) in microseconds in which the fault is on, in order, without end if there is none.

    Random incidents are keyed by their index: incident i begins after an exponential gap from the end of incident i - 1.
    """
    first = round(fault.from_s * MICRO)
    last = FOREVER_US if fault.to_s is None else round(fault.to_s * MICRO)
    if fault.period_s is not None and fault.bad_s is not None:
        yield from _flapping(fault, first, last)
    elif fault.mean_between_s is not None and fault.mean_duration_s is not None:
        yield from _incidents(fault, draws, first, last)
    else:
        yield first, last


def _flapping(fault: Fault, first: int, last: int) -> Iterator[tuple[int, int]]:
    period, bad = round((fault.period_s or 0) * MICRO), round((fault.bad_s or 0) * MICRO)
    begin = first + round(fault.phase_s * MICRO)
    while begin < last:
        yield begin, min(begin + bad, last)
        begin += max(period, 1)


def _incidents(fault: Fault, draws: Draws, first: int, last: int) -> Iterator[tuple[int, int]]:
    gap_s, length_s = fault.mean_between_s or 0, fault.mean_duration_s or 0
    index, time = 0, first
    while True:
        gap = -log1p(-draws.one(f"{fault.purpose}.gap", None, index)) * gap_s
        length = -log1p(-draws.one(f"{fault.purpose}.length", None, index)) * length_s
        begin = time + round(gap * MICRO)
        if begin >= last:
            return
        time = begin + max(1, round(length * MICRO))
        yield begin, min(time, last)
        index += 1


class Schedule:
    """Steps through a fault's windows: `on` now, and the time of the next edge (`FOREVER_US` when there is none)."""

    def __init__(self, fault: Fault, draws: Draws, now_us: int) -> None:
        self._windows = windows(fault, draws)
        self._end_us = 0
        self.on = False
        self.next_us = 0
        self._next_window()
        while self.next_us <= now_us:
            self.step()

    def step(self) -> None:
        """Pass the next edge."""
        if self.on:
            self.on = False
            self._next_window()
        else:
            self.on = True
            self.next_us = self._end_us

    def _next_window(self) -> None:
        self.next_us, self._end_us = next(self._windows, (FOREVER_US, FOREVER_US))


class UpcomingWindows:
    """A fault's windows, asked for stretch by stretch; what lies before a stretch is forgotten."""

    def __init__(self, fault: Fault, draws: Draws) -> None:
        self._windows = windows(fault, draws)
        self._held: list[tuple[int, int]] = []
        self._ended = False

    def between(self, first_us: int, last_us: int) -> list[tuple[int, int]]:
        """The windows that touch the times `first_us` to `last_us`; `first_us` never goes back."""
        self._held = [window for window in self._held if window[1] > first_us]
        while not self._ended and (not self._held or self._held[-1][0] <= last_us):
            window = next(self._windows, None)
            if window is None:
                self._ended = True
            elif window[1] > first_us:
                self._held.append(window)
        return [window for window in self._held if window[0] <= last_us]


def has_end(fault: Fault) -> bool:
    """Whether the fault comes and goes, and is no fixture."""
    return (
        fault.from_s > 0
        or fault.to_s is not None
        or fault.period_s is not None
        or fault.mean_between_s is not None
    )
