"""The faults of a run as the engine uses them: which are on, whom they may strike, and in which attempts they fire.

Attempt faults are numbered by their place among the scenario's faults, and a set of them is a bit set of these numbers,
so that the many attempts that nothing strikes cost one comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from app.engine.draws import Draws, Role
from app.faults.base import AttemptFault, Fault, Injection, MessFault
from app.faults.content import Spoiled

MAX_FAULTS = 60


class Effect:
    """What a set of attempt faults does to a call that all of them strike.

    `injection` is what comes of it, where it is the same for every call; None where faults draw for each anew.
    """

    __slots__ = ("faults", "injection", "kinds")

    def __init__(self, faults: Sequence[AttemptFault]) -> None:
        self.faults = faults
        self.kinds = [fault.kind for fault in faults]
        self.injection: Injection | None = Injection()
        try:
            for fault in faults:
                fault.apply(self.injection, _draw_nothing)
        except _DrawsError:
            self.injection = None


class _DrawsError(Exception):
    """A fault wants to draw."""


def _draw_nothing(_purpose: str) -> float:
    raise _DrawsError


class FaultSet:
    """All faults of a run with their state: `scheduled[i]` tells whether fault i's schedule has it on now."""

    def __init__(self, faults: Sequence[Fault], draws: Draws, scheduled: Sequence[bool]) -> None:
        self.faults = tuple(faults)
        self.draws = draws
        self.scheduled = list(scheduled)
        self.choosy = sum(
            1 << number
            for number, fault in enumerate(self.faults)
            if fault.prompts or fault.match is not None
        )
        """Bit set of the faults that have rules about prompts and rows."""
        self._effects: dict[int, Effect] = {}

    def active(self, variant: str, target: str) -> int:
        """Bit set of the attempt faults that may strike this variant's calls to this target now."""
        bits = 0
        for number, fault in enumerate(self.faults):
            if (
                isinstance(fault, AttemptFault)
                and self.scheduled[number]
                and fault.on
                and (not fault.targets or target in fault.targets)
                and (not fault.variants or variant in fault.variants)
            ):
                bits |= 1 << number
        return bits

    def effect(self, bits: int) -> Effect:
        """What the attempt faults in a bit set do together."""
        found = self._effects.get(bits)
        if found is None:
            faults = [fault for fault in self.chosen(bits) if isinstance(fault, AttemptFault)]
            found = self._effects[bits] = Effect(faults)
        return found

    def standstill(self, variant: str, target: str) -> str | None:
        """How the target itself stands still for this variant now; freezing outdoes holding back."""
        bits = self.active(variant, target)
        modes = {
            fault.standstill
            for number, fault in enumerate(self.faults)
            if bits >> number & 1 and isinstance(fault, AttemptFault)
        }
        return "freeze" if "freeze" in modes else "redeliver" if "redeliver" in modes else None

    def slots_left(self, variant: str, target: str) -> float:
        """The share of the target's slots that this variant's calls find now; losses multiply."""
        bits = self.active(variant, target)
        return prod(
            fault.slots_left
            for number, fault in enumerate(self.faults)
            if bits >> number & 1 and isinstance(fault, AttemptFault)
        )

    def attempt_hits(self, role: Role, first: int, count: int) -> NDArray[np.int64]:
        """For the requests `first` to `first + count - 1`: bit set of the attempt faults that fire in this role."""
        hits = np.zeros(count, dtype=np.int64)
        drawn: list[tuple[int, Fault]] = []
        for number, fault in enumerate(self.faults):
            if not isinstance(fault, AttemptFault) or (fault.targets and role.target not in fault.targets):
                continue
            if fault.first is None and fault.every is None and fault.rate is not None and 0 < fault.rate < 1:
                drawn.append((number, fault))
            else:
                requests = np.arange(first, first + count, dtype=np.int64)
                draw = self._draw(fault, role if fault.per == "attempt" else None, requests)
                hits |= self._triggered(fault, draw, requests, role.retry).astype(np.int64) << number
        if drawn:
            # Most faults have but a rate: all of them in one table.
            columns = [(fault.purpose, role if fault.per == "attempt" else None) for _, fault in drawn]
            rates = [fault.rate or 0.0 for _, fault in drawn]
            bits = np.array([1 << number for number, _ in drawn], dtype=np.int64)
            hits |= bits @ self.draws.below(columns, rates, first, count)
        return hits

    def spoiled(self, role: Role, first: int, count: int) -> list[tuple[int, Spoiled]]:
        """The faults of content, on now, that fire in this role for the requests `first` to `first + count - 1`: each
        with the request's place among them."""
        requests = np.arange(first, first + count, dtype=np.int64)
        found: list[tuple[int, Spoiled]] = []
        for number, fault in enumerate(self.faults):
            if not isinstance(fault, Spoiled) or not (fault.on and self.scheduled[number]):
                continue
            if not fault.targets or role.target in fault.targets:
                draw = self._draw(fault, role if fault.per == "attempt" else None, requests)
                fires = self._triggered(fault, draw, requests, role.retry)
                found += [(place, fault) for place in np.flatnonzero(fires).tolist()]
        return found

    def mess_hits(self, number: int, requests: NDArray[np.int64]) -> NDArray[np.bool_]:
        """For each request number: whether mess fault `number` fires."""
        fault = self.faults[number]
        return self._triggered(fault, self._draw(fault, None, requests), requests, 0)

    def mess(self) -> list[tuple[int, MessFault]]:
        """The mess faults with their numbers."""
        return [(number, fault) for number, fault in enumerate(self.faults) if isinstance(fault, MessFault)]

    def chosen(self, bits: int) -> list[Fault]:
        """The faults in a bit set."""
        return [fault for number, fault in enumerate(self.faults) if bits >> number & 1]

    def _draw(self, fault: Fault, role: Role | None, requests: NDArray[np.int64]) -> NDArray[np.float64]:
        if fault.rate is None or fault.rate in (0, 1):
            return np.zeros(len(requests))
        return self.draws.of(fault.purpose, role, requests.astype(np.uint64))

    def _triggered(
        self, fault: Fault, draw: NDArray[np.float64], requests: NDArray[np.int64], retry: int
    ) -> NDArray[np.bool_]:
        fires = np.ones(len(requests), dtype=np.bool_)
        if fault.rate == 0:
            fires[:] = False
        elif fault.rate is not None and fault.rate < 1:
            fires &= draw < fault.rate
        counted = requests if fault.count_by == "request" else np.full(len(requests), retry)
        if fault.first is not None:
            fires &= counted < fault.first
        if fault.every is not None:
            fires &= counted % fault.every == fault.every - 1
        return fires
