"""Writing one run to a file that another Seatrial can take in: zipped JSON lines, never a database.

Texts (the messages of prompts, data rows, and what was observed of real calls, answers included) stay at home
unless asked for. The scenario goes along, as without it the run cannot be understood.
"""

from __future__ import annotations

import base64
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from app.errors import UserError
from app.sessions import vocabulary as words
from app.sessions.failures import explaining
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.transfer_format import FORMAT, FORMAT_VERSION, MANIFEST, MEMBERS, RUN_COLUMNS, Member

_PAGE: Final = 5_000


def export_run(log: SessionLog, run_id: int, target: Path, *, texts: bool = False) -> None:
    """Writes the run to `target`, replacing it once all is written.

    Raises UserError for a run that is unknown or still running, or if the file cannot be written.
    """
    record = RunReader(log, run_id).record()
    if record.state == "running":
        raise UserError(
            f"Run {run_id} is still running", where=str(log.path), do="Export it when it has ended."
        )
    partial = target.with_name(target.name + ".part")
    try:
        with (
            explaining(log.path),
            zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        ):
            counts = {
                member.table: _write(archive, member, _rows(log, member, run_id, texts))
                for member in MEMBERS
                if texts or not member.texts
            }
            columns = ", ".join(RUN_COLUMNS)
            row = log.db.execute(f"select {columns} from runs where id = ?", (run_id,)).fetchone()  # noqa: S608
            manifest = {
                "format": FORMAT,
                "version": FORMAT_VERSION,
                "texts": texts,
                "run": dict(zip(RUN_COLUMNS, row, strict=True)),
                "rows": counts,
            }
            archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
        os.replace(partial, target)
    except OSError as error:
        raise UserError(
            f"The export cannot be written ({error.strerror})", where=str(target), do="Choose another file."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _write(archive: zipfile.ZipFile, member: Member, rows: Iterator[tuple[Any, ...]]) -> int:
    count = 0
    with archive.open(member.file, "w", force_zip64=True) as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=_base64)
            file.write(line.encode() + b"\n")
            count += 1
    return count


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _rows(log: SessionLog, member: Member, run_id: int, texts: bool) -> Iterator[tuple[Any, ...]]:
    """The rows of the run in a member's columns, in pages, so that no transaction stays open."""
    first, last = words.key_of(run_id, 0, 0), words.key_of(run_id + 1, 0, 0) - 1
    shown = {name: f'"{name}"' for name in member.columns}
    for name in {"key", "tail_key"} & set(shown) if member.table != "run_facts" else ():
        shown[name] = f"{name} - {first}"
    if not texts and member.table == "prompts":
        shown["messages"] = "null"
    if not texts and member.table == "real_attempts":
        shown["answer"] = "null"
    if member.table == "names":
        yield from _names(log, first, last)
        return
    keyed = "key" in member.columns and member.table != "run_facts"
    place, where = ("key", f"key between {first} and {last}") if keyed else ("rowid", f"run_id = {run_id}")
    if member.table == "run_facts" and not texts:
        where += f" and key != '{words.PRIVATE_FACT}'"
    sql = (
        f"select {place}, {', '.join(shown.values())} from {member.table}"  # noqa: S608 (our own names)
        f" where {where} and {place} > ? order by {place} limit {_PAGE}"
    )
    after = -1
    while page := log.db.execute(sql, (after,)).fetchall():
        for row in page:
            yield row[1:]
        after = page[-1][0]


def _names(log: SessionLog, first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """The interned texts that the run's rows refer to."""
    used = " union ".join(
        f"select {column} from {table} where key between {first} and {last}"  # noqa: S608 (our own names)
        for table, columns in (("request_log", words.REQUEST_COLUMNS), ("attempt_log", words.ATTEMPT_COLUMNS))
        for column in columns
        if column.endswith("_name")
    )
    sql = f"select id, text from names where id > 0 and id in ({used}) order by id"  # noqa: S608
    yield from log.db.execute(sql).fetchall()
