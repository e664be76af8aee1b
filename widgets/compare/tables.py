"""A comparison as rows of cells: the settings and the metrics, side by side."""

from __future__ import annotations

import json

from app.analysis.comparison import Comparison, MetricRow
from app.analysis.comparison_text import verdict
from app.analysis.differences import Difference, shown_setting
from app.analysis.metrics import shown_gap, shown_metric
from widgets.compare.grid import Cell, Tone

_MARKS = {"best": "▲ best", "worst": "▼ worst", "": ""}


def headings(compared: Comparison, first: str) -> list[str]:
    """The name of the first column, and one for each side: its letter and what tells it from the others."""
    return [first, *(f"{chr(ord('A') + place)}: {each.label}" for place, each in enumerate(compared.sides))]


def setting_rows(compared: Comparison, *, everything: bool) -> list[list[Cell]]:
    """The settings that differ, or all of them with those that differ in bold."""
    return [_setting_row(each, everything) for each in compared.differences if everything or each.differs]


def metric_rows(compared: Comparison) -> list[list[Cell]]:
    """The metrics: value, best or worst, difference to the first side."""
    return [_metric_row(row) for row in compared.metrics]


def _setting_row(each: Difference, everything: bool) -> list[Cell]:
    bold = everything and each.differs
    cells = [Cell(each.path, bold=bold)]
    for value in each.values:
        whole = (
            json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else shown_setting(value)
        )
        if isinstance(value, str):
            whole = value
        text = shown_setting(value)
        cells.append(Cell(text, whole, "muted" if value is None else "ink", bold))
    return cells


def _metric_row(row: MetricRow) -> list[Cell]:
    metric = row.metric
    better = {
        "high": "More is better.",
        "low": "Less is better.",
        None: "Neither more nor less is better in itself.",
    }
    cells = [Cell(metric.title, f"{metric.title} = {metric.formula}. {better[metric.better]}")]
    for place, value in enumerate(row.values):
        word = verdict(row, place)
        gap = shown_gap(metric, row.differences[place]) if place else ""
        few = row.few[place] and value is not None
        parts = [
            shown_metric(metric, value),
            _MARKS[word],
            f"({gap})" if gap else "",
            "few requests" if few else "",
        ]
        tip = f"{metric.title} = {metric.formula}."
        if gap:
            tip += f" {gap} against A."
        if few:
            tip += f" Under {metric.needs} requests this is mostly luck."
        tone: Tone = "muted" if few else "ok" if word == "best" else "danger" if word == "worst" else "ink"
        cells.append(Cell("  ".join(part for part in parts if part), tip, tone, bool(word) and not few))
    return cells
