"""Many rows of the same columns, kept value after value in one list.

That is how SQLite takes them many to a statement, and how numpy reads them column by column; tuples of their own would be
taken apart for both, which costs half as much again as to insert them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from app.sessions.vocabulary import ATTEMPT_COLUMNS, REQUEST_COLUMNS


class FlatRows:
    """Rows of `width` values each. `add(row)` appends one: it is the list's own `extend`, and so as quick as can be.

    Nobody counts the values of a row that is added: `check` tells whether all together make whole rows.
    """

    __slots__ = ("add", "values", "width")

    def __init__(self, width: int, rows: Iterable[Sequence[Any]] = ()) -> None:
        self.width = width
        self.values: list[Any] = []
        """Those of the first row, those of the second, and so on."""
        self.add: Callable[[Iterable[Any]], None] = self.values.extend
        for row in rows:
            self.add(row)

    def __len__(self) -> int:
        return len(self.values) // self.width

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(*[iter(self.values)] * self.width, strict=True)

    def column(self, place: int) -> list[Any]:
        """The values of one column, row by row."""
        return self.values[place :: self.width]

    def first(self, most: int) -> FlatRows:
        """The first rows, at most so many; itself if these are all."""
        if most >= len(self):
            return self
        part = FlatRows(self.width)
        part.values += self.values[: most * self.width]
        return part

    def drop(self, count: int) -> None:
        """Forget the first `count` rows."""
        del self.values[: count * self.width]

    def clear(self) -> None:
        """Forget all of them."""
        self.values.clear()

    def check(self) -> None:
        """Raises ValueError where one of them was too short or too long."""
        if len(self.values) % self.width:
            raise ValueError(f"{len(self.values)} values are no rows of {self.width}")


def request_rows(rows: Iterable[Sequence[Any]] = ()) -> FlatRows:
    """Rows of `vocabulary.REQUEST_COLUMNS`."""
    return FlatRows(len(REQUEST_COLUMNS), rows)


def attempt_rows(rows: Iterable[Sequence[Any]] = ()) -> FlatRows:
    """Rows of `vocabulary.ATTEMPT_COLUMNS`."""
    return FlatRows(len(ATTEMPT_COLUMNS), rows)
