"""Inserting rows by the thousand: many to a statement, because to run a statement costs as much as several rows.

The transaction is the caller's, and so is what the rows mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from app.sessions.flat_rows import FlatRows

_AT_ONCE: Final = 50
"""Rows to a statement: more gain nothing, and 50 of the widest table stay far below SQLite's 32,766 parameters."""


def insert(table: str, columns: Sequence[str], rows: int = 1) -> str:
    """The statement that inserts `rows` tuples of `columns`, given one after the other."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    values = f"({', '.join('?' * len(columns))})"
    return f"insert into {table} ({quoted}) values {', '.join([values] * rows)}"  # noqa: S608


class Insertion:
    """Inserts rows of `columns` into `table`."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        self.width = len(columns)
        self._one = insert(table, columns)
        self._many = insert(table, columns, _AT_ONCE)

    def run(self, connection: sqlite3.Connection, rows: FlatRows) -> None:
        """Inserts `rows`, in their order. Raises ValueError where they are no rows of `columns`."""
        if rows.width != self.width:
            raise ValueError(f"rows of {rows.width} values cannot go into {self.width} columns")
        rows.check()
        values = rows.values
        many = self.width * _AT_ONCE
        even = len(values) - len(values) % many
        connection.executemany(self._many, (tuple(values[at : at + many]) for at in range(0, even, many)))
        rest = range(even, len(values), self.width)
        connection.executemany(self._one, (values[at : at + self.width] for at in rest))
