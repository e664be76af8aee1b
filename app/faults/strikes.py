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
        self._of: dict[tuple[str, int, int], OneFaultsDraws] = {}

    def of(self, fault: AttemptFault, number: int, retry: int, hedge: int) -> Callable[[str], float]:
        """The draws of a fault for an attempt of request `number`, until it is asked for the next: purpose to a value in
        [0, 1)."""
        found = self._of.get((fault.id, retry, hedge))
        if found is None:
            role = Role(self._target, retry, hedge) if fault.per == "attempt" else None
            found = self._of[fault.id, retry, hedge] = OneFaultsDraws(self._draws, fault.purpose, role)
        found.number = number
        return found


class OneFaultsDraws:
    """What one fault draws in one role, for the request `number`."""

    __slots__ = ("_columns", "_draws", "_purpose", "_role", "number")

    def __init__(self, draws: Draws, purpose: str, role: Role | None) -> None:
        self.number = -1
        self._draws = draws
        self._purpose = purpose
        self._role = role
        self._columns: dict[str, Column] = {}

    def __call__(self, purpose: str) -> float:
        """The draw for this purpose, in [0, 1)."""
        column = self._columns.get(purpose)
        if column is None:
            column = self._columns[purpose] = self._draws.column(f"{self._purpose}.{purpose}", self._role)
        return column[self.number]
