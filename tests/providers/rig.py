"""One simulated target alone, its calls made by hand at exact times. No lifecycle, no traffic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop
from typing import Any

from app.engine.agenda import Agenda
from app.engine.attempt_plans import AttemptPlans
from app.engine.draws import Draws
from app.faults.base import AttemptFault, Fault
from app.faults.fault_set import FaultSet
from app.providers.prices import Price
from app.providers.profile import Target, Tokens
from app.providers.simulated import SimulatedProvider
from app.safeguards.commands import FOREVER_US, Answer, Attempt, Bounds
from app.safeguards.errors import TIMEOUT, CallError
from app.safeguards.lifecycle import Clock
from app.safeguards.request import Request

PICO = 1_000_000
"""A token in costs this much at a rig's target; a token out ten times as much."""


def us(seconds: float) -> int:
    """Seconds as virtual time."""
    return round(seconds * 1_000_000)


@dataclass
class Asked:
    """A question that the target answers rightly, or as its faults have it."""

    qualities: list[float] = field(default_factory=lambda: [1.0])
    answers: dict[str, Answer] = field(default_factory=dict)
    prompt: int = 0

    def answer(self, kind: str) -> Answer:
        """An answer of that kind."""
        return Answer(kind, correct=kind == "right")

    def has(self, fault: AttemptFault) -> bool:
        """All rules speak of it."""
        return True


class Rig:
    """A target with faults. Calls bring 100 tokens and ask for at most 50; an answer has 11 unless told."""

    def __init__(
        self, faults: Sequence[Fault] = (), *, seed: int = 1, output_tokens: int = 11, **settings: Any
    ) -> None:
        self.clock = Clock()
        self.agenda = Agenda(self.clock)
        self.draws = Draws(seed)
        self.tokens = Tokens(output_tokens=output_tokens, output_sigma=0, max_tokens=50)
        self.faults = tuple(faults)
        self.settings = {
            "service": "constant",
            "service_s": 1,
            "quality": 1,
            "limit_reply_s": 0.05,
        } | settings
        self.ended: list[Attempt] = []
        plans, target = self._plans(), self._target()
        self.provider = SimulatedProvider(0, target, target.tariff(), plans, self.agenda, self.ended.append)
        self.strike(*(True for _ in self.faults))

    def configure(self, *, at_s: float, **settings: Any) -> None:
        """Change the target's settings."""
        self.until(at_s)
        self.settings |= settings
        target = self._target()
        self.provider.configure(target, target.tariff(), self._plans())

    def strike(self, *scheduled: bool, at_s: float = 0) -> None:
        """Which faults their schedules have on, from a time on."""
        self.until(at_s - 1e-6)
        self.clock.now = us(at_s)
        self.provider.strike(FaultSet(self.faults, self.draws, scheduled), "bare")

    def call(
        self,
        number: int = 0,
        *,
        at_s: float = 0,
        until_s: float | None = None,
        first_by_s: float | None = None,
        connect_s: float | None = None,
        between_s: float | None = None,
        retry: int = 0,
        input_tokens: int = 100,
        max_tokens: int = 50,
    ) -> Attempt:
        """A call arrives."""
        self.until(at_s)
        request = Request().begun((number, us(at_s), Asked(), number, input_tokens, max_tokens, 0))
        until_us = FOREVER_US if until_s is None else us(until_s)
        first_by_us = FOREVER_US if first_by_s is None else us(first_by_s)
        attempt = Attempt().begun(request, retry, us(at_s), first_by_us, until_us)
        attempt.bounds = Bounds(
            *(FOREVER_US if each is None else us(each) for each in (connect_s, between_s))
        )
        request.attempts += (attempt,)
        self.provider.begin(attempt)
        return attempt

    def until(self, at_s: float) -> None:
        """Let everything happen up to a time, included."""
        while (next_us := self.agenda.next_us()) is not None and next_us <= us(at_s):
            self.clock.now, _, call, argument = heappop(self.agenda.heap)
            call(argument)
        self.clock.now = max(self.clock.now, us(at_s))

    def done(self, *attempts: Attempt) -> list[tuple[float, str]]:
        """Let everything happen; when each call ended, and how: its answer's kind or its error."""
        self.until(100_000)
        return [(each.finished_us / 1e6, _how(each)) for each in attempts]

    def _target(self) -> Target:
        price = Price(input_usd_per_million_tokens=1, output_usd_per_million_tokens=10)
        return Target.model_validate({"price": price} | self.settings)

    def _plans(self) -> AttemptPlans:
        faults = FaultSet(self.faults, self.draws, [True] * len(self.faults))
        return AttemptPlans("primary", self._target(), self.tokens, faults, self.draws)


def cost(input_tokens: int, output_tokens: int) -> int:
    """What a call at a rig costs, in picodollars."""
    return PICO * input_tokens + 10 * PICO * output_tokens


def gives_up(rig: Rig, attempt: Attempt, *, at_s: float, error: CallError = TIMEOUT) -> None:
    """The call's client gives up before its time."""
    rig.until(at_s)
    rig.provider.abandon(attempt, error)


def _how(attempt: Attempt) -> str:
    if attempt.error is not None:
        return attempt.error.name
    assert attempt.answer is not None, "the call has not ended"
    return attempt.answer.kind
