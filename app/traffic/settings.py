"""The `[traffic]` table of a scenario: how many requests arrive when, and which rows they ask about.

Settings only; `arrivals.py` and `rows.py` do what they say.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from app.errors import UserError
from app.scenario.base import Settings
from app.traffic.rates import MAX_RATE_PER_S, Floats, RateProfile

Process = Literal["poisson", "constant"]
Order = Literal["in_order", "shuffled", "zipf"]
LevelName = Literal["demo", "pilot", "launch_day", "viral"]

MAX_REPEAT_WINDOW = 50_000
"""How far back a repeat may reach, in requests: what `rows.py` must remember."""

Seconds = Annotated[float, Field(ge=0, le=1e8)]
RatePerS = Annotated[float, Field(ge=0, le=MAX_RATE_PER_S)]
Factor = Annotated[float, Field(ge=0, le=10_000)]

SECONDS_BETWEEN_QUESTIONS = 20.0
"""How often an active user asks something. Assumed: reading an answer and typing the next question."""


@dataclass(frozen=True)
class Level:
    """A level of traffic that a person can pick by name."""

    label: str
    active_users: int
    sentence: str
    basis: str = "assumed"

    @property
    def rate_per_s(self) -> float:
        """Requests per second: `active_users`, each asking once in SECONDS_BETWEEN_QUESTIONS."""
        return self.active_users / SECONDS_BETWEEN_QUESTIONS


LEVELS: dict[LevelName, Level] = {
    "demo": Level("Demo", 2, "One or two people try it in a meeting."),
    "pilot": Level("Pilot", 40, "A department uses it in its daily work."),
    "launch_day": Level("Launch day", 500, "It has been announced, and all customers look at once."),
    "viral": Level("Viral", 4_000, "A post about it spreads, and strangers arrive by the thousand."),
}


class RatePoint(Settings):
    """The rate from a time on."""

    at_s: Seconds
    rate_per_s: RatePerS
    ramp: bool = False
    """True: in a straight line from the previous point (the first: from nothing at 0 s). False: at once."""


class Spike(Settings):
    """A stretch of time with more (or, below 1, fewer) arrivals. Spikes that overlap multiply."""

    at_s: Seconds
    duration_s: Annotated[float, Field(gt=0, le=1e8)]
    factor: Factor


class Traffic(Settings):
    """When requests arrive, whatever becomes of earlier ones (open loop), and which rows they ask about."""

    arrivals: Process = "poisson"
    """Poisson: independent users. Constant: evenly spaced, the first after one spacing."""
    level: LevelName | None = None
    """Exactly one of `level`, `rate_per_s` and `points` says how many requests arrive."""
    rate_per_s: RatePerS | None = None
    points: Annotated[tuple[RatePoint, ...], Field(min_length=1, max_length=10_000)] | None = None
    """In order of time. Before the first one nothing arrives, after the last one its rate stays."""
    spikes: Annotated[tuple[Spike, ...], Field(max_length=1_000)] = ()
    factor: Factor = 1.0
    """Multiplies the rate at all times."""
    max_requests: Annotated[int, Field(ge=1)] | None = None
    """The run offers no more requests than this."""

    order: Order = "in_order"
    """Which row a new question takes: the next, the next of a shuffled pass, or popular ones more often."""
    skew: Annotated[float, Field(ge=0, le=10)] = 1.0
    """With order "zipf": the row of popularity rank k is asked in proportion to k ** -skew."""
    repeat_rate: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Probability that a request repeats an earlier one verbatim."""
    repeat_window: Annotated[int, Field(ge=1, le=MAX_REPEAT_WINDOW)] = 10_000
    """A repeat picks among so many requests before it."""
    same_row_same_question: bool = False
    """True: to a cache, two requests for one row are the same question. False: only a repeat is."""

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        given = [name for name in ("level", "rate_per_s", "points") if getattr(self, name) is not None]
        if len(given) != 1:
            named = " and ".join(given) if given else "none of them"
            raise ValueError(f"exactly one of level, rate_per_s and points must be given, here {named}")
        times_us = [microseconds(point.at_s) for point in self.points or ()]
        if any(later <= earlier for earlier, later in pairwise(times_us)):
            raise ValueError("points must be in order of at_s, each later than the one before it")
        try:
            self.profile()
        except UserError as error:
            raise ValueError(f"{error.what}. {error.do}") from error
        return self

    def profile(self) -> RateProfile:
        """The rate over time: level, rate or points, times spikes, times factor.

        Raises UserError when that is above MAX_RATE_PER_S, which only an unvalidated copy can be.
        """
        start_us, from_per_s, to_per_s = self._base_pieces()
        spans_us = [
            (microseconds(s.at_s), microseconds(s.at_s + s.duration_s), s.factor) for s in self.spikes
        ]
        edges = np.array(
            sorted({*start_us.tolist(), *(edge for begin, end, _ in spans_us for edge in (begin, end))})
        )
        multiple = np.full(len(edges), self.factor)
        for begin, end, factor in spans_us:
            multiple[np.searchsorted(edges, begin) : np.searchsorted(edges, end)] *= factor
        piece = np.searchsorted(start_us, edges, side="right") - 1
        ends_us = np.append(start_us[1:], np.inf)
        length_us = ends_us[piece] - start_us[piece]

        def rate_at(t_us: Floats) -> Floats:
            begin, end = from_per_s[piece], to_per_s[piece]
            rate = begin + (end - begin) * ((t_us - start_us[piece]) / length_us)
            return np.clip(rate, np.minimum(begin, end), np.maximum(begin, end))

        begin_per_s = rate_at(edges) * multiple
        end_per_s = np.append(rate_at(np.append(edges[1:], edges[-1]))[:-1] * multiple[:-1], begin_per_s[-1])
        return RateProfile.of_pieces(
            edges.astype(np.int64).tolist(), begin_per_s.tolist(), end_per_s.tolist()
        )

    def _base_pieces(self) -> tuple[Floats, Floats, Floats]:
        """Start (us), rate there and rate at the end of each piece, before spikes and factor."""
        if self.points is None:
            rate = self.rate_per_s if self.level is None else LEVELS[self.level].rate_per_s
            return np.array([0.0]), np.array([rate], dtype=np.float64), np.array([rate], dtype=np.float64)
        points = self.points
        if microseconds(points[0].at_s) > 0:
            points = (RatePoint(at_s=0, rate_per_s=0), *points)
        start_us = np.array([microseconds(point.at_s) for point in points], dtype=np.float64)
        rates = [point.rate_per_s for point in points]
        ends = [later.rate_per_s if later.ramp else earlier.rate_per_s for earlier, later in pairwise(points)]
        return start_us, np.array(rates), np.array([*ends, rates[-1]])


def microseconds(seconds: float) -> int:
    """Seconds of a setting as virtual time, to the nearest microsecond."""
    return round(seconds * 1e6)
