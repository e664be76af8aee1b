"""The faults of one variant's real calls: the same as the virtual driver's, from the same draws and schedules.

Decides what strikes a call; `FaultTransport` carries it out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.engine.draws import Draws, Role
from app.errors import UserError
from app.faults.base import AttemptFault, Injection
from app.faults.fault_set import FaultSet
from app.faults.schedule import Schedule
from app.faults.strikes import FurtherDraws, noted
from app.providers.answers.kinds import AnswerKind
from app.providers.effects import slowness
from app.providers.endpoint import Endpoint
from app.providers.struck import Struck
from app.safeguards.commands import Attempt
from app.scenario.model import Scenario


class WireFaults:
    """Decides call by call; times never go back. `log` has time (µs) and kind of every fault that struck, `faults` are those
    that are there now."""

    def __init__(self, scenario: Scenario, variant: str, draws: Draws) -> None:
        """Raises UserError for a fault that happens inside the provider: real ones cannot be made to stand still."""
        self.log: list[tuple[int, str]] = []
        self._variant = variant
        self._draws = draws
        self._further_draws = [FurtherDraws(name, draws) for name in scenario.targets]
        self.change(scenario, 0)

    def change(self, scenario: Scenario, at_us: int) -> None:
        """From `at_us` on strike by these settings. Raises UserError as the beginning does."""
        check_outside(scenario)
        self._targets = list(scenario.targets)
        self._schedules = [Schedule(fault, self._draws, at_us) for fault in scenario.faults]
        self.faults = FaultSet(scenario.faults, self._draws, [schedule.on for schedule in self._schedules])

    def strike(
        self,
        attempt: Attempt,
        endpoint: Endpoint,
        *,
        now: int,
        load: Callable[[], float],
        spoil: Callable[[AnswerKind, str], Awaitable[str]],
    ) -> Struck | None:
        """What strikes a call that begins at `now` (µs); None if nothing does. `load` tells the calls per slot.

        Notes it in the attempt and its request. `spoil` makes of a text an answer of a kind.
        """
        self._pass_edges(now)
        request = attempt.request
        target = self._targets[attempt.target]
        active = self.faults.active(self._variant, target)
        if not active:
            return None
        role = Role(target, attempt.retry, attempt.hedge)
        hits = int(self.faults.attempt_hits(role, request.number, 1)[0]) & active
        hits = noted(self.faults, hits, attempt)
        if not hits:
            return None
        injection = Injection()
        failed_by = broken_by = ""
        for fault in self.faults.effect(hits).faults:
            draws = self._further_draws[attempt.target]
            fault.apply(injection, draws.of(fault, request.number, attempt.retry, attempt.hedge))
            self.log.append((now, fault.kind))
            if injection.error is not None:
                failed_by = failed_by or fault.kind
            if injection.interruption is not None:
                broken_by = broken_by or fault.kind
        kind = injection.answer
        attempt.spoiled = kind

        async def spoiled(said: str) -> str:
            return said if kind is None else await spoil(kind, said)

        return Struck(
            wire=endpoint.wire,
            model=endpoint.model,
            number=request.number,
            input_tokens=request.input_tokens,
            injection=injection,
            failed_by=failed_by,
            broken_by=broken_by,
            slower=slowness(injection, now, load()),
            spoil=spoiled,
        )

    def _pass_edges(self, now: int) -> None:
        for number, schedule in enumerate(self._schedules):
            while schedule.next_us <= now:
                schedule.step()
            self.faults.scheduled[number] = schedule.on


def check_outside(scenario: Scenario) -> None:
    """Raise UserError for a fault that happens inside the provider."""
    for fault in scenario.faults:
        if isinstance(fault, AttemptFault) and fault.on and (fault.standstill or fault.slots_left < 1):
            raise UserError(
                "this happens inside the provider, and cannot be done to a real one",
                where=f"fault '{fault.id}'",
                do="Switch it off for real calls.",
            )
