"""Writing runs to files and taking them in, off the GUI thread, in a way that can be given up.

The session log's own functions know no cancel, so SQLite is asked to break off: its progress handler runs every few
thousand steps of a statement. What was begun is then cleaned up as after any other error.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.errors import UserError
from app.scenario.export import needed_inputs, scenario_text
from app.sessions.exporting import export_run
from app.sessions.importing import MAX_LINE, import_run
from app.sessions.maintenance import delete
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.transfer_format import MANIFEST
from widgets.background import CancelledError, Job

_STEPS: Final = 5_000
"""Of SQLite's virtual machine, between two looks at whether to go on; under a millisecond."""


@dataclass(frozen=True)
class Exported:
    """A run's file, and sentences about what it needs beside it."""

    run_id: int
    target: Path
    hints: tuple[str, ...] = ()


def export_to(job: Job, path: Path | None, run_id: int, target: Path, *, texts: bool) -> Exported:
    """Writes a run to `target`: the scenario that gives it again (.toml), else all of it, with `texts` or without.

    Raises UserError if it cannot be written; the file is then as it was.
    """
    with SessionLog.open(path, create=False) as log, _breakable(job, log):
        if target.suffix.lower() == ".toml":
            reader = RunReader(log, run_id)
            _replace(target, scenario_text(reader))
            return Exported(run_id, target, tuple(needed_inputs(reader)))
        export_run(log, run_id, target, texts=texts)
        return Exported(run_id, target)


def import_from(job: Job, path: Path | None, source: Path) -> int:
    """Takes in an exported run; its number. Raises UserError for a file that is none; then nothing is kept."""
    with SessionLog.open(path) as log:
        before, total = log.db.conn.total_changes, _rows_in(source)

        def tell() -> None:
            # Not `check`: an error raised in SQLite's handler would be swallowed there.
            if total:
                job.progressed.emit(min(log.db.conn.total_changes - before, total), total)

        with _breakable(job, log, tell):
            run_id = import_run(log, source)
        if job.cancelled:  # too late to break off
            delete(log, run_id)
            raise CancelledError
        return run_id


@contextmanager
def _breakable(job: Job, log: SessionLog, tell: Callable[[], None] = lambda: None) -> Iterator[None]:
    """While this lasts, a statement of `log` breaks off soon after `job` was cancelled, and CancelledError is raised.

    It breaks off once: what is cleaned up afterwards is let through.
    """
    connection = log.db.conn
    broken = False

    def look() -> int:
        nonlocal broken
        if job.cancelled:
            first, broken = not broken, True
            return int(first)
        tell()
        return 0

    connection.set_progress_handler(look, _STEPS)
    try:
        yield
    except sqlite3.OperationalError:
        if broken:
            raise CancelledError from None
        raise
    finally:
        connection.set_progress_handler(None, 0)


def _rows_in(source: Path) -> int:
    """How many rows an export says it has; 0 where it says nothing sensible. Whoever reads it in checks it."""
    try:
        with zipfile.ZipFile(source) as archive, archive.open(MANIFEST) as file:
            rows: Any = json.loads(file.read(MAX_LINE))["rows"]
        return sum(count for count in rows.values() if isinstance(count, int))
    except Exception:  # a foreign file: it is refused, with reasons, when it is read
        return 0


def _replace(target: Path, text: str) -> None:
    """Writes a file so that it is there whole or not at all."""
    partial = target.with_name(f"{target.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(
            f"The scenario cannot be written ({error.strerror})", where=str(target), do="Choose another file."
        ) from error
