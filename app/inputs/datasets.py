"""Loads sample data: CSV, TSV, JSON and JSON Lines, whatever the encoding and delimiter.

Bad rows are listed, good ones kept. Not here: which columns are used for what, and Excel or Parquet files.

Measured on files of 100 MB: a dataset takes 1.0 (long rows) to 1.7 times (rows of 30 characters) the file's
size in memory, and no more while it loads; JSON that is not JSON Lines takes 4 times its size meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app.errors import UserError
from app.inputs.delimited import detect_delimiter, read_delimited
from app.inputs.encodings import (
    SAMPLE_BYTES,
    TextLines,
    decode_head,
    detect_encoding,
    known_encoding,
    looks_binary,
    split_lines,
)
from app.inputs.json_rows import parse_json, read_json, read_json_lines
from app.inputs.rowstore import BadRow, Progress, RowStore

__all__ = ["BadRow", "Dataset", "Format", "load_dataset"]

Format = Literal["csv", "tsv", "json", "jsonl"]

_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
_MAGIC = (
    (b"PK\x03\x04", "an Excel workbook or another zip file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"\x1f\x8b", "compressed"),
    (b"%PDF", "a PDF"),
    (b"SQLite format 3", "a database"),
)


@dataclass(frozen=True, eq=False)
class Dataset:
    """The good rows of a data file, and what became of the others.

    Good rows are counted from 0; their numbers among all data rows of the file from 1.
    """

    path: Path
    format: Format
    encoding: str
    delimiter: str | None
    """None for JSON, and for a file of one column."""
    columns: tuple[str, ...]
    """Unique names; of JSON, every key that occurs."""
    bad: tuple[BadRow, ...]
    """The first 1,000 bad rows."""
    bad_count: int
    notes: tuple[str, ...]
    """What was decided about the file that its owner may want to know."""
    _store: RowStore = field(repr=False)

    def __len__(self) -> int:
        return len(self._store)

    def row(self, index: int) -> dict[str, object]:
        """The good row at `index`, by column; a JSON object may lack some. Raises IndexError."""
        row: Any = self._store.row(index)
        return row if isinstance(row, dict) else dict(zip(self.columns, row, strict=True))

    def number(self, index: int) -> int:
        """The number that the good row at `index` has in the file, bad ones counted. Raises IndexError."""
        return self._store.number(index)


def load_dataset(
    path: Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load a file by its ending, or else by what is in it. `encoding` and `delimiter` go before what is
    detected.

    `progress` is told bytes done and bytes in all; what it raises ends the loading. Raises one UserError for
    a file that cannot be used at all: missing, unreadable, a folder, binary, empty, without rows, or without
    a good one.
    """
    try:
        return _load(path, encoding, delimiter, progress or _silent)
    except UserError as error:
        raise UserError(error.what, where=error.where or path.name or str(path), do=error.do) from None
    except OSError as error:
        raise UserError(
            f"cannot be read: {error.strerror or error}", where=str(path), do="Choose another file."
        ) from None


def _load(path: Path, encoding: str | None, delimiter: str | None, progress: Progress) -> Dataset:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise UserError(
            f"{delimiter!r} cannot be a delimiter", where="delimiter", do="Give one character, such as ;."
        )
    total_bytes = _checked_size(path)
    notes: list[str] = []
    if encoding is None:
        encoding, guessed = detect_encoding(path)
        if guessed:
            notes.append(f"encoding guessed: {encoding.removesuffix('-sig')}")
    else:
        encoding = known_encoding(encoding)
    head = decode_head(path, encoding)
    if not head.strip():
        raise UserError("is empty", do="Give a file with rows.")
    form = _format(path, head, notes)
    store = RowStore()
    progress(0, total_bytes)
    if form == "json":
        delimiter = None
        columns = read_json(path, encoding, store)
    else:
        lines = TextLines(path, encoding)
        try:
            if form == "jsonl":
                delimiter = None
                columns = read_json_lines(lines, store, progress, total_bytes)
            else:
                delimiter = delimiter or detect_delimiter(head)
                form = "tsv" if delimiter == "\t" else "csv"
                columns, more_notes = read_delimited(lines, delimiter, store, progress, total_bytes)
                notes += more_notes
        finally:
            lines.close()
    progress(total_bytes, total_bytes)
    if not len(store):
        raise _no_rows(store)
    return Dataset(
        path=path,
        format=form,
        encoding=encoding.removesuffix("-sig"),
        delimiter=delimiter,
        columns=columns,
        bad=tuple(store.bad),
        bad_count=store.bad_count,
        notes=tuple(notes),
        _store=store,
    )


def _silent(_bytes_done: int, _bytes_total: int) -> None:
    pass


def _checked_size(path: Path) -> int:
    if path.is_dir():
        raise UserError("is a folder", do="Give one data file.")
    if path.exists() and not path.is_file():
        raise UserError("is no ordinary file", do="Give one data file.")
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    do = "Export it as CSV (UTF-8) or JSON Lines."
    for magic, what in _MAGIC:
        if head.startswith(magic):
            raise UserError(f"is {what}, not text", do=do)
    if looks_binary(head):
        raise UserError("is binary, not text", do=do)
    return path.stat().st_size


def _format(path: Path, head: str, notes: list[str]) -> Format:
    """The format by ending, unless the content is clearly another; by content alone for other endings."""
    named = _ENDINGS.get(path.suffix.lower())
    held = _json_held(head)
    if held is None or held == named:
        return named or "csv"
    if named is not None:
        notes.append(f"read as {held.upper()}, which is what is in it")
    return held


def _json_held(head: str) -> Format | None:
    """Which JSON the file holds, if that is clear."""
    text = head.lstrip()
    if not re.match(r"\[|\{\s*[\"}]", text):
        return None
    lines = split_lines(text)[:100]
    parsed = [_object_or_list(line) for line in lines]
    first = parsed[0]
    if first is not None and len(lines) > 1:
        return "jsonl"
    if isinstance(first, dict):
        return "json" if any(isinstance(value, list) for value in first.values()) else "jsonl"
    if sum(isinstance(row, dict) for row in parsed) * 2 > len(lines):
        return "jsonl"
    if len(lines) == 1 and first is None:
        return None  # a long line cut short may be either
    return "json" if re.match(r"\[\s*[\[{\]]|\{", text) else None


def _object_or_list(line: str) -> dict[str, Any] | list[Any] | None:
    try:
        value = parse_json(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _no_rows(store: RowStore) -> UserError:
    if not store.bad:
        return UserError("has no rows", do="Give a file with rows.")
    first = store.bad[0]
    place = f"row {first.number}" + (f" (line {first.line})" if first.line else "")
    return UserError(f"has no good row: {store.bad_count} bad ones, the first {place}: {first.reason}")
