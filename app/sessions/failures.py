"""What SQLite's and the file system's refusals mean to the user: one UserError each, saying what to do.

Errors that point at a mistake of ours (a constraint, wrong SQL) are not among them and keep their traceback.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import UserError

_KNOWN = {
    sqlite3.SQLITE_BUSY: (
        "The session log stayed locked by another program",
        "Close what else is writing to it (a database browser, a second run) and try again.",
    ),
    sqlite3.SQLITE_LOCKED: ("The session log is locked", "Close what else is writing to it and try again."),
    sqlite3.SQLITE_FULL: (
        "The disk of the session log is full",
        "Free some space, or choose a session log elsewhere.",
    ),
    sqlite3.SQLITE_READONLY: (
        "The session log cannot be written",
        "Allow writing to the file and its folder, or choose another session log.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "The session log cannot be opened",
        "Check that the folder exists and may be written to, or choose another session log.",
    ),
    sqlite3.SQLITE_PERM: ("The session log may not be opened", "Choose another session log."),
    sqlite3.SQLITE_IOERR: (
        "The disk of the session log failed to read or write",
        "Check the disk, or choose a session log elsewhere.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "This file is not a session log",
        "Choose another session log; this file was left as it is.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "The session log is damaged",
        "Move it away and start a new one, or restore it from a backup.",
    ),
}


def explained(error: sqlite3.Error, path: Path) -> Exception:
    """The UserError for `error`, or `error` itself where the user cannot mend it."""
    code = getattr(error, "sqlite_errorcode", None)
    known = None if code is None else _KNOWN.get(code & 0xFF)
    return error if known is None else UserError(known[0], where=str(path), do=known[1], option="--log PATH")


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turns SQLite's errors about the log at `path` into UserErrors."""
    try:
        yield
    except sqlite3.Error as error:
        told = explained(error, path)
        if told is error:
            raise
        raise told from error
