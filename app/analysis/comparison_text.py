"""A comparison as plain text: what the command line prints and what "Copy as text" copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.analysis.comparison import Comparison, MetricRow, SideFacts
from app.analysis.differences import shown_setting
from app.analysis.metrics import shown_gap, shown_metric
from app.analysis.pairing import Ints, Pairing

_FIRST_NUMBERS: Final = 10


def as_text(compared: Comparison) -> str:
    """All of it: sides, settings that differ, metrics, requests saved and lost, notes. Lines end with a line feed."""
    parts = [
        _sides(compared.sides),
        _settings(compared),
        _metrics(compared),
        *(pairing_text(compared, each) for each in compared.pairings),
        "\n".join(compared.notes),
        honesty(compared.sides),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def side_text(each: SideFacts) -> str:
    """Which run and variant a side is, in one line."""
    record = each.record
    state = "" if record.state == "finished" else f", {record.state}"
    name = f"'{record.name}', " if record.name else ""
    return f"Run {record.run_id}, {each.title}: {name}{record.title}, seed {record.seed}{state}"


def honesty(sides: Sequence[SideFacts]) -> str:
    """Whether the numbers are simulated, and what one run can tell."""
    clocks = {each.record.clock for each in sides}
    what = {frozenset({"virtual"}): "SIMULATED", frozenset({"wall"}): "REAL CALLS"}.get(
        frozenset(clocks), "SIMULATED beside REAL CALLS"
    )
    if any(each.record.closed_loop for each in sides):
        what += ", CLOSED LOOP: each side was asked at its own pace, which hides overload"
    return f"{what}. Each run is one draw of luck: differences hold given its incidents, without intervals."


def pairing_text(compared: Comparison, each: Pairing) -> str:
    """Requests saved and lost by a side, with the first numbers of each, or why there are no pairs."""
    label, first = compared.sides[each.side].label, compared.sides[0].label
    if not each.paired:
        return f"{label} beside {first}: not paired. {each.why}"
    lines = [f"{label} beside {first}: {each.common:,} requests ended on both sides"]
    if each.only_first or each.only_side:
        lines[0] += f" ({each.only_first:,} only in {first}, {each.only_side:,} only in {label})"
    lines.append(f"  saved (good in {label} only): {each.saved.size:,}{_numbers(each.saved)}")
    lines.append(f"  lost (good in {first} only): {each.lost.size:,}{_numbers(each.lost)}")
    return "\n".join(lines)


def verdict(row: MetricRow, index: int) -> str:
    """'best', 'worst' or nothing, in a word."""
    return "best" if index in row.best else "worst" if index in row.worst else ""


def _numbers(numbers: Ints) -> str:
    if not numbers.size:
        return ""
    shown = ", ".join(str(number) for number in numbers[:_FIRST_NUMBERS].tolist())
    return f": {shown}{', …' if numbers.size > _FIRST_NUMBERS else ''}"


def _sides(sides: Sequence[SideFacts]) -> str:
    return "\n".join(f"{chr(ord('A') + index)}  {side_text(each)}" for index, each in enumerate(sides))


def _settings(compared: Comparison) -> str:
    changed = [each for each in compared.differences if each.differs]
    if not changed:
        return "" if not compared.differences else "No setting differs."
    rows = [["Settings that differ", *_letters(compared)]]
    rows += [[each.path, *(shown_setting(value) for value in each.values)] for each in changed]
    return _table(rows, right=False)


def _metrics(compared: Comparison) -> str:
    rows = [["", *_letters(compared)]]
    few = False
    for row in compared.metrics:
        cells = []
        for index, value in enumerate(row.values):
            words = [shown_metric(row.metric, value), verdict(row, index)]
            if index:
                words.append(f"({gap})" if (gap := shown_gap(row.metric, row.differences[index])) else "")
            if row.few[index] and value is not None:
                words[0] += "*"
                few = True
            cells.append(" ".join(word for word in words if word))
        rows.append([row.metric.title, *cells])
    return _table(rows, right=True) + ("\n* too few requests to say much" if few else "")


def _letters(compared: Comparison) -> list[str]:
    return [f"{chr(ord('A') + index)}: {each.label}" for index, each in enumerate(compared.sides)]


def _table(rows: Sequence[Sequence[str]], *, right: bool) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if right and column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
