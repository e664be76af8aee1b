"""What a user does to saved runs: naming them, and deleting them for good a little at a time.

Deleting a million requests at once takes seconds, during which nobody else can write. So a deleted run is
marked first, which hides it, and its rows are removed in chunks when the program is idle.
"""

from __future__ import annotations

from typing import Final

from app.errors import UserError
from app.sessions import vocabulary as words
from app.sessions.reader import RunReader, liveness
from app.sessions.session_log import SessionLog
from app.sessions.writer import now_utc

PURGED_AT_ONCE: Final = 4_000
"""Rows; about 20 ms."""

_BY_KEY: Final = ("request_log", "attempt_log", "real_attempts")
_BY_RUN: Final = (
    "rollup_log",
    "observations",
    "answer_texts",
    "data_rows",
    "event_log",
    "prompts",
    "run_facts",
    "targets",
    "variants",
)


def annotate(
    log: SessionLog, run_id: int, *, name: str | None = None, note: str | None = None, tags: str | None = None
) -> None:
    """Sets the user's name, note or tags of a run; None leaves one as it is. Raises UserError for an unknown
    run."""
    RunReader(log, run_id)
    given = {"name": name, "note": note, "tags": tags}
    changes = {column: text for column, text in given.items() if text is not None}
    if changes:
        with log.writing():
            log.db.table("runs").update(run_id, changes)


def delete(log: SessionLog, run_id: int) -> None:
    """Hides a run for good; `purge` frees its space. Raises UserError for one that is unknown or still
    running."""
    if RunReader(log, run_id).record().state == "running":
        raise UserError(
            f"Run {run_id} is still running", where=str(log.path), do="Stop it first, then delete it."
        )
    with log.writing():
        log.db.table("runs").update(run_id, {"deleted_at": now_utc()})


def purge(log: SessionLog, limit_rows: int = PURGED_AT_ONCE) -> int:
    """Removes up to `limit_rows` rows of deleted runs in one short transaction; returns how many, 0 when none
    is left.

    Imports that were broken off are removed too. The space is used again by later runs.
    """
    run_id = _next(log)
    return 0 if run_id is None else _purge_run(log, run_id, limit_rows)


def discard(log: SessionLog, run_id: int) -> None:
    """Removes a run at once, in as many short transactions as it takes: for one that nobody has seen yet."""
    while _purge_run(log, run_id, PURGED_AT_ONCE):
        pass


def _purge_run(log: SessionLog, run_id: int, limit_rows: int) -> int:
    left = limit_rows
    span = (words.key_of(run_id, 0, 0), words.key_of(run_id + 1, 0, 0) - 1)
    with log.writing() as connection:
        for table in _BY_KEY:
            chosen = f"select key from {table} where key between ? and ? limit ?"  # noqa: S608
            sql = f"delete from {table} where key in ({chosen})"  # noqa: S608
            left -= connection.execute(sql, (*span, left)).rowcount
        for table in _BY_RUN:
            chosen = f"select rowid from {table} where run_id = ? limit ?"  # noqa: S608
            sql = f"delete from {table} where rowid in ({chosen})"  # noqa: S608
            left -= connection.execute(sql, (run_id, left)).rowcount
        if left > 0:
            left -= connection.execute("delete from runs where id = ?", (run_id,)).rowcount
    return limit_rows - left


def _next(log: SessionLog) -> int | None:
    """A run whose rows may go."""
    found = log.db.execute(
        "select id, deleted_at, state, pid, process, heartbeat_at from runs"
        " where deleted_at is not null or state = 'importing' order by id"
    ).fetchall()
    for run_id, deleted_at, *work in found:
        if deleted_at is not None or liveness(*work) == "interrupted":
            return int(run_id)
    return None
