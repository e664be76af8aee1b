"""Columns mixed up: two fields of a row have each other's value, as after a careless import."""

from __future__ import annotations

from collections.abc import Sequence

from app.inputs.mess.row import Draw, Parameters, Row, pick


def swapped_columns(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """The main text column and another text column swapped; where there is but one, any other column of the row."""
    present = [column for column in dict.fromkeys(text_columns) if column in row]
    others = present[1:] or [column for column in row if column not in present]
    if not present or not others:
        return dict(row)
    main, other = present[0], others[pick(len(others), draw("swapped_columns.column"))]
    return {**row, main: row[other], other: row[main]}
