"""A fault is trigger + effect + scope + schedule, four separate things.

`Fault` holds the first, third and fourth, alike for all kinds; the effect is what a kind's own class adds. Kinds register
with `@register`; a new kind is a class in the file of its group, and nothing else needs to know it.

Two families say where an effect applies:
    AttemptFault   one call to a target: errors, hangs, latency, content; `apply` changes the call's `Injection`,
                   and `standstill` may hold up the target itself
    MessFault      the row that a request asks about
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from app.providers.answers.kinds import AnswerKind
from app.safeguards.errors import CallError
from app.scenario.base import Settings
from app.scenario.numbers import Count, Cycle, Duration, Seconds, Share

MICRO = 1_000_000
NEVER_US = 1 << 60
"""Longer than any run."""


class Match(Settings):
    """A rule about a row: its value in `column` equals, or contains, a text (case is ignored)."""

    column: str
    equals: str | None = None
    contains: str | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.equals is None) == (self.contains is None):
            raise ValueError("give either 'equals' or 'contains'")
        return self

    def holds(self, row: dict[str, object]) -> bool:
        """Whether the row is one that the rule speaks of."""
        value = str(row.get(self.column, "")).casefold().strip()
        if self.equals is not None:
            return value == self.equals.casefold().strip()
        return (self.contains or "").casefold() in value


@dataclass(frozen=True)
class Interruption:
    """What happens to a stream once `after_share` of its answer's tokens have come (None: before the first of them).

    It pauses for `pause_us` and goes on, or breaks with `error`.
    """

    after_share: float | None
    pause_us: int = 0
    error: CallError | None = None


class Injection:
    """What the faults that fired do to one attempt; each fault in turn adds to it.

    Where it depends on the faults alone, and on no draw, one serves for all attempts that they strike.
    """

    error: CallError | None = None
    error_after_us = 0
    retry_after_us: int | None = None
    connecting = False
    """The error comes while the client waits for a connection."""
    hang = False
    first_token_factor = 1.0
    token_factor = 1.0
    prompt_s_per_token = 0.0
    """How long the prompt takes on its way, beside all else."""
    answer_s_per_token = 0.0
    """How long a token of the answer takes at least."""
    ageing: tuple[int, float, float] | None = None
    """Times grow with the time of day: from (µs) by so much a minute, up to a factor."""
    load_slope = 0.0
    """Times grow by this share for each call per slot that is there already."""
    answer: AnswerKind | None = None
    keep_fraction = 1.0
    to_the_limit = False
    """The answer has as many tokens as the call allows."""
    price_factor = 1.0
    cold = False
    """What the target has kept of the prompt is lost."""
    interruption: Interruption | None = None
    usage_untold = False
    """The answer does not say how many tokens it took."""

    def fail(
        self, error: CallError, after_us: int, retry_after_us: int | None = None, *, connecting: bool = False
    ) -> None:
        """Answer with an error; the first fault to say so is heard."""
        if self.error is None and not self.hang:
            self.error, self.error_after_us, self.retry_after_us = error, after_us, retry_after_us
            self.connecting = connecting

    def interrupt(self, interruption: Interruption) -> None:
        """Interrupt the stream; once only, by the first fault to say so."""
        if self.interruption is None:
            self.interruption = interruption


class Fault(Settings):
    """Trigger, scope and schedule of a fault; its kind says what it does."""

    kind: str
    id: str = ""
    """The stable name that draws are keyed by; the kind, unless two faults share it."""
    on: bool = True
    label: str = ""

    rate: Share | None = None
    """Share of attempts (or requests) hit: 0 never, 1 always, exactly."""
    first: Count | None = None
    """Hit the first so many, counted by `count_by`."""
    every: Count | None = None
    """Hit every so-manieth, counted by `count_by`."""
    count_by: Literal["request", "retry"] = "request"
    match: Match | None = None
    """Only requests about rows like this."""
    per: Literal["attempt", "request"] = "attempt"
    """Whether each attempt draws anew, or a request's attempts all share one draw."""

    targets: list[str] = Field(default_factory=list)
    prompts: list[str] = Field(default_factory=list)
    variants: list[str] = Field(default_factory=list)

    from_s: Seconds = 0
    to_s: Seconds | None = None
    period_s: Cycle | None = None
    """Flapping: bad for `bad_s` out of every `period_s`, the first time `phase_s` after `from_s`."""
    bad_s: Duration | None = None
    phase_s: Seconds = 0
    mean_between_s: Cycle | None = None
    """Random incidents: mean time from one's end to the next one's begin; exponential."""
    mean_duration_s: Duration | None = None

    default_rate: ClassVar[float | None] = None
    """The rate when no trigger is given; None makes a trigger obligatory."""
    incident: ClassVar[bool] = False
    """Whether its begin and end belong on the charts as an incident."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.rate is None and self.first is None and self.every is None:
            if self.match is None and self.default_rate is None:
                raise ValueError("say when it strikes: give 'rate', 'first' or 'every'")
            object.__setattr__(self, "rate", 1.0 if self.match is not None else self.default_rate)
        if self.first is not None and self.every is not None:
            raise ValueError("give 'first' or 'every', not both")
        if self.to_s is not None and self.to_s <= self.from_s:
            raise ValueError(f"'to_s' ({self.to_s:g}) must be after 'from_s' ({self.from_s:g})")
        if (self.period_s is None) != (self.bad_s is None):
            raise ValueError("flapping needs both 'period_s' and 'bad_s'")
        if self.period_s is not None and self.bad_s is not None and self.bad_s > self.period_s:
            raise ValueError(f"'bad_s' ({self.bad_s:g}) must not exceed 'period_s' ({self.period_s:g})")
        if (self.mean_between_s is None) != (self.mean_duration_s is None):
            raise ValueError("random incidents need both 'mean_between_s' and 'mean_duration_s'")
        if self.period_s is not None and self.mean_between_s is not None:
            raise ValueError("give flapping or random incidents, not both")
        if not self.id:
            object.__setattr__(self, "id", self.kind)
        return self

    @property
    def purpose(self) -> str:
        """The purpose its draws are keyed by."""
        return f"fault:{self.id}"


class AttemptFault(Fault):
    """A fault of a single call."""

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Add this fault to what happens to the call; `draw(purpose)` gives further keyed draws in [0, 1)."""
        raise NotImplementedError

    @property
    def standstill(self) -> Literal["freeze", "redeliver"] | None:
        """How the target itself stands still while the fault is on, whoever calls; None when it works on."""
        return None

    @property
    def slots_left(self) -> float:
        """The share of the target's slots that is left while the fault is on, whoever calls."""
        return 1.0


class MessFault(Fault):
    """A fault of the data: the row that a request asks about comes in a mess."""

    per: Literal["attempt", "request"] = "request"
    columns: list[str] = Field(default_factory=list)
    """Columns that may be hit; all that the prompt uses, when empty."""

    @model_validator(mode="after")
    def _alike_for_all(self) -> Self:
        if self.targets or self.variants:
            raise ValueError("messy data is the same for all: it takes no 'targets' and no 'variants'")
        return self


KINDS: dict[str, type[Fault]] = {}
_F = TypeVar("_F", bound=Fault)


def register(cls: type[_F]) -> type[_F]:
    """Make a kind known under the default of its `kind`."""
    KINDS[cls.model_fields["kind"].default] = cls
    return cls
