"""What a lifecycle asks of its driver, and what it gets back. No I/O: a command is a wish.

    Attempt   start a call to a target, and wait for its end (the command is the handle, and carries the outcome)
    WaitAny   wait until one of the flights has landed, or until a time
    Sleep     wait until a time
    Resolve   let flights land; whoever waits for them goes on
    Spawn     let a branch of the request run beside it; its flight lands when it ends
    Cancel    have a branch leave off; its flight lands when it has

A driver sets the clock before it resumes a lifecycle, and sends the outcome that was waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from app.safeguards.errors import TIMEOUT, CallError
from app.sessions.vocabulary import SERVED_BY

if TYPE_CHECKING:
    from app.providers.course import Course
    from app.safeguards.base import Tariff
    from app.safeguards.request import Branch, Request

FOREVER_US = 1 << 62
NOBODY = SERVED_BY.index("nobody")


class Answer:
    """What a model, a cache or a canned text says: its text and how it fares in the checks.

    `text` may be left out where it can be made again from keys (`kind`); `correct` is the verdict of the truth checks,
    which only score; `failed_checks` names the runtime checks it fails, which is all that a safeguard may know.
    """

    __slots__ = ("correct", "failed_checks", "kind", "text")

    def __init__(
        self, kind: str, *, text: str = "", correct: bool = True, failed_checks: frozenset[str] = frozenset()
    ) -> None:
        self.kind = kind
        self.text = text
        self.correct = correct
        self.failed_checks = failed_checks


class Result:
    """How a request stands on its way out through the safeguards: an answer and who gave it, or an error.

    `served_by` is an index into `vocabulary.SERVED_BY`.
    """

    __slots__ = ("answer", "cost_pico", "error", "first_us", "retry_after_us", "served_by")

    answer: Answer | None
    error: CallError | None
    served_by: int
    retry_after_us: int | None
    cost_pico: int
    first_us: int | None

    @staticmethod
    def failure(error: CallError) -> Result:
        """A result without an answer."""
        return _result(None, NOBODY, error)

    @staticmethod
    def of(answer: Answer, served_by: int) -> Result:
        """A result with an answer."""
        return _result(answer, served_by, None)


def _result(answer: Answer | None, served_by: int, error: CallError | None) -> Result:
    result = Result()
    result.answer = answer
    result.error = error
    result.served_by = served_by
    result.retry_after_us = None
    result.cost_pico = 0
    result.first_us = None
    return result


class Bounds(NamedTuple):
    """How long (µs) a client waits for a call's connection, and for the next token of a stream that has begun."""

    connect_us: int
    between_us: int


UNBOUNDED = Bounds(FOREVER_US, FOREVER_US)


class Attempt(Result):
    """One call to a target. The lifecycle fills in what to call and by when; the driver fills in the rest.

    Times are microseconds since the run's start, money picodollars. `first_by_us` and `until_us` are the instants
    at which the client gives up when there is no first token, or no end, by then; `queued_us` is the time spent in the
    provider's queue; `hits` is the bit set of the faults that struck, by position in the run's fault set.
    """

    __slots__ = (
        "billed",
        "bounds",
        "course",
        "done_us",
        "due_us",
        "finished_us",
        "first_by_us",
        "hits",
        "input_tokens",
        "output_tokens",
        "overdue",
        "plan",
        "queued_us",
        "reply",
        "request",
        "reserved_tokens",
        "retry",
        "sequence",
        "spoiled",
        "started_us",
        "state",
        "status",
        "target",
        "tariff",
        "until_us",
        "why",
    )

    # What every driver fills in.
    finished_us: int
    input_tokens: int
    # The virtual driver's own notes.
    plan: tuple[int, int, int, float, int]
    """First token (µs), service (µs), output tokens, quality draw, faults that fire."""
    reply: CallError
    state: int
    due_us: int
    done_us: int

    # What the lifecycle sets, and what stands until a driver knows better.
    request: Request
    sequence: int
    target: int
    retry: int
    why: str
    started_us: int
    first_by_us: int
    until_us: int
    bounds: Bounds
    overdue: CallError
    """What its client says at `until_us`: its time is up (`TIMEOUT`), or that of its request is (`DEADLINE`)."""
    queued_us: int
    status: int
    hits: int
    output_tokens: int
    billed: bool
    reserved_tokens: int
    tariff: Tariff | None
    """What it is billed by, where the driver knows that before the bill."""
    spoiled: str | None
    course: Course | None

    def begun(
        self,
        request: Request,
        retry: int,
        started_us: int,
        first_by_us: int,
        until_us: int,
        bounds: Bounds = UNBOUNDED,
    ) -> Self:
        """Itself, a new one, filled in. Not an `__init__`: CPython 3.11 takes longer to call one than for all it does."""
        self.answer = None
        self.error = None
        self.served_by = NOBODY
        self.retry_after_us = None
        self.cost_pico = 0
        self.first_us = None
        self.request = request
        self.sequence = len(request.attempts)
        self.target = request.target
        self.retry = retry
        self.why = request.why
        self.started_us = started_us
        self.first_by_us = first_by_us
        self.until_us = until_us
        self.bounds = bounds
        self.overdue = TIMEOUT
        self.queued_us = 0
        self.status = 0
        self.hits = 0
        self.output_tokens = 0
        self.billed = False
        self.reserved_tokens = 0
        self.tariff = None
        self.spoiled = None
        self.course = None
        return self

    @property
    def hedge(self) -> int:
        """0, or which of a hedge's further branches made it."""
        return self.request.hedge


class Flight:
    """What requests wait for: a call that somebody else makes, a place that becomes free, a branch that ends.

    `waiting` and `number` are the driver's own notes; a number below 0 is none.
    """

    __slots__ = ("number", "result", "waiting")

    def __init__(self) -> None:
        self.number = -1
        self.result: Result | None = None
        self.waiting: list[object] = []


class WaitAny:
    """Wait until one of the flights is resolved, or until `until_us`: the driver sends the flight, or None."""

    __slots__ = ("flights", "until_us")

    def __init__(self, flights: tuple[Flight, ...], until_us: int) -> None:
        self.flights = flights
        self.until_us = until_us


class Sleep:
    """Wait until `until_us`."""

    __slots__ = ("until_us",)

    def __init__(self, until_us: int) -> None:
        self.until_us = until_us


class Resolve:
    """Let `flights`, which have their results, land."""

    __slots__ = ("flights",)

    def __init__(self, *flights: Flight) -> None:
        self.flights = flights


class Spawn:
    """Let `branch` begin, now."""

    __slots__ = ("branch",)

    def __init__(self, branch: Branch) -> None:
        self.branch = branch


class Cancel:
    """Have `branch` leave off, now: its call is given up, and its places and reservations are given back."""

    __slots__ = ("branch",)

    def __init__(self, branch: Branch) -> None:
        self.branch = branch


Command = Attempt | WaitAny | Sleep | Resolve | Spawn | Cancel
Outcome = Attempt | Flight | None
