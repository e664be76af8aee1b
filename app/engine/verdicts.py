"""How answers fare in the scenario's checks. An answer that many questions share is checked once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.checks import AnyCheck, check_job, may_hang, perform

KEPT = 50_000
"""Verdicts kept at a time."""

Case = tuple[int, str, dict[str, object]]
"""Prompt, answer's text, and the row's values by column name as the checks call them."""

_PASSES_ALWAYS = (True, frozenset[str]())


class _Asked:
    """A check to be made of a text; checks with equal keys have equal verdicts."""

    __slots__ = ("check", "expected", "key", "text")

    def __init__(self, check: AnyCheck, text: str, expected: object) -> None:
        self.check = check
        self.text = text
        self.expected = expected
        self.key = check.id, text, repr(expected)


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

    def any_for(self, prompt: int) -> bool:
        """Whether answers to that prompt are checked. Without checks they pass."""
        return bool(self._checks[prompt])

    def of(self, cases: Sequence[Case]) -> list[tuple[bool, frozenset[str]]]:
        """For each case: whether all truth checks pass, and the ids of the runtime checks that fail."""
        if not any(self._checks):
            return [_PASSES_ALWAYS] * len(cases)
        asked = [
            [_Asked(check, text, _expected(check, row)) for check in self._checks[prompt]]
            for prompt, text, row in cases
        ]
        self._learn(each for of_case in asked for each in of_case)
        verdicts = []
        for of_case in asked:
            failed = [each.check for each in of_case if not self._known[each.key]]
            true = all(check.scores != "truth" for check in failed)
            verdicts.append((true, frozenset(check.id for check in failed if check.scores != "truth")))
        return verdicts

    def _learn(self, asked: Iterable[_Asked]) -> None:
        """Have the checks made that were not made before."""
        if len(self._known) > KEPT:
            self._known.clear()
        jobs = {}
        for each in asked:
            if each.key in self._known or each.key in jobs:
                continue
            job = check_job(each.check, each.text, each.expected)
            if each.check.id in self._may_hang:
                jobs[each.key] = job
            else:
                self._known[each.key] = bool(perform(job)["passed"])
        if jobs:
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
