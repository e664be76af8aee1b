"""A validation in words: what is printed, shown in the window and copied from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.analysis.validation.report import Finding, Report
from app.analysis.validation.results import RESULTS


def in_words(parameters: Mapping[str, Any]) -> str:
    """A run's parameters, as `--set` takes them."""
    return ", ".join(f"{key}={value}" for key, value in parameters.items())


def headline(row: Finding) -> str:
    """Which run a row is of."""
    return f"{row.title} ({row.name}: {in_words(row.parameters)})"


def verdict(row: Finding) -> str:
    """Whether the row is reproduced. 'too coarse' says nothing: too few requests."""
    return "pass" if row.passed else "FAIL" if row.precise else "too coarse"


def number(value: float) -> str:
    """A value with five digits."""
    return f"{value:.5g}"


def interval(row: Finding) -> str:
    """From where to where the value itself may be, by our measurement; empty for an exact one."""
    return "" if row.low == row.high else f"{number(row.low)} … {number(row.high)}"


def distance(row: Finding) -> str:
    """How many standard errors we are off, beyond the bias of the formula itself."""
    return "–" if row.z is None else f"{row.z:+.2f}" if row.stderr else "exact"


def conclusion(report: Report) -> list[str]:
    """What it comes to, a sentence to a line; the last one counts the rows."""
    missed = sum(not row.passed for row in report.rows)
    told = []
    coarse = [row for row in report.rows if not row.precise]
    if any("requests" in RESULTS[row.name].model_fields for row in coarse):
        told.append("'too coarse' says nothing: too few requests. --set requests=N takes more.")
    elif coarse:
        told.append("'too coarse' says nothing: too few requests. --set precision=P asks for less.")
    if not report.together:
        told.append("The runs, taken together, are further off than chance allows.")
    whole = f"{len(report.rows):,}"
    told.append(
        f"{whole} rows, all reproduced." if report.passed else f"{missed:,} of {whole} rows not reproduced."
    )
    return told


def line(row: Finding | None) -> str:
    """A row as a line of a table, up to its verdict; None: the headings."""
    if row is None:
        return _line("", "known", "ours", "interval", "z")
    return _line(f"  {row.what}", number(row.known), number(row.ours), interval(row), distance(row))


def as_text(report: Report) -> str:
    """All of it, as plain text. Lines end with a line feed."""
    lines = [line(None).rstrip()]
    run = None
    for row in report.rows:
        if run != (run := (row.name, row.parameters, row.seed)):
            lines += [f"{headline(row)}, seed {row.seed}", f"  source: {row.source}"]
        lines.append(f"{line(row)}{verdict(row)}")
    return "\n".join([*lines, "", *conclusion(report)]) + "\n"


def _line(what: str, known: str, ours: str, between: str, z: str) -> str:
    return f"{what:<38}{known:>10}{ours:>10}{between:>22}{z:>7}  "
