"""What a validation found, as plain values: for JSON, for printing, and for handing from one process to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Self

from app.analysis.validation.base import KnownResult
from app.analysis.validation.statistics import Comparison, together_likely


@dataclass(frozen=True)
class Finding:
    """A row: ours beside the known value, all in the unit that `what` says.

    `stderr` is ours, `bias` what the formula may be off by, `precision` the largest standard error that counts,
    `low` and `high` where the value may be by our measurement; `z` is None where an exact value differs.
    """

    name: str
    title: str
    source: str
    parameters: Mapping[str, Any]
    seed: int
    what: str
    known: float
    ours: float
    stderr: float
    bias: float
    precision: float
    low: float
    high: float
    z: float | None
    precise: bool
    passed: bool
    independent: bool
    """Whether it stands for its run when runs are taken together."""


def findings(case: KnownResult) -> list[Finding]:
    """Run a case; its rows."""
    return [_finding(case, row, first=place == 0) for place, row in enumerate(case.rows())]


def _finding(case: KnownResult, row: Comparison, *, first: bool) -> Finding:
    low, high = row.interval
    return Finding(
        name=case.name,
        title=case.title,
        source=case.source,
        parameters=case.parameters(),
        seed=case.seed,
        what=row.known.name,
        known=row.known.value,
        ours=row.ours.mean + 0.0,  # never -0
        stderr=row.ours.stderr,
        bias=row.known.bias,
        precision=row.known.precision * row.known.value,
        low=low,
        high=high,
        z=row.z if isfinite(row.z) else None,
        precise=row.precise,
        passed=row.passed,
        independent=first and row.ours.stderr > 0,
    )


@dataclass(frozen=True)
class Report:
    """All rows, and whether those of different runs are, taken together, off by no more than chance."""

    rows: tuple[Finding, ...]
    together: bool
    passed: bool

    @classmethod
    def of(cls, rows: Sequence[Finding]) -> Self:
        """The report on these rows."""
        together = together_likely([row.z for row in rows if row.independent and row.z is not None])
        return cls(tuple(rows), together, together and all(row.passed for row in rows))

    @classmethod
    def read(cls, json: Mapping[str, Any]) -> Self:
        """A report that another process wrote."""
        return cls.of([Finding(**row) for row in json["rows"]])

    def as_json(self) -> dict[str, Any]:
        """As plain values; every number is finite."""
        return asdict(self)
