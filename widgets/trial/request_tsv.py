"""Rows of the request table as text for a spreadsheet: plain numbers, one request a line. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

from app.sessions.records import PromptRecord, VariantRecord
from app.sessions.search import Line

_MICRO = 1e6


def as_tsv(lines: Sequence[Line], variants: Sequence[VariantRecord], prompts: Sequence[PromptRecord]) -> str:
    """Headings and lines, separated by tabs; times in seconds, empty where there is nothing to tell."""
    names = {each.index: each.name for each in prompts}
    headings = ["number", "arrived_s", "prompt", "row"]
    for variant in variants:
        headings += [f"{variant.name} outcome", f"{variant.name} answer_s", f"{variant.name} served_by"]
    rows = [headings]
    for line in lines:
        prompt = "" if line.prompt is None else names.get(line.prompt, str(line.prompt))
        row = [
            str(line.number),
            _seconds(line.intended_us),
            prompt,
            "" if line.row is None else str(line.row),
        ]
        for cell in line.cells:
            row += ["", "", ""] if cell is None else [cell.outcome, _seconds(cell.answer_us), cell.served_by]
        rows.append(row)
    return "".join("\t".join(" ".join(each.split()) for each in row) + "\n" for row in rows)


def _seconds(time_us: int | None) -> str:
    return "" if time_us is None else f"{time_us / _MICRO:.3f}"
