"""The faults of a run as the engine uses them: which are on, whom they may strike, and in which attempts they fire.

Attempt faults are numbered by their place among the scenario's faults, and a set of them is a bit set of these numbers,
so that the many attempts that nothing strikes cost one comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.engine.draws import Draws, Role
from app.faults.base import AttemptFault, Fault, MessFault

MAX_FAULTS = 60


class FaultSet:
    """All faults of a run with their state: `scheduled[i]` tells whether fault i's schedule has it on now."""

    def __init__(self, faults: Sequence[Fault], draws: Draws, scheduled: Sequence[bool]) -> None:
        self.faults = tuple(faults)
        self.draws = draws
        self.scheduled = list(scheduled)

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

    def standstill(self, variant: str, target: str) -> str | None:
        """How the target itself stands still for this variant now; freezing outdoes holding back."""
        bits = self.active(variant, target)
        modes = {
            fault.standstill
            for number, fault in enumerate(self.faults)
            if bits >> number & 1 and isinstance(fault, AttemptFault)
        }
        return "freeze" if "freeze" in modes else "redeliver" if "redeliver" in modes else None

    def attempt_hits(self, role: Role, first: int, count: int) -> NDArray[np.int64]:
        """For the requests `first` to `first + count - 1`: bit set of the attempt faults whose trigger fires in this role."""
        hits = np.zeros(count, dtype=np.int64)
        for number, fault in enumerate(self.faults):
            if isinstance(fault, AttemptFault):
                fires = self._fires(fault, role if fault.per == "attempt" else None, role.retry, first, count)
                hits |= fires.astype(np.int64) << number
        return hits

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

    def _fires(self, fault: Fault, role: Role | None, retry: int, first: int, count: int) -> NDArray[np.bool_]:
        requests = np.arange(first, first + count, dtype=np.int64)
        return self._triggered(fault, self._draw(fault, role, requests), requests, retry)

    def _draw(self, fault: Fault, role: Role | None, requests: NDArray[np.int64]) -> NDArray[np.float64]:
        if fault.rate is None:
            return np.zeros(len(requests))
        return self.draws.of(fault.purpose, role, requests.astype(np.uint64))

    def _triggered(
        self, fault: Fault, draw: NDArray[np.float64], requests: NDArray[np.int64], retry: int
    ) -> NDArray[np.bool_]:
        fires = np.ones(len(requests), dtype=np.bool_)
        if fault.rate is not None:
            fires &= draw < fault.rate
        counted = requests if fault.count_by == "request" else np.full(len(requests), retry)
        if fault.first is not None:
            fires &= counted < fault.first
        if fault.every is not None:
            fires &= counted % fault.every == fault.every - 1
        return fires
