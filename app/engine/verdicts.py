"""How answers fare in the scenario's checks. An answer that many questions share is checked once."""

from __future__ import annotations

from collections.abc import Sequence

from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.checks import AnyCheck, check_job, may_hang, perform

KEPT = 50_000
"""Verdicts kept at a time."""

Case = tuple[int, str, dict[str, object]]
"""Prompt, answer's text, and the row's values by column name as the checks call them."""

_PASSES_ALWAYS = (True, frozenset[str]())


class Verdicts:
    """Verdicts of all checks on answers: whether the truth checks pass, and the runtime checks that fail."""

    def __init__(self, checks: Sequence[AnyCheck], prompts: Sequence[str], worker: BoundedWorker) -> None:
        self._worker = worker
        self._checks = [
            [check for check in checks if not check.prompts or prompt in check.prompts] for prompt in prompts
        ]
        self._may_hang = {check.id for check in checks if may_hang(check)}
        self._known: dict[tuple[str, str, str], bool] = {}
        self._examine_settings(checks)

    def of(self, cases: Sequence[Case]) -> list[tuple[bool, frozenset[str]]]:
        """For each case: whether all truth checks pass, and the ids of the runtime checks that fail."""
        if not any(self._checks):
            return [_PASSES_ALWAYS] * len(cases)
        self._learn(cases)
        verdicts = []
        for prompt, text, row in cases:
            true, failed = True, []
            for check in self._checks[prompt]:
                if not self._known[_key(check, text, row)]:
                    if check.scores == "truth":
                        true = False
                    else:
                        failed.append(check.id)
            verdicts.append((true, frozenset(failed)))
        return verdicts

    def _learn(self, cases: Sequence[Case]) -> None:
        """Have the checks made that were not made before."""
        if len(self._known) > KEPT:
            self._known.clear()
        jobs = {}
        for prompt, text, row in cases:
            for check in self._checks[prompt]:
                key = _key(check, text, row)
                if key in self._known or key in jobs:
                    continue
                job = check_job(check, text, _expected(check, row))
                if check.id in self._may_hang:
                    jobs[key] = job
                else:
                    self._known[key] = bool(perform(job)["passed"])
        for key, answer in zip(jobs, self._worker.run(list(jobs.values())), strict=True):
            # A check that ran out of time or memory has not passed.
            self._known[key] = bool(answer.get("passed", False))

    def _examine_settings(self, checks: Sequence[AnyCheck]) -> None:
        jobs = [check_job(check, None) for check in checks]
        for check, answer in zip(checks, self._worker.run(jobs), strict=True):
            why = answer.get("error") or (None if answer.get("passed") else answer.get("why"))
            if why:
                raise UserError(str(why), where=f"check '{check.id}'")


def _expected(check: AnyCheck, row: dict[str, object]) -> object:
    value = row.get(check.column) if check.kind == "equals_column" else None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _key(check: AnyCheck, text: str, row: dict[str, object]) -> tuple[str, str, str]:
    return check.id, text, repr(_expected(check, row))
