"""How the faults that fire strike one call to a target; the same for the simulated provider and for faults on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from app.engine.draws import Column, Draws, Role
from app.faults.base import AttemptFault
from app.faults.fault_set import FaultSet
from app.safeguards.commands import Attempt


class Concerned(Protocol):
    """What must be known of a question."""

    def has(self, fault: AttemptFault) -> bool:
        """Whether the fault's rule about rows and prompts speaks of this question."""
        ...


def noted(faults: FaultSet, hits: int, attempt: Attempt) -> int:
    """Those of the faults in the bit set `hits` that strike the call, as the attempt and its request now say: rules about
    prompts and rows may not speak of what it asks."""
    request = attempt.request
    if hits & faults.choosy:
        question: Concerned = request.question
        for number, fault in enumerate(faults.faults):
            if hits >> number & 1 and isinstance(fault, AttemptFault) and not question.has(fault):
                hits ^= 1 << number
    attempt.hits = hits
    request.hits |= hits
    return hits


class FurtherDraws:
    """What faults draw beside whether they fire, for calls to one target: keyed by purpose, attempt and request."""

    def __init__(self, target: str, draws: Draws) -> None:
        self._target = target
        self._draws = draws
        self._columns: dict[tuple[str, str, int, int], Column] = {}

    def of(self, fault: AttemptFault, number: int, retry: int, hedge: int) -> Callable[[str], float]:
        """The draws of a fault for an attempt of request `number`: purpose to a value in [0, 1)."""
        per_attempt = fault.per == "attempt"
        if not per_attempt:
            retry = hedge = -1

        def draw(purpose: str) -> float:
            key = (fault.id, purpose, retry, hedge)
            column = self._columns.get(key)
            if column is None:
                role = Role(self._target, retry, hedge) if per_attempt else None
                column = self._columns[key] = self._draws.column(f"{fault.purpose}.{purpose}", role)
            return column[number]

        return draw
