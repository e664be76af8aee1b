"""The faults of the calls to one simulated target: which are on, what those that fire do to a call, and a log of them."""

from __future__ import annotations

from app.engine.draws import Draws
from app.faults.base import AttemptFault, Injection
from app.faults.fault_set import FaultSet
from app.faults.strikes import FurtherDraws, noted
from app.safeguards.commands import Attempt


class CallFaults:
    """For one target of one variant's world; none until the first `change`.

    `active` is the bit set of those that are on, by position in the run's fault set; `log` has time (µs) and kind of every
    one that struck, until somebody collects them.
    """

    __slots__ = ("_faults", "_further_draws", "_target", "active", "log")

    def __init__(self, target: str, draws: Draws) -> None:
        self.active = 0
        self.log: list[tuple[int, str]] = []
        self._target = target
        self._faults: FaultSet | None = None
        self._further_draws = FurtherDraws(target, draws)

    def change(self, faults: FaultSet, variant: str) -> None:
        """Take on the faults that are on now."""
        self._faults = faults
        self.active = faults.active(variant, self._target)

    def strike(self, attempt: Attempt, hits: int, now: int) -> Injection:
        """What those in the bit set `hits`, all of them on, do to a call that begins at `now` (µs); it and its request note
        those that strike."""
        faults = self._faults
        assert faults is not None
        number = attempt.request.number
        effect = faults.effect(noted(faults, hits, attempt))
        for kind in effect.kinds:
            self.log.append((now, kind))
        injection = effect.injection
        if injection is None:
            injection = Injection()
            for fault in effect.faults:
                fault.apply(injection, self._further_draws.of(fault, number, attempt.retry, attempt.hedge))
        return injection

    def struck(self, attempt: Attempt) -> list[AttemptFault]:
        """Those that struck a call, in the scenario's order."""
        assert self._faults is not None
        return list(self._faults.effect(attempt.hits).faults)
