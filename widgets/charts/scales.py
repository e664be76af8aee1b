"""Round numbers for axes: tops, ticks and clock times. Plain numbers; painting is the charts'."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_TOPS: Final = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
_DAY_S: Final = 86_400
_TIME_STEPS_S: Final = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200),
    *(_DAY_S * days for days in (1, 2, 5, 10, 30, 60, 120)),
)
_END_STEPS: Final = 20
FASTEST_S: Final = 0.1
"""The foot of the chart of times; what is faster is drawn there."""
SLOWEST_S: Final = (60.0, 180.0, 600.0, 1800.0, 3600.0, 21_600.0, 86_400.0)
"""Its top, and where that goes if it must."""

Ticks = list[tuple[float, str]]


def nice_top(value: float) -> float:
    """The smallest round number that is not below `value`; 1 for nothing."""
    if not value > 0:
        return 1.0
    unit = 10.0 ** floor(log10(value))
    return next(unit * top for top in _TOPS if unit * top >= value * (1 - 1e-9))


class Ceiling:
    """The top of an axis: grows in round steps, and never shrinks while one run is shown."""

    def __init__(self) -> None:
        self.value = 0.0

    def raise_to(self, value: float) -> float:
        """Make room for `value`; returns the top."""
        if value > self.value:
            self.value = nice_top(value)
        return self.value or 1.0


def slow_top(value_s: float) -> float:
    """The top of the chart of times that has room for `value_s`, the last there is if none has."""
    return next((top for top in SLOWEST_S if top >= value_s), SLOWEST_S[-1])


def time_ticks(top_s: float) -> Ticks:
    """Ticks of the chart of times: log10 of seconds, and their text."""
    whole = [10.0**power for power in range(-1, 6) if 10.0**power < top_s * 0.5]
    return [(log10(value), f"{value:g} s") for value in (*whole, top_s)]


def clock(seconds: float) -> str:
    """Virtual time as m:ss, from an hour on as h:mm:ss, in days after the first: "2 d 3:00:00"."""
    whole = round(seconds)
    days, rest = divmod(whole, _DAY_S)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    shown = f"{hours}:{minutes:02}:{left:02}" if whole >= 3600 else f"{minutes}:{left:02}"
    return f"{days} d {shown}" if days else shown


def clock_ticks(from_s: float, to_s: float, most: int) -> list[float]:
    """Round times from `from_s` to `to_s` in seconds, at most about `most` of them."""
    span_s = to_s - from_s
    step = next((s for s in _TIME_STEPS_S if span_s / s <= most), _TIME_STEPS_S[-1])
    return [float(step * n) for n in range(ceil(from_s / step - 1e-9), floor(to_s / step + 1e-9) + 1)]


def end_of_time(duration_s: float, until_s: float, bin_s: float) -> float:
    """Where the time axis of a run that goes on ends: its duration, then on in twentieths of it while it drains."""
    if until_s <= duration_s:
        return duration_s
    step = max(duration_s / _END_STEPS, bin_s)
    return duration_s + ceil((until_s - duration_s) / step - 1e-9) * step


def without_lone_points(starts_s: Floats, bin_s: float, values: Floats) -> tuple[Floats, Floats]:
    """Points of a line through the bins' middles, shape (n,) or longer; gaps are NaN.

    A value between two gaps would be a point, which no line shows: it becomes the width of its bin.
    """
    gap = np.isnan(values)
    around = np.concatenate(([True], gap, [True]))
    lone = ~gap & around[:-2] & around[2:]
    middles = starts_s + bin_s / 2
    if not lone.any():
        return middles, values
    twice = np.where(lone, 2, 1)
    x, y = np.repeat(middles, twice), np.repeat(values, twice)
    first = (np.cumsum(twice) - twice)[lone]
    x[first] = starts_s[lone]
    x[first + 1] = starts_s[lone] + bin_s
    return x, y
