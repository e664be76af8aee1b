"""What a run did under load and after its incidents, from the log's requests by when they were meant to arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.analysis.fault_bands import Band, FaultBands
from app.sessions.reader import RunReader
from app.sessions.vocabulary import OUTCOMES

Ints = NDArray[np.int64]

WELL_SHARE = 0.9
"""A variant is back when its share of good answers is this much of what it was before the first incident."""
_LOOKED_BACK_S = 60
_SHORTEST_S = 10
_ENOUGH = 20
"""Requests in a window, or one could not tell a share."""
_STEPS = 60
_PAGE = 100_000
_GOOD = OUTCOMES.index("good")


@dataclass(frozen=True)
class Course:
    """A variant's requests by second of intended arrival: arrays of shape (seconds,), from 0 to the end of arrivals."""

    arrived: Ints
    attempts: Ints
    good: Ints

    @property
    def seconds(self) -> int:
        """Seconds in which requests arrived."""
        return len(self.arrived)

    def share_good(self, from_s: int, to_s: int) -> float | None:
        """Of the requests of [from_s, to_s); None where there are too few to tell."""
        arrived = int(self.arrived[from_s:to_s].sum())
        return int(self.good[from_s:to_s].sum()) / arrived if arrived >= _ENOUGH else None

    def attempts_per_request(self, from_s: int, to_s: int) -> float | None:
        """Of the requests of [from_s, to_s); None where there are none."""
        arrived = int(self.arrived[from_s:to_s].sum())
        return int(self.attempts[from_s:to_s].sum()) / arrived if arrived else None

    @property
    def window_s(self) -> int:
        """What is looked at together: 10 s, or as long as it takes 20 requests to arrive on average."""
        arrived = int(self.arrived.sum())
        return max(_SHORTEST_S, -(-_ENOUGH * self.seconds // arrived)) if arrived else _SHORTEST_S


@dataclass(frozen=True)
class Return:
    """After an incident from `from_s` to `to_s` the variant was back `after_s` later; None: not in the `watched_s` left.

    `well_before` is its share of good answers before the first incident, None where that cannot be told.
    """

    label: str
    from_s: float
    to_s: float
    well_before: float | None
    after_s: float | None
    watched_s: float


@dataclass(frozen=True)
class Step:
    """A stretch of the run: requests a second, and attempts per request (None where none arrived)."""

    from_s: int
    arrived_per_s: float
    attempts_per_request: float | None


@dataclass(frozen=True)
class Measured:
    """What a variant did in a run."""

    arrived_per_s: float
    attempts_per_request: float | None
    most_attempts_per_request: float | None
    last_attempts_per_request: float | None
    steps: tuple[Step, ...]
    returns: tuple[Return, ...]


def course_of(intended_us: Ints, attempts: Ints, outcome: Ints, duration_s: float) -> Course:
    """The course of requests given by columns of the log, each of shape (n,)."""
    seconds = max(1, int(np.ceil(duration_s)))
    at = np.minimum(intended_us // 1_000_000, seconds - 1)

    def by_second(weights: Ints | None = None) -> Ints:
        return np.bincount(at, weights, seconds).astype(np.int64)

    return Course(by_second(), by_second(attempts), by_second((outcome == _GOOD).astype(np.int64)))


def read_course(reader: RunReader, variant: str) -> Course:
    """The course of a variant of a run, read from the log in pages."""
    record = reader.record()
    names = ("number", "intended_us", "attempts", "outcome")
    pages = [reader.columns(variant, names, limit=_PAGE)]
    while len(pages[-1]["number"]) == _PAGE:
        pages.append(reader.columns(variant, names, first=int(pages[-1]["number"][-1]) + 1, limit=_PAGE))
    columns = {name: np.concatenate([page[name] for page in pages]) for name in names}
    duration_s = min(record.duration_s, max(1.0, record.virtual_us / 1e6))
    return course_of(columns["intended_us"], columns["attempts"], columns["outcome"], duration_s)


def incidents_of(reader: RunReader) -> tuple[Band, ...]:
    """What was on for a while and ended, as the charts have it; in order of begin."""
    record = reader.record()
    bands = FaultBands(record)
    bands.follow(reader.events())
    return tuple(band for band in bands.bands(record.virtual_us / 1e6, 1) if band.to_s is not None)


def measure(course: Course, incidents: Sequence[Band]) -> Measured:
    """What the course says about the incidents, and about load and attempts over time."""
    step_s = max(course.window_s, -(-course.seconds // _STEPS))
    steps = []
    for from_s in range(0, course.seconds, step_s):
        to_s = min(from_s + step_s, course.seconds)
        arrived_per_s = int(course.arrived[from_s:to_s].sum()) / (to_s - from_s)
        steps.append(Step(from_s, arrived_per_s, course.attempts_per_request(from_s, to_s)))
    told = [each.attempts_per_request for each in steps if each.attempts_per_request is not None]
    before = _well_before(course, incidents)
    return Measured(
        int(course.arrived.sum()) / course.seconds,
        course.attempts_per_request(0, course.seconds),
        max(told, default=None),
        told[-1] if told else None,
        tuple(steps),
        tuple(_return(course, each, before) for each in incidents),
    )


def _well_before(course: Course, incidents: Sequence[Band]) -> float | None:
    """The share of good answers in the minute before the first incident, or what there is of it."""
    if not incidents:
        return None
    first_s = int(incidents[0].from_s)
    return course.share_good(max(0, first_s - _LOOKED_BACK_S), first_s)


def _return(course: Course, incident: Band, before: float | None) -> Return:
    """Back at the first second from which on a whole window of arrivals is as well as `WELL_SHARE` says."""
    assert incident.to_s is not None
    end_s, window_s = int(np.ceil(incident.to_s)), course.window_s
    after_s = None
    if before:
        for from_s in range(end_s, course.seconds - window_s + 1):
            share = course.share_good(from_s, from_s + window_s)
            if share is not None and share >= WELL_SHARE * before:
                after_s = max(0.0, from_s - incident.to_s)
                break
    watched_s = max(0.0, course.seconds - incident.to_s)
    return Return(incident.label, incident.from_s, incident.to_s, before, after_s, watched_s)
