"""Rows of a dataset, kept compactly while they are read and after.

They are one buffer of JSON, with an offset and a number for each. A row of strings takes its UTF-8 bytes,
three bytes a field and 16 bytes; as Python objects it would take five times that. Knows nothing of files.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.quick_json import value_of

BAD_KEPT = 1_000
NOT_TEXT = "bytes that are not text in this encoding"
UNDECODABLE = "\udcff"
"""Stands for bytes that are no text in the file's encoding: no text that can be decoded holds it."""

Progress = Callable[[int, int], None]
"""Is told bytes done and bytes in all. What it raises ends the reading."""

# Made once: json.dumps with options makes one for every call.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True)
class BadRow:
    """A row left out: its number among the data rows from 1, its line in the file where known, and why."""

    number: int
    line: int | None
    reason: str


class RowStore:
    """Rows in the order of the file; bad ones are counted, and the first 1,000 described."""

    def __init__(self) -> None:
        self.bad: list[BadRow] = []
        self.bad_count = 0
        self._bytes = bytearray()
        self._starts = array("Q", [0])
        self._numbers = array("Q")

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, row: object, line: int | None) -> None:
        """Keep a row of JSON types. One with text that no encoding can hold is a bad one."""
        try:
            self._bytes += _ENCODER.encode(row).encode()
        except UnicodeEncodeError:
            undecodable = UNDECODABLE in _ENCODER.encode(row)
            self.add_bad(NOT_TEXT if undecodable else "half a surrogate pair, which is no text", line)
            return
        self._starts.append(len(self._bytes))
        self._numbers.append(self.seen + 1)

    def add_bad(self, reason: str, line: int | None) -> None:
        """Count a row that is left out."""
        if self.bad_count < BAD_KEPT:
            self.bad.append(BadRow(self.seen + 1, line, reason))
        self.bad_count += 1

    @property
    def seen(self) -> int:
        """How many rows there were so far, good and bad."""
        return len(self._numbers) + self.bad_count

    def row(self, index: int) -> Any:
        """The good row at `index` from 0, as it was added; about 3 µs. Raises IndexError."""
        if not 0 <= index < len(self._numbers):
            raise IndexError(f"row {index} of {len(self._numbers)}")
        return value_of(self._bytes[self._starts[index] : self._starts[index + 1]])

    def number(self, index: int) -> int:
        """The number, from 1, that the good row at `index` has among all data rows. Raises IndexError."""
        return self._numbers[index]
