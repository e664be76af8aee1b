"""Reads CSV and TSV: rows of text with a header. A broken row is listed, and costs no other row.

Quoting is read strictly (RFC 4180): a quote that is not closed, or not doubled within a quoted field, makes
the row a bad one. The reading goes on with the next *line*, so that an open quote cannot swallow the rows
behind it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from app.errors import UserError
from app.inputs.encodings import OVERLONG, TextLines, split_lines
from app.inputs.rowstore import NOT_TEXT, UNDECODABLE, Progress, RowStore

MAX_FIELD_CHARS = 1_000_000
_DELIMITERS = (",", ";", "\t", "|")
# Splits nothing: no text that can be decoded holds it.
_NO_DELIMITER = "\udcfd"
_REREAD_FACTOR = 4


def detect_delimiter(head: str) -> str | None:
    """The delimiter of a file that begins with `head`: the one in the header that splits most lines as it
    does the header.

    None if the header holds none: the file has one column. Lines are looked at one by one, so that neither a
    quoted field over several lines nor a broken quote leads astray.
    """
    lines = split_lines(head)[:1000]
    best: tuple[float, int] = (0.0, 1)
    found = None
    for delimiter in _DELIMITERS:
        counts = [_width(line, delimiter) for line in lines]
        if counts and counts[0] > 1:
            score = (sum(count == counts[0] for count in counts) / len(counts), counts[0])
            if score > best:
                best, found = score, delimiter
    return found


def read_delimited(
    lines: TextLines, delimiter: str | None, store: RowStore, progress: Progress, total_bytes: int
) -> tuple[tuple[str, ...], list[str]]:
    """Read the rows, each as a list of strings, into `store`; returns the columns' names and notes on them.

    Raises UserError when the header cannot be read.
    """
    csv.field_size_limit(MAX_FIELD_CHARS)
    records = _Records(lines, delimiter or _NO_DELIMITER)
    header = next(records, None)
    if header is None:
        raise UserError("holds no rows", do="Give a file with a header line and rows.")
    if isinstance(header, str):
        raise UserError(f"the header, line {records.line}, cannot be read: {header}")
    columns, notes = unique_names(header)
    width = len(columns)
    for record in records:
        if isinstance(record, str):
            store.add_bad(record, records.line)
        elif len(record) != width:
            store.add_bad(f"{len(record)} fields where the header has {width}", records.line)
            records.read_swallowed_again()
        elif len(records.taken) > 1 and _swallowed(records.taken, delimiter, width):
            store.add_bad("a quote is not closed: the lines behind it look like rows", records.line)
            records.read_swallowed_again()
        else:
            store.add(record, records.line)
        if store.seen % 4096 == 0:
            progress(lines.bytes_done(), total_bytes)
    return columns, notes


def unique_names(header: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The column names, stripped; empty and repeated ones are renamed, which the notes say."""
    names: dict[str, None] = {}
    notes: list[str] = []
    wanted = {name.strip() for name in header}
    for position, raw in enumerate(header, 1):
        name = base = raw.strip() or f"column_{position}"
        count = 1
        while name in names or (name != raw.strip() and name in wanted):
            count += 1
            name = f"{base}_{count}"
        if not raw.strip():
            notes.append(f"column {position} has no name: called '{name}'")
        elif name != base:
            notes.append(f"column {position} is another '{base}': called '{name}'")
        names[name] = None
    return tuple(names), notes


class _Records(Iterator["list[str] | str"]):
    """Records of a file: a list of fields, or why this one cannot be read. Empty lines are passed over."""

    def __init__(self, lines: TextLines, delimiter: str) -> None:
        self.line = 0
        """The number of the line that the last record began on."""
        self.taken: list[str] = []
        """The lines of the last record."""
        self._lines = lines
        self._delimiter = delimiter
        self._reader: Iterator[list[str]] | None = None
        self._reread = 0

    def __next__(self) -> list[str] | str:
        while True:
            self.taken = []
            reason = ""
            fields: list[str] = []
            try:
                fields = next(self._reader or self._open())
            except csv.Error as error:
                reason = _reason(error)
            self.line = self._lines.number - len(self.taken) + 1
            spoilt = _spoilt(self.taken)
            if reason or spoilt:
                self.read_swallowed_again()
                return spoilt or reason
            if fields:
                return fields

    def read_swallowed_again(self) -> None:
        """Go on with the line after the one that the last record began on.

        A file made of broken quotes alone would so be read over and over; beyond a few times its length, what
        a quote has swallowed stays so.
        """
        swallowed = self.taken[1:]
        if self._reread + len(swallowed) <= _REREAD_FACTOR * self._lines.number + 1000:
            self._reread += len(swallowed)
            self._lines.give_again(swallowed)

    def _open(self) -> Iterator[list[str]]:
        first = next(self._lines)
        self._lines.give_again([first])
        splits = first.count(self._delimiter)
        spaced = self._delimiter != " " and 0 < splits == first.count(self._delimiter + " ")
        taking = _Taking(self)
        reader = csv.reader(taking, delimiter=self._delimiter, strict=True, skipinitialspace=spaced)
        self._reader = reader
        return reader

    def take(self) -> str:
        """The next line of the record that is being read. Raises StopIteration at the end of the file."""
        line = next(self._lines)
        self.taken.append(line)
        return line


class _Taking(Iterator[str]):
    """What the CSV reader reads from. Unlike a generator's, its end is not final: lines may come again."""

    def __init__(self, records: _Records) -> None:
        self._records = records

    def __next__(self) -> str:
        return self._records.take()


def _width(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0


def _reason(error: csv.Error) -> str:
    said = str(error)
    if "limit" in said:
        return f"a field over {MAX_FIELD_CHARS:,} characters: a quote is probably not closed"
    if "end of data" in said:
        return "a quote is not closed"
    return "a quote is not closed, or not doubled within a quoted field"


def _spoilt(lines: Sequence[str]) -> str:
    for line in lines:
        if "\0" in line:
            return "NUL characters"
        if not line.isascii():
            if UNDECODABLE in line:
                return NOT_TEXT
            if OVERLONG in line:
                return "an overlong line"
    return ""


def _swallowed(lines: Sequence[str], delimiter: str | None, width: int) -> bool:
    """Whether all lines between a record's first and last would be rows of their own, which is no accident.

    Rightly quoted prose can hold a few lines with as many commas, so two lines are not enough for narrow
    tables; and its commas are followed by spaces.
    """
    between = lines[1:-1]
    if delimiter is None or len(between) < (5 if width == 2 else 2):
        return False
    return all(delimiter + " " not in line and _width(line, delimiter) == width for line in between)
