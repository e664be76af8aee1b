"""Inserting rows by the thousand: many to a statement, because to run a statement costs as much as several rows.

The transaction is the caller's, and so is what the rows mean.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

_AT_ONCE: Final = 50
"""Rows to a statement: more gain nothing, and 50 of the widest table stay far below SQLite's 32,766 parameters."""


def insert(table: str, columns: Sequence[str], rows: int = 1) -> str:
    """The statement that inserts `rows` tuples of `columns`, given one after the other."""
    quoted = ", ".join(f'"{column}"' for column in columns)
    values = f"({', '.join('?' * len(columns))})"
    return f"insert into {table} ({quoted}) values {', '.join([values] * rows)}"  # noqa: S608


class Insertion:
    """Inserts sequences of `columns` into `table`."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        self._one = insert(table, columns)
        self._many = insert(table, columns, _AT_ONCE)

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Inserts `rows`, in their order."""
        even = len(rows) - len(rows) % _AT_ONCE
        connection.executemany(
            self._many,
            (tuple(chain.from_iterable(rows[at : at + _AT_ONCE])) for at in range(0, even, _AT_ONCE)),
        )
        connection.executemany(self._one, rows[even:])
