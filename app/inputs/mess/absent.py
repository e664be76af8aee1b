"""Fields that are not there: the key is gone, or its value is null or empty."""

from __future__ import annotations

from collections.abc import Sequence

from app.inputs.mess.row import Draw, Parameters, Row, pick


def missing_field(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """One of the text columns is left out of the row."""
    present = [column for column in dict.fromkeys(text_columns) if column in row]
    if not present:
        return dict(row)
    gone = present[pick(len(present), draw("missing_field.column"))]
    return {column: value for column, value in row.items() if column != gone}


def null_text(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """One of the text columns is None."""
    filled = [column for column in dict.fromkeys(text_columns) if row.get(column) is not None]
    if not filled:
        return dict(row)
    return {**row, filled[pick(len(filled), draw("null_text.column"))]: None}


def empty_field(row: Row, text_columns: Sequence[str], draw: Draw, _parameters: Parameters) -> Row:
    """One of the text columns is an empty text."""
    filled = [column for column in dict.fromkeys(text_columns) if column in row and row[column] != ""]
    if not filled:
        return dict(row)
    return {**row, filled[pick(len(filled), draw("empty_field.column"))]: ""}
