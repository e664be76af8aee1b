"""The session log's file: opening it safely, its transactions, and its interned texts.

It knows the file and not the runs in it: see `writer` and `reader`. A SessionLog belongs to the thread that
opened it; open one per thread and process.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import platformdirs
from sqlite_utils import Database

from app.errors import UserError
from app.sessions import schema
from app.sessions.failures import explaining

MAX_NAME: Final = 2_000
"""Characters of an interned text: a reason, a kind of error."""


def default_path() -> Path:
    """Where the session log is unless the user says otherwise: in the platform's data folder."""
    return platformdirs.user_data_path("seatrial", appauthor=False) / "seatrial.db"


class SessionLog:
    """An open session log: `path`, and `db` for queries. Transactions go through `writing` and `reading`."""

    def __init__(self, path: Path, db: Database) -> None:
        self.path = path
        self.db = db

    @classmethod
    def open(cls, path: Path | None = None, *, create: bool = True, patience_s: float = 20.0) -> SessionLog:
        """Opens the log at `path` (default: `default_path()`), made if missing and `create`, migrated if
        older.

        A write waits at most `patience_s` for another writer. Raises UserError if the file is missing, cannot
        be opened or written, is no session log, is damaged, or was written by a newer version.
        """
        where = default_path() if path is None else path
        if create:
            _make(where)
        elif not where.exists():
            raise UserError(
                "There is no session log here", where=str(where), do="Check the path.", option="--log PATH"
            )
        if where.is_dir():
            raise UserError(
                "A folder is no session log", where=str(where), do="Name a file in it.", option="--log PATH"
            )
        if not os.access(where, os.R_OK | os.W_OK):
            raise UserError(
                "The session log cannot be read and written",
                where=str(where),
                do="Allow it for this user, or choose another session log.",
                option="--log PATH",
            )
        with explaining(where):
            connection = sqlite3.connect(where, timeout=patience_s, isolation_level=None)
            log = cls(where, Database(connection))
            try:
                log._prepare()
            except BaseException:
                connection.close()
                raise
        return log

    def close(self) -> None:
        """Closes the file. A second time does nothing."""
        self.db.conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: committed at the end, rolled back by an exception. Keep it under 50 ms.

        Raises UserError if the log stays locked, is read-only, or its disk is full; then nothing was written.
        """
        yield from self._transaction("begin immediate")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view of the log for several queries. Keep it short: while it lasts the WAL file
        grows."""
        yield from self._transaction("begin")

    def intern(self, texts: Sequence[str]) -> list[int]:
        """The ids of `texts` in this log, the same for every run and process; 0 for an empty one.

        Of a text of more than MAX_NAME characters only so many are kept.
        """
        ids = []
        with self.writing() as connection:
            for text in texts:
                kept = text[:MAX_NAME]
                connection.execute("insert or ignore into names (text) values (?)", (kept,))
                (found,) = connection.execute("select id from names where text = ?", (kept,)).fetchone()
                ids.append(int(found))
        return ids

    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self.db.conn
        with explaining(self.path):
            connection.execute(begin)
            try:
                yield connection
                connection.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
                    connection.execute("rollback")
                raise

    def _prepare(self) -> None:
        connection = self.db.conn
        version = self._version()
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        if version < schema.VERSION:
            with self.writing():
                version = self._version()  # another process may have been faster
                if version < schema.VERSION:
                    if self._holds_anything():
                        self._back_up(version)
                    schema.migrate(self.db, version)

    def _version(self) -> int:
        """The file's schema version; 0 for a new file. Raises UserError for a newer one and for no session
        log."""
        # Tables first: whoever makes the log this very moment sets them, its owner and its version at once.
        tables = self.db.table_names()
        (version,) = self.db.execute("pragma user_version").fetchone()
        (owner,) = self.db.execute("pragma application_id").fetchone()
        if owner != schema.APPLICATION_ID and (version or owner or tables):
            raise UserError(
                "This SQLite database belongs to another program and is no session log",
                where=str(self.path),
                do="Choose another session log; this file was left as it is.",
                option="--log PATH",
            )
        if version > schema.VERSION:
            raise UserError(
                f"This session log has version {version}, and this Seatrial reads up to {schema.VERSION}",
                where=str(self.path),
                do="Update Seatrial, or choose another session log.",
                option="--log PATH",
            )
        return int(version)

    def _holds_anything(self) -> bool:
        (owner,) = self.db.execute("pragma application_id").fetchone()
        return bool(owner)

    def _back_up(self, version: int) -> None:
        """Copies the file to `<name>.v<version>.bak` beside it. An older backup of the same version is
        replaced."""
        target = self.path.with_name(f"{self.path.name}.v{version}.bak")
        _touch(target)
        with (
            closing(sqlite3.connect(self.path)) as source,  # its own connection: this one is in a transaction
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)


def _make(path: Path) -> None:
    """Makes the folder and an empty file that only its owner may read, before SQLite makes it for
    everyone."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _touch(path)
    except OSError as error:
        raise UserError(
            f"The session log cannot be made ({error.strerror})",
            where=str(path),
            do="Choose a session log in a folder that may be written to.",
            option="--log PATH",
        ) from error


def _touch(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
