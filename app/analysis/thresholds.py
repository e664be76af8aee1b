"""`--fail-if VARIANT.METRIC OP NUMBER`: thresholds that a run may miss, for use in CI."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf, isinf, isnan, nan
from typing import Any

from app.analysis.summary import of_totals
from app.errors import UserError
from app.faults.registry import KINDS
from app.sessions.totals import EMPTY

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_FORM = re.compile(r"\s*([A-Za-z][\w-]*)\.([A-Za-z_][\w.]*)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")
_RATES = {"late_rate": "late", "degraded_rate": "degraded", "wrong_rate": "wrong", "failed_rate": "failed"}


@dataclass(frozen=True)
class Threshold:
    """Fails when the variant's metric compares so with the number."""

    text: str
    variant: str
    metric: str
    compare: str
    number: float

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Raises UserError when `text` is no threshold."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise UserError(
                f"'{text}' is no threshold",
                where="--fail-if",
                do="Write VARIANT.METRIC OP NUMBER, such as 'safeguarded.answer_s.p95 > 8'.",
            )
        variant, metric, compare, number = match.groups()
        try:
            value = float(number)
        except ValueError:
            value = nan
        # Nothing compares with "nan"; and who means infinity, which a percentile may be, says so.
        if isnan(value) or (isinf(value) and "inf" not in number.casefold()):
            raise UserError(f"'{number}' is no number to compare with", where=f"--fail-if '{text}'")
        return cls(text.strip(), variant, metric, compare, value)

    def missed(self, summary: dict[str, Any]) -> bool:
        """Whether the run fails by it.

        A percentile of `answer_s` without a value counts as infinite, any other missing value as failed.
        Raises UserError when there is no such variant or metric.
        """
        value = self._value(summary["variants"])
        if value is None:
            if not self.metric.startswith("answer_s."):
                return True
            value = inf
        return _OPERATORS[self.compare](value, self.number)

    def check(self, variants: Sequence[str]) -> None:
        """Raise UserError, before a run of these variants, if there is no such variant or metric."""
        self._value({name: of_totals(EMPTY) for name in variants})

    def _value(self, variants: dict[str, Any]) -> float | None:
        where = f"--fail-if '{self.text}'"
        if self.variant not in variants:
            raise UserError(
                f"there is no variant '{self.variant}'", where=where, do=_near(self.variant, list(variants))
            )
        summary = variants[self.variant]
        if self.metric in _RATES:
            requests = summary["requests"]
            return summary["outcomes"][_RATES[self.metric]] / requests if requests else None
        group, _, kind = self.metric.partition(".")
        if group == "faults" and kind in KINDS:
            # A kind of fault that never struck is not listed.
            return float(summary["faults"].get(kind, 0))
        value: Any = summary
        for depth, step in enumerate(self.metric.split(".")):
            if not isinstance(value, dict) or step not in value:
                there = [*summary, *_RATES] if depth == 0 else value if isinstance(value, dict) else []
                there = list(KINDS) if group == "faults" and depth else list(there)
                raise UserError(f"there is no metric '{self.metric}'", where=where, do=_near(step, there))
            value = value[step]
        if isinstance(value, dict):
            raise UserError(
                f"'{self.metric}' is no single number",
                where=where,
                do=f"It holds {', '.join(value or KINDS)}: write {self.metric}.{next(iter(value or KINDS))}.",
            )
        return None if value is None else float(value)


def _near(name: str, there: list[str]) -> str:
    near = get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}There is {', '.join(there)}." if there else hint
