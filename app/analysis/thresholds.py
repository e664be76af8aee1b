"""`--fail-if VARIANT.METRIC OP NUMBER`: thresholds that a run may miss, for use in CI."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from app.errors import UserError

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
            raise UserError(f"'{number}' is no number", where=f"--fail-if '{text}'") from None
        return cls(text.strip(), variant, metric, compare, value)

    def missed(self, summary: dict[str, Any]) -> bool:
        """Whether the run fails by it. A percentile without an answer counts as infinite, another null as failed.

        Raises UserError when there is no such variant or metric.
        """
        where = f"--fail-if '{self.text}'"
        variants = summary["variants"]
        if self.variant not in variants:
            raise UserError(f"there is no variant '{self.variant}'", where=where, do=_near(self.variant, list(variants)))
        value: Any = variants[self.variant]
        if self.metric in _RATES:
            value = value["outcomes"][_RATES[self.metric]] / value["requests"] if value["requests"] else None
        else:
            for step in self.metric.split("."):
                if not isinstance(value, dict) or step not in value:
                    there = list(value) if isinstance(value, dict) else []
                    raise UserError(
                        f"there is no metric '{self.metric}'", where=where, do=_near(step, [*there, *_RATES])
                    )
                value = value[step]
        if isinstance(value, dict) or isinstance(value, str):
            raise UserError(f"'{self.metric}' is no single number", where=where, do=f"It holds {', '.join(value)}.")
        if value is None:
            if self.metric.startswith("answer_s."):
                value = float("inf")
            else:
                return True
        return _OPERATORS[self.compare](float(value), self.number)

    def check(self, variants: list[str]) -> None:
        """Raise UserError before the run if there is no such variant."""
        if self.variant not in variants:
            raise UserError(
                f"there is no variant '{self.variant}'", where=f"--fail-if '{self.text}'", do=_near(self.variant, variants)
            )


def _near(name: str, there: list[str]) -> str:
    near = get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}There is {', '.join(there)}."
