"""Taking in a run that somebody exported. The file is foreign: every member, size and value is checked on the
way.

The run is entered as `importing`, which no list shows, and becomes visible when all of it is there; a broken
file leaves nothing. Nothing of the zip is ever written to disk under a name of its own.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final

from app.errors import UserError
from app.sessions import process
from app.sessions import vocabulary as words
from app.sessions.flat_rows import FlatRows
from app.sessions.insertion import Insertion
from app.sessions.maintenance import discard
from app.sessions.recount import counted, lacked, recount
from app.sessions.session_log import SessionLog
from app.sessions.transfer_format import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    MEMBERS,
    RUN_COLUMNS,
    Check,
    Member,
    members_of,
    refuse_constant,
)
from app.sessions.writer import ROWS_PER_TRANSACTION, now_utc

MAX_BYTES: Final = 2 << 30
"""Of all members, unpacked."""
MAX_FILE: Final = 512 << 20
"""Bytes, packed."""
MAX_RATIO: Final = 200
"""Unpacked to packed, of a member of more than a megabyte; rows of a run pack to about a tenth."""
MAX_LINE: Final = 8 << 20
"""Bytes of a row, and of the manifest."""

_KEYED: Final = ("request_log", "attempt_log", "real_attempts")
"""Tables whose rows name their run by their key."""
_BROKEN: Final = (
    ValueError,  # a value that is not allowed; not UTF-8; not JSON
    KeyError,
    TypeError,
    RecursionError,
    EOFError,
    NotImplementedError,  # a kind of compression that zipfile has not
    RuntimeError,  # an encrypted member
    zlib.error,
    zipfile.BadZipFile,
    sqlite3.IntegrityError,  # the same row twice
)


def import_run(log: SessionLog, source: Path) -> int:
    """Takes in the run exported to `source` under a new id, which is returned.

    Raises UserError if the file is missing, damaged, not an export, newer, or larger than allowed; then the
    log has nothing of it.
    """
    try:
        if source.stat().st_size > MAX_FILE or not source.is_file():
            raise ValueError("it is no file of a size that an export has")
        with zipfile.ZipFile(source) as archive:
            there = _checked_members(archive)
            manifest = _manifest(archive)
            present = [member for member in members_of(manifest["version"]) if member.file in there]
            run_id = _enter(log, manifest["run"])
            try:
                _fill(log, archive, present, manifest, run_id)
            except BaseException:
                discard(log, run_id)
                raise
    except _BROKEN as error:
        raise UserError(
            f"This is no run that Seatrial exported, or it was damaged on the way ({error})",
            where=str(source),
            do="Export it again, and check that it was copied whole.",
        ) from error
    except OSError as error:
        raise UserError(
            f"The export cannot be read ({error.strerror or error})", where=str(source), do="Check the path."
        ) from error
    return run_id


def _checked_members(archive: zipfile.ZipFile) -> set[str]:
    """The names of the members present."""
    known = {member.file for member in MEMBERS} | {MANIFEST}
    found: set[str] = set()
    for info in archive.infolist():
        if info.filename not in known or info.filename in found:
            raise ValueError(f"it holds {info.filename!r:.60}")
        found.add(info.filename)
        if info.file_size > max(MAX_RATIO * info.compress_size, 1 << 20):
            raise ValueError(f"{info.filename} unpacks to {info.file_size} bytes")
    if MANIFEST not in found:
        raise ValueError("it has no manifest")
    if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
        raise ValueError(f"it unpacks to more than {MAX_BYTES >> 30} GiB")
    return found


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    with archive.open(MANIFEST) as file:
        content = file.read(MAX_LINE + 1)
    if len(content) > MAX_LINE:
        raise ValueError("its manifest is too large")
    manifest = json.loads(content, parse_constant=refuse_constant)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError("its manifest is another program's")
    version = manifest["version"]
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise ValueError(f"it has format {version!r:.20}, and this Seatrial reads up to {FORMAT_VERSION}")
    return manifest


def _enter(log: SessionLog, run: Any) -> int:
    """Enters the run, hidden until `_fill` is through. Its real state waits in the manifest."""
    values = dict(zip(RUN_COLUMNS, _checked_row(list(RUN_COLUMNS.values()), _in_order(run)), strict=True))
    hidden = {"state": "importing", "pid": os.getpid(), "process": process.token(), "heartbeat_at": now_utc()}
    with log.writing():
        return int(str(log.db.table("runs").insert({**values, **hidden}).last_pk))


def _in_order(run: Any) -> list[Any]:
    if not isinstance(run, dict) or set(run) != set(RUN_COLUMNS):
        raise ValueError("its manifest does not describe a run")
    return [run[name] for name in RUN_COLUMNS]


def _fill(
    log: SessionLog, archive: zipfile.ZipFile, present: list[Member], manifest: dict[str, Any], run_id: int
) -> None:
    names: dict[int, int] = {0: 0}
    counts: dict[str, int] = {}
    for member in present:
        with closing(_rows(archive, member)) as rows:
            if member.table == "names":
                counts[member.table] = 0
                while batch := list(islice(rows, ROWS_PER_TRANSACTION)):
                    ids = log.intern([text for _, text in batch])
                    names.update(zip((name for name, _ in batch), ids, strict=True))
                    counts[member.table] += len(batch)
            else:
                counts[member.table] = _store(log, member, _placed(member, rows, names, run_id), run_id)
    if counts != manifest["rows"]:
        raise ValueError("rows are missing")
    _check_references(log, run_id)
    if rules := lacked(manifest["version"]):
        _recount(log, run_id, rules)
    with log.writing() as connection:
        # An interrupted run stays one: it has no process and no heartbeat.
        connection.execute(
            "update runs set state = ?, pid = null, process = '', heartbeat_at = null where id = ?",
            (manifest["run"]["state"], run_id),
        )


def _recount(log: SessionLog, run_id: int, rules: dict[str, str]) -> None:
    """Fills in what rollups of an older format do not hold."""
    counts = iter(counted(log.db.conn, rules, *_span(run_id)))
    while batch := list(islice(counts, ROWS_PER_TRANSACTION)):
        with log.writing() as connection:
            recount(connection, rules, batch)


def _span(run_id: int) -> tuple[int, int]:
    """The first and the last key that the run's rows can have."""
    return words.key_of(run_id, 0, 0), words.key_of(run_id + 1, 0, 0) - 1


def _check_references(log: SessionLog, run_id: int) -> None:
    """Whatever a row refers to by its index must be there."""
    first, last = _span(run_id)
    variant = f"(key >> {words.VARIANT_SHIFT}) & {words.MAX_VARIANTS - 1}"
    counts = {}
    for table in ("variants", "targets"):
        sql = f"select count(*), coalesce(max(idx), -1) from {table} where run_id = ?"  # noqa: S608
        counts[table], highest = log.db.execute(sql, (run_id,)).fetchone()
        if highest != counts[table] - 1:
            raise ValueError(f"{table} are missing")
    for column, source, needed in (
        (variant, f"request_log where key between {first} and {last}", "variants"),
        (variant, f"attempt_log where key between {first} and {last}", "variants"),
        ("target", f"attempt_log where key between {first} and {last}", "targets"),
        ("variant", f"event_log where run_id = {run_id}", "variants"),
        ("variant", f"rollup_log where run_id = {run_id}", "variants"),
    ):
        (highest,) = log.db.execute(f"select coalesce(max({column}), -1) from {source}").fetchone()  # noqa: S608
        if highest >= counts[needed]:
            raise ValueError(f"rows refer to {needed} that are missing")


def _rows(archive: zipfile.ZipFile, member: Member) -> Generator[list[Any], None, None]:
    """The checked rows of a member, line by line; never more of it in memory than a line."""
    checks = list(member.columns.values())
    with archive.open(member.file) as file:
        for count in range(member.rows + 1):
            line = file.readline(MAX_LINE + 1)
            if not line:
                return
            if len(line) > MAX_LINE or count == member.rows:
                raise ValueError(f"{member.file} is too large")
            try:
                yield _checked_row(checks, json.loads(line, parse_constant=refuse_constant))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {count + 1} of {member.file}: {error}") from error


def _checked_row(checks: list[Check], row: Any) -> list[Any]:
    if not isinstance(row, list) or len(row) != len(checks):
        raise ValueError(f"a row needs {len(checks)} values")
    return [check(value) for check, value in zip(checks, row, strict=True)]


def _placed(
    member: Member, rows: Iterator[list[Any]], names: dict[int, int], run_id: int
) -> Iterator[list[Any]]:
    """The rows with this log's run, keys and names."""
    base = words.key_of(run_id, 0, 0)
    keyed = member.table in _KEYED
    named = [index for index, column in enumerate(member.columns) if column.endswith("_name")]
    tail = list(member.columns).index("tail_key") if "tail_key" in member.columns else None
    for row in rows:
        for index in named:
            if row[index] not in names:
                raise ValueError(f"{member.file} has name {row[index]}, and the export has no such name")
            row[index] = names[row[index]]
        if keyed:
            row[0] += base
            yield row
        else:
            if tail is not None and row[tail] is not None:
                row[tail] += base
            yield [run_id, *row]


def _store(log: SessionLog, member: Member, rows: Iterator[list[Any]], run_id: int) -> int:
    columns = tuple(member.columns)
    if member.table not in _KEYED:
        columns = ("run_id", *columns)
    insertion = Insertion(member.table, columns)
    count = 0
    while batch := list(islice(rows, ROWS_PER_TRANSACTION)):
        with log.writing() as connection:
            insertion.run(connection, FlatRows(insertion.width, batch))
            connection.execute("update runs set heartbeat_at = ? where id = ?", (now_utc(), run_id))
        count += len(batch)
    return count
