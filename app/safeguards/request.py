"""One logical user request, as the lifecycle and its safeguards see it."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Self

from app.safeguards.commands import FOREVER_US, Attempt, Command, Flight, Outcome, Result

if TYPE_CHECKING:
    from app.safeguards.pipeline import Pipeline

FOR_GOOD = -1
"""The place of a reason that is about the question, and so stays as long as the question does."""

PlannedRequest = tuple[int, int, Any, Hashable, int, int, int]
"""Number, intended arrival (µs), question, cache key, input tokens, max tokens, bit set of the request's own faults."""


class Request:
    """A request on its way: what it asks, and what has been done for it so far.

    number       counts the run's requests from 0, alike for all variants
    intended_us  when it was meant to arrive; latency counts from here
    cache_key    equal for requests that ask the same question verbatim
    input_tokens size of the prompt
    max_tokens   bound on the size of an answer
    question     the driver's own record of what is asked; safeguards see of it what `input_layer.Asked` has
    mended       whether a safeguard has made a prompt possible that could not be made before
    hits         bit set of all faults that struck it or its attempts
    target       index of the target that the next attempt goes to
    retry        how many attempts that target has had for this request
    branches     how many branches it has had, if it is none itself
    hedge        0, or which of a hedge's further branches it is; of hedges within hedges, by its place among all
    why          why its next attempt is made, in the words of the safeguard that decided; empty for a first one
    fee_pico     what it cost besides its attempts, in picodollars
    cancelled    nobody waits for it any more: it goes straight out
    cache        index into `vocabulary.CACHE`
    reasons      why it is served the way it is: the place of each safeguard that decided something, and its words
    memo         what each safeguard notes about it, by its place in the pipeline; 0 until it does, and again when a
                 safeguard further out begins anew
    pipeline     the pipeline that it goes through, where its driver walks by itself
    life         its lifecycle, which the driver resumes; None as long as no layer has had anything to say
    """

    __slots__ = (
        "attempts",
        "branches",
        "cache",
        "cache_key",
        "cancelled",
        "deadline_us",
        "fee_pico",
        "hedge",
        "hits",
        "input_tokens",
        "intended_us",
        "life",
        "max_tokens",
        "memo",
        "mended",
        "number",
        "pipeline",
        "question",
        "reasons",
        "retry",
        "target",
        "why",
    )

    number: int
    intended_us: int
    question: Any
    cache_key: Hashable
    input_tokens: int
    max_tokens: int
    hits: int
    mended: bool
    target: int
    retry: int
    hedge: int
    branches: int
    why: str
    cancelled: bool
    fee_pico: int
    deadline_us: int
    cache: int
    reasons: tuple[tuple[int, str], ...]
    attempts: tuple[Attempt, ...]
    memo: list[Any]
    pipeline: Pipeline
    life: Generator[Command, Outcome, Result] | None

    def begun(self, planned: PlannedRequest, target: int = 0) -> Self:
        """Itself, a new one, filled in; as `Attempt.begun`."""
        (
            self.number,
            self.intended_us,
            self.question,
            self.cache_key,
            self.input_tokens,
            self.max_tokens,
            self.hits,
        ) = planned
        self.target = target
        self.mended = False
        self.retry = 0
        self.hedge = 0
        self.branches = 0
        self.why = ""
        self.cancelled = False
        self.fee_pico = 0
        self.deadline_us = FOREVER_US
        self.cache = 0
        self.reasons = ()
        self.attempts = ()
        self.life = None
        return self

    @property
    def reason(self) -> str:
        """Why it is served the way it is, in the words of the safeguard that decided last; empty when none did."""
        return self.reasons[-1][1] if self.reasons else ""

    def give_reason(self, slot: int, words: str) -> None:
        """Have the safeguard at `slot` say why; this stands until one further out begins anew, or for good (`FOR_GOOD`)."""
        self.reasons = (*self.reasons, (slot, words))

    def begin_anew(self, slot: int) -> None:
        """Forget the reasons that safeguards further in than `slot` gave."""
        if self.reasons:
            self.reasons = tuple(each for each in self.reasons if each[0] <= slot)

    def note_wait(self, words: str) -> None:
        """Have its next attempt say what it waited for."""
        self.why = f"{self.why}, {words}" if self.why else words

    @property
    def ended(self) -> bool:
        """Whether it is a branch that has its result; what it waited for may come all the same."""
        return False

    def attempts_since(self, first: int) -> Sequence[Attempt]:
        """Its attempts from the one with sequence `first` on, those of its branches included."""
        return self.attempts[first:]


class Branch(Request):
    """One of several ways in which a request is tried at the same time. It has the request's number and attempts, and a mind
    of its own; `flight` lands when it has ended. `place` counts the request's branches from 1, over all its hedges; it is
    its name in a record.
    """

    __slots__ = ("flight", "parent", "place", "root")

    def __init__(self, parent: Request, hedge: int, why: str) -> None:
        self.root: Request = parent.root if isinstance(parent, Branch) else parent
        attempts = parent.attempts  # `begun` empties what it shares
        sizes = (parent.input_tokens, parent.max_tokens)
        self.begun(
            (parent.number, parent.intended_us, parent.question, parent.cache_key, *sizes, 0), parent.target
        )
        self.attempts = attempts
        self.mended = parent.mended
        self.deadline_us = parent.deadline_us
        self.hedge = hedge
        self.why = why
        self.parent = parent
        self.root.branches += 1
        self.place = self.root.branches
        self.flight = Flight()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts of the request, in the order in which they began."""
        return self.root.attempts

    @attempts.setter
    def attempts(self, attempts: tuple[Attempt, ...]) -> None:
        self.root.attempts = attempts

    @property
    def ended(self) -> bool:
        """Whether it has its result."""
        return self.flight.result is not None

    def attempts_since(self, first: int) -> Sequence[Attempt]:
        """Its own attempts and those of its branches, from the one with sequence `first` on."""
        return [attempt for attempt in self.attempts[first:] if _within(attempt.request, self)]


def _within(inner: Request, outer: Request) -> bool:
    while inner is not outer:
        if not isinstance(inner, Branch):
            return False
        inner = inner.parent
    return True
