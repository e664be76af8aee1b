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
from app.scenario.numbers import Count, Cycle, Number, Seconds, Share, WholeNumber
from app.traffic.rates import MAX_RATE_PER_S, Floats, RateProfile
from app.traffic.shapes import Pieces, daily, launched, level, multiplied

Process = Literal["poisson", "constant", "gamma", "trace", "closed"]
TraceColumn = Literal["timestamp", "input_tokens", "output_tokens"]
Order = Literal["in_order", "shuffled", "zipf"]
LevelName = Literal["demo", "pilot", "launch_day", "viral"]

MAX_REPEAT_WINDOW = 50_000
"""How far back a repeat may reach, in requests: what `rows.py` must remember."""

MAX_USERS = 100_000
"""Of a closed loop."""

Steps = tuple[Floats, Floats]
"""Where each step begins (µs, the first at 0, increasing), and the factor on the rate from there on."""

RatePerS = Annotated[Number, Field(ge=0, le=MAX_RATE_PER_S)]
Factor = Annotated[Number, Field(ge=0, le=10_000)]

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
    duration_s: Annotated[Number, Field(gt=0, le=1e8)]
    factor: Factor


class Day(Settings):
    """The course of a day: the rate is what is given at the peak, and falls to its share half a day away from it."""

    peak_at_s: Seconds
    """From the run's start."""
    low_share: Share = 0.1
    length_s: Annotated[Number, Field(ge=1, le=1e6)] = 86_400
    """Shorter, to see a day in a few minutes."""


class Launch(Settings):
    """An announcement: the rate rises to `peak_factor` times what it was, stays, and falls to `settled_factor` times."""

    at_s: Seconds
    rise_s: Annotated[Number, Field(gt=0, le=1e8)] = 60
    peak_factor: Factor = 10
    hold_s: Seconds = 0
    half_life_s: Annotated[Number, Field(ge=0.001, le=1e7)] = 600
    """The time in which half of the surplus is gone; all of it after ten times as long."""
    settled_factor: Factor = 2


class Bursts(Settings):
    """Bursts that come by chance. The rate stays what is given, on average over bursts and quiet stretches."""

    factor: Annotated[Number, Field(ge=1, le=10_000)] = 10
    """How many times as much arrives in a burst as between bursts."""
    mean_burst_s: Cycle = 20
    mean_quiet_s: Cycle = 180
    """How long bursts and what is between them last: exponential, with these means."""

    @property
    def quiet_factor(self) -> float:
        """The rate between bursts over the mean rate."""
        whole = self.mean_quiet_s + self.mean_burst_s
        return whole / (self.mean_quiet_s + self.factor * self.mean_burst_s)

    @property
    def burst_factor(self) -> float:
        """The rate in a burst over the mean rate."""
        return self.factor * self.quiet_factor


class Replay(Settings):
    """Times, and sizes where it has them, from a file with a row a request."""

    path: Annotated[str, Field(min_length=1)]
    """A file in the scenario's folder, or 'sample:…'."""
    speed: Annotated[Number, Field(gt=0, le=10_000)] = 1.0
    """How many times as fast as it was recorded."""
    columns: dict[TraceColumn, str] = Field(default_factory=dict)
    """The file's names of these columns, where they are not guessed."""


class Users(Settings):
    """A closed loop: each user thinks, asks, waits for the answer, and thinks again. The slower the answers, the fewer
    the questions: an overload hides itself, and no two variants are asked the same at the same time."""

    count: Annotated[WholeNumber, Field(ge=1, le=MAX_USERS)]
    think_s: Annotated[Number, Field(ge=0.001, le=1e6)] = SECONDS_BETWEEN_QUESTIONS
    """The mean time from an answer (or its failure) to the next question, and from the run's start to the first one."""
    think: Literal["exponential", "constant"] = "exponential"


class Traffic(Settings):
    """When requests arrive, and which rows they ask about. But for the `closed` loop, nothing waits for an answer."""

    arrivals: Process = "poisson"
    """Poisson: independent users. Constant: evenly spaced, the first after one spacing. Gamma: independent gaps that
    vary as `gap_cv` says. Trace: as `trace` has recorded them. Closed: each of `users` asks again once it has its
    answer; then variants are never compared request by request."""
    gap_cv: Annotated[Number, Field(ge=0.05, le=20)] | None = None
    """For "gamma": the gaps' standard deviation over their mean. 1 is as bursty as Poisson, below is more even."""
    trace: Replay | None = None
    users: Users | None = None
    level: LevelName | None = None
    """Exactly one of `level`, `rate_per_s` and `points` says how many requests arrive. A trace needs none; with one, its
    gaps are stretched so that it has this rate on average."""
    rate_per_s: RatePerS | None = None
    points: Annotated[tuple[RatePoint, ...], Field(min_length=1, max_length=10_000)] | None = None
    """In order of time. Before the first one nothing arrives, after the last one its rate stays."""
    spikes: Annotated[tuple[Spike, ...], Field(max_length=1_000)] = ()
    day: Day | None = None
    launch: Launch | None = None
    bursts: Bursts | None = None
    factor: Factor = 1.0
    """Multiplies the rate at all times."""
    max_requests: Count | None = None
    """The run offers no more requests than this."""

    order: Order = "in_order"
    """Which row a new question takes: the next, the next of a shuffled pass, or popular ones more often."""
    skew: Annotated[Number, Field(ge=0, le=10)] = 1.0
    """With order "zipf": the row of popularity rank k is asked in proportion to k ** -skew."""
    repeat_rate: Share = 0.2
    """Probability that a request repeats an earlier one verbatim."""
    repeat_window: Annotated[WholeNumber, Field(ge=1, le=MAX_REPEAT_WINDOW)] = 10_000
    """A repeat picks among so many requests before it."""
    same_row_same_question: bool = False
    """True: to a cache, two requests for one row are the same question, if their texts are. False: only a repeat is."""

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        given = [name for name in ("level", "rate_per_s", "points") if getattr(self, name) is not None]
        named = " and ".join(given) if given else "none of them"
        if self.arrivals == "closed":
            self._no_rate(given)
            return self
        replays = self.arrivals == "trace"
        if replays and len(given) > 1:
            raise ValueError(
                f"with a trace at most one of level, rate_per_s and points is given, here {named}"
            )
        if not replays and len(given) != 1:
            raise ValueError(f"exactly one of level, rate_per_s and points must be given, here {named}")
        times_us = [microseconds(point.at_s) for point in self.points or ()]
        if any(later <= earlier for earlier, later in pairwise(times_us)):
            raise ValueError("points must be in order of at_s, each later than the one before it")
        try:
            self.profile()
        except UserError as error:
            raise ValueError(f"{error.what}. {error.do}") from error
        return self

    def _no_rate(self, given: list[str]) -> None:
        """A closed loop sets its own rate."""
        shapes = [name for name in ("spikes", "day", "launch", "bursts") if getattr(self, name)]
        too_much = [*given, *shapes, *(["factor"] if self.factor != 1 else [])]
        if too_much:
            raise ValueError(
                f"in a closed loop the answers set the rate, and 'users' say how many ask: leave out {', '.join(too_much)}"
            )

    @model_validator(mode="after")
    def _own_settings(self) -> Self:
        for process, key in (("gamma", "gap_cv"), ("trace", "trace"), ("closed", "users")):
            value = getattr(self, key)
            if self.arrivals == process and value is None:
                raise ValueError(f"arrivals = '{process}' needs '{key}'")
            if self.arrivals != process and value is not None:
                raise ValueError(f"'{key}' needs arrivals = '{process}', here it is '{self.arrivals}'")
        return self

    @property
    def has_rate(self) -> bool:
        """Whether a rate is given; without one it is the trace's."""
        return any(each is not None for each in (self.level, self.rate_per_s, self.points))

    def profile(self, trace_per_s: float = 1.0, bursts: Steps | None = None) -> RateProfile:
        """The rate over time: level, rate or points, times day, launch and spikes, times factor.

        `trace_per_s` is the trace's own rate, which counts where none is given. `bursts` are a run's bursts, drawn; left
        out, the rate is what it is on average over them. Raises UserError when it is above MAX_RATE_PER_S.
        """
        start_us, from_per_s, to_per_s = self._base_pieces(trace_per_s)
        spans_us = [
            (microseconds(s.at_s), microseconds(s.at_s + s.duration_s), s.factor) for s in self.spikes
        ]
        span_edges_us = [edge for begin, end, _ in spans_us for edge in (begin, end)]
        every_edge_us: Floats = np.concatenate([start_us, span_edges_us, [] if bursts is None else bursts[0]])
        # Not np.unique: it imports numpy.ma, which the first window would wait for.
        ordered_us: Floats = np.sort(every_edge_us)
        edges: Floats = ordered_us[np.append(True, np.diff(ordered_us) > 0)]
        multiple = np.full(len(edges), self.factor)
        if bursts is not None:
            multiple *= bursts[1][np.searchsorted(bursts[0], edges, side="right") - 1]
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

    def _base_pieces(self, trace_per_s: float) -> Pieces:
        """The rate per second before spikes, bursts and factor."""
        pieces = self._given(trace_per_s)
        if self.day is not None:
            day = self.day
            pieces = multiplied(pieces, daily(day.peak_at_s * 1e6, day.length_s * 1e6, day.low_share))
        if self.launch is not None:
            of = self.launch
            shape = launched(
                of.at_s * 1e6,
                of.rise_s * 1e6,
                of.hold_s * 1e6,
                of.half_life_s * 1e6,
                of.peak_factor,
                of.settled_factor,
            )
            pieces = multiplied(pieces, shape)
        return pieces

    def _given(self, trace_per_s: float) -> Pieces:
        if self.users is not None:
            return level(self.users.count / self.users.think_s)  # if answers took no time
        if self.level is not None:
            return level(LEVELS[self.level].rate_per_s)
        if self.rate_per_s is not None:
            return level(self.rate_per_s)
        if self.points is None:
            return level(trace_per_s * (1.0 if self.trace is None else self.trace.speed))
        points = self.points
        if microseconds(points[0].at_s) > 0:
            points = (RatePoint(at_s=0, rate_per_s=0), *points)
        start_us = np.array([microseconds(point.at_s) for point in points], dtype=np.float64)
        rates = [point.rate_per_s for point in points]
        ends = [later.rate_per_s if later.ramp else earlier.rate_per_s for earlier, later in pairwise(points)]
        return Pieces(start_us, np.array(rates), np.array([*ends, rates[-1]]))


def microseconds(seconds: float) -> int:
    """Seconds of a setting as virtual time, to the nearest microsecond."""
    return round(seconds * 1e6)
