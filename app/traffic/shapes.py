"""Shapes of the rate over time as straight pieces: the course of a day, and a launch with its crowd.

A shape is a factor over time; `multiplied` joins it to others. A curve is followed by chords, exact at their ends.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from app.traffic.rates import Floats

MAX_DAYS = 366
"""So many days are laid out; a scenario with more of them is refused."""

_CHORDS_A_DAY = 24
_CHORDS_A_HALF_LIFE = 4
_HALF_LIVES = 10


class Pieces(NamedTuple):
    """Straight pieces from 0 on, the last one level for ever: start (µs), value there, value at the end."""

    start_us: Floats
    begin: Floats
    end: Floats


def level(value: float) -> Pieces:
    """The same at all times."""
    return Pieces(np.array([0.0]), np.array([value], dtype=np.float64), np.array([value], dtype=np.float64))


def through(times_us: Floats, values: Floats) -> Pieces:
    """Straight from one point to the next; the first value before them, the last one behind them."""
    start = np.rint(times_us)
    if start[0] > 0:
        start, values = np.append(0.0, start), np.append(values[0], values)
    return Pieces(start, values, np.append(values[1:], values[-1]))


def daily(peak_at_us: float, length_us: float, low_share: float) -> Pieces:
    """MAX_DAYS days of `length_us`: 1 at the peak, `low_share` half a day away from it, a cosine in between."""
    k = np.arange(-_CHORDS_A_DAY, MAX_DAYS * _CHORDS_A_DAY + 1)
    times = peak_at_us % length_us + k * (length_us / _CHORDS_A_DAY)
    high = (1 + np.cos(2 * np.pi * k / _CHORDS_A_DAY)) / 2
    values = low_share + (1 - low_share) * high
    begin = float(np.interp(0.0, times, values))
    later = np.rint(times) > 0
    return through(np.append(0.0, times[later]), np.append(begin, values[later]))


def launched(
    at_us: float, rise_us: float, hold_us: float, half_life_us: float, peak: float, settled: float
) -> Pieces:
    """1 before the launch, straight up to `peak`, there for `hold_us`, then by half-lives to `settled`."""
    half_lives = np.arange(_HALF_LIVES * _CHORDS_A_HALF_LIFE + 1) / _CHORDS_A_HALF_LIFE
    fall = settled + (peak - settled) * 2.0**-half_lives
    fall[-1] = settled
    top_us = at_us + rise_us
    times = np.concatenate([[at_us, top_us], top_us + hold_us + half_lives * half_life_us])
    values = np.concatenate([[1.0, peak], fall])
    times = np.rint(times)
    kept = np.append(np.diff(times) > 0, True)  # no hold: the fall begins at the top
    return through(times[kept], values[kept])


def multiplied(one: Pieces, other: Pieces) -> Pieces:
    """The product at every edge of either, and straight in between."""
    edges = np.union1d(one.start_us, other.start_us)
    ends = np.append(edges[1:], edges[-1])
    begin = _at(one, edges, edges) * _at(other, edges, edges)
    end = _at(one, edges, ends) * _at(other, edges, ends)
    return Pieces(edges, begin, np.append(end[:-1], begin[-1]))


def _at(pieces: Pieces, within: Floats, t_us: Floats) -> Floats:
    """The values at `t_us`, each of the piece that `within` lies in (a step has two values)."""
    i = np.searchsorted(pieces.start_us, within, side="right") - 1
    length = np.append(np.diff(pieces.start_us), np.inf)[i]
    begin, end = pieces.begin[i], pieces.end[i]
    return np.asarray(begin + (end - begin) * ((t_us - pieces.start_us[i]) / length))
