"""What a lifecycle asks of its driver, and what it gets back. No I/O: a command is a wish.

    Attempt   start a call to a target, and wait for its end (the command is the handle, and carries the outcome)
    WaitAny   wait until one of the handles has its outcome, or until a time
    Sleep     wait until a time
    Resolve   give a flight its outcome; whoever waits for it goes on

A driver sets the clock before it resumes a lifecycle, and sends the outcome that was waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.safeguards.errors import CallError

if TYPE_CHECKING:
    from app.safeguards.base import Tariff
    from app.safeguards.request import Request

FOREVER_US = 1 << 62


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
    """How a request stands on its way out through the safeguards: an answer and who gave it, or an error."""

    answer: Answer | None = None
    error: CallError | None = None
    served_by = 6
    """Index into `vocabulary.SERVED_BY`; nobody."""
    retry_after_us: int | None = None
    cost_pico = 0
    first_us: int | None = None

    @classmethod
    def failure(cls, error: CallError) -> Result:
        """A result without an answer."""
        result = cls()
        result.error = error
        return result

    @classmethod
    def of(cls, answer: Answer, served_by: int) -> Result:
        """A result with an answer."""
        result = cls()
        result.answer = answer
        result.served_by = served_by
        return result


class Attempt(Result):
    """One call to a target. The lifecycle fills in what to call and by when; the driver fills in the rest.

    Times are microseconds since the run's start, money picodollars. `first_by_us` and `until_us` are the instants
    at which the client gives up when there is no first token, or no end, by then.
    """

    queued_us = 0
    """Time spent in the provider's queue."""
    finished_us = 0
    status = 0
    hits = 0
    """Bit set of the faults that struck, by position in the run's fault set."""
    input_tokens = 0
    output_tokens = 0
    billed = False

    # The virtual driver's own notes.
    plan = (0, 0, 0, 0.0, 0)
    """First token (µs), service (µs), output tokens, quality draw, faults that fire."""
    state = 0
    due_us = 0
    done_us = 0
    reserved_tokens = 0
    tariff: Tariff
    reply: CallError
    spoiled: str | None = None

    def __init__(
        self, request: Request, retry: int, started_us: int, first_by_us: int, until_us: int
    ) -> None:
        self.request = request
        self.sequence = len(request.attempts)
        self.target = request.target
        self.retry = retry
        self.hedge = 0
        self.started_us = started_us
        self.first_by_us = first_by_us
        self.until_us = until_us


class Flight:
    """One call that several requests wait for: what single-flight caching hands to the followers."""

    __slots__ = ("result", "waiting")

    def __init__(self) -> None:
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
    """Give `flight` its result."""

    __slots__ = ("flight",)

    def __init__(self, flight: Flight) -> None:
        self.flight = flight


Command = Attempt | WaitAny | Sleep | Resolve
Outcome = Attempt | Flight | None
