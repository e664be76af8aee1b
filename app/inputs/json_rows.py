"""Reads JSON and JSON Lines: rows are objects, whose values are kept as they are, nested ones too.

What is no JSON but common is taken: NaN, Infinity, -Infinity, and numbers too large for a float, become the
strings they are written as, because a number that is not finite would spoil every sum and can be written
nowhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.inputs.encodings import OVERLONG, TextLines, decode_all
from app.inputs.rowstore import Progress, RowStore

MAX_JSON_BYTES = 300_000_000
_NO_NAME = "unnamed"
_MAX_DIGITS = 4000


def read_json_lines(
    lines: TextLines, store: RowStore, progress: Progress, total_bytes: int
) -> tuple[str, ...]:
    """Read one object a line into `store`; returns the names of all keys, in the order of first sight."""
    columns: dict[str, None] = {}
    for line in lines:
        if not line.strip():
            continue
        if OVERLONG in line:
            store.add_bad("an overlong line", lines.number)
        else:
            try:
                row = parse_json(line)
            except RecursionError:
                store.add_bad("nested too deeply", lines.number)
            except json.JSONDecodeError as error:
                store.add_bad(f"invalid JSON: {error.msg} at character {error.pos + 1}", lines.number)
            else:
                _keep(row, lines.number, store, columns)
        if store.seen % 4096 == 0:
            progress(lines.bytes_done(), total_bytes)
    return tuple(columns)


def read_json(path: Path, encoding: str, store: RowStore) -> tuple[str, ...]:
    """Read a list of objects, or an object holding one, into `store`; returns the names of all keys. Raises
    UserError.

    The whole file is held in memory while it is read.
    """
    if path.stat().st_size > MAX_JSON_BYTES:
        raise UserError(
            "is too large to be read in one piece", do="Save it as JSON Lines: one object a line."
        )
    try:
        whole = parse_json(decode_all(path, encoding))
    except RecursionError:
        raise UserError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"is not valid JSON: {error.msg}, line {error.lineno}, column {error.colno}",
            do="If there is one object a line, name the file .jsonl.",
        ) from None
    columns: dict[str, None] = {}
    for row in _rows_of(whole):
        _keep(row, None, store, columns)
    return tuple(columns)


def parse_json(text: str) -> Any:
    """JSON with the leniency told above. Raises json.JSONDecodeError and RecursionError."""
    return _DECODER.decode(text)


def _float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _int(text: str) -> int | str:
    return int(text) if len(text) <= _MAX_DIGITS else text


# Made once: json.loads with options makes one for every call.
_DECODER = json.JSONDecoder(parse_constant=str, parse_float=_float, parse_int=_int)


def _rows_of(whole: Any) -> Iterable[Any]:
    if isinstance(whole, list):
        return whole
    do = "Give a list of objects, or an object that holds one list of objects."
    if not isinstance(whole, dict):
        raise UserError("holds no rows", do=do)
    lists = {
        key: value
        for key, value in whole.items()
        if isinstance(value, list) and any(isinstance(row, dict) for row in value)
    }
    if len(lists) != 1:
        several = f"holds {len(lists)} lists of objects ({', '.join(lists)})"
        found = several if lists else "holds no list of objects"
        raise UserError(found, do=do)
    return next(iter(lists.values()))


def _keep(row: Any, line: int | None, store: RowStore, columns: dict[str, None]) -> None:
    if not isinstance(row, dict):
        store.add_bad(f"not an object but {_called(row)}", line)
        return
    if "" in row:
        name = _NO_NAME
        while name in row:
            name += "_"
        row = {key or name: value for key, value in row.items()}
    before = len(store)
    store.add(row, line)
    if len(store) > before:
        for key in row:
            columns[key] = None


def _called(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case list():
            return "a list"
        case str():
            return "a string"
        case _:
            return "a number"
