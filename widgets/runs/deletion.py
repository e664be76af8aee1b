"""Deleting runs with time to think again: hidden at once, deleted for good when the undo has timed out.

What a deleted run leaves in the log is removed afterwards, a little at a time while nothing else is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from widgets.background import Job
from widgets.runs.run_work import Deleted, delete_runs, purge_some
from widgets.tasks import Tasks

UNDO_MS: Final = 10_000
PURGE_BEGINS_MS: Final = 1_500
PURGE_PAUSE_MS: Final = 150
"""Between two chunks of 20 ms, so that a run that is being logged is not held up."""

_CLOSING_PATIENCE_S: Final = 2.0


class Deletion(QObject):
    """The runs about to be deleted.

    Signals: `hidden(frozenset)` whenever other runs are to be hidden; `offered(list)` runs can be undone, empty when
    none can any more; `deleted(Deleted)` after they are gone for good.
    """

    hidden = Signal(object)
    offered = Signal(object)
    deleted = Signal(object)

    def __init__(self, log_path: Path | None, tasks: Tasks, parent: QObject) -> None:
        super().__init__(parent)
        self._path = log_path
        self._tasks = tasks
        self._waiting: list[int] = []
        self._under_way: list[int] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(UNDO_MS)
        self._timer.timeout.connect(self.commit)
        self._purge_timer = QTimer(self)
        self._purge_timer.setSingleShot(True)
        self._purge_timer.timeout.connect(self._purge)
        self._purging: Job | None = None

    @property
    def waiting(self) -> Sequence[int]:
        """The runs whose deletion can still be undone."""
        return tuple(self._waiting)

    def set_undo_ms(self, milliseconds: int) -> None:
        """How long a deletion can be undone."""
        self._timer.setInterval(milliseconds)

    def delete(self, run_ids: Sequence[int]) -> None:
        """Hide runs; those deleted before them are no longer waited for."""
        self.commit()
        self._waiting = list(run_ids)
        self._timer.start()
        self._tell()

    @Slot()
    def undo(self) -> None:
        """Show the runs again that were hidden last."""
        self._timer.stop()
        self._waiting = []
        self._tell()

    @Slot()
    def commit(self) -> None:
        """Delete for good what waits."""
        self._timer.stop()
        if self._waiting:
            gone, self._waiting = self._waiting, []
            self._under_way += gone
            self._tasks.start(partial(_delete, self._path, gone), self._deleted)
            self._tell()

    def close_down(self) -> Deleted:
        """Delete for good what waits, before this returns, and stop purging: the window closes.

        Raises UserError if the log cannot be written for two seconds; the runs then stay.
        """
        self._timer.stop()
        self.rest()
        gone = [*self._under_way, *self._waiting]
        self._under_way, self._waiting = [], []
        return delete_runs(self._path, gone, _CLOSING_PATIENCE_S) if gone else Deleted((), ())

    def purge_soon(self) -> None:
        """Begin to remove what deleted runs left, once there is a moment."""
        if self._purging is None:
            self._purge_timer.start(PURGE_BEGINS_MS)

    def rest(self) -> None:
        """Stop removing; it goes on with the next `purge_soon`."""
        self._purge_timer.stop()
        self._tasks.give_up(self._purging)
        self._purging = None

    def _tell(self) -> None:
        self.hidden.emit(frozenset((*self._waiting, *self._under_way)))
        self.offered.emit(list(self._waiting))

    @Slot(object)
    def _deleted(self, result: Deleted) -> None:
        self._under_way = []
        self.deleted.emit(result)
        self._tell()
        self.purge_soon()

    @Slot()
    def _purge(self) -> None:
        self._purging = self._tasks.start(partial(_purge, self._path), self._purged)

    @Slot(object)
    def _purged(self, count: int) -> None:
        self._purging = None
        if count:
            self._purge_timer.start(PURGE_PAUSE_MS)


def _delete(path: Path | None, run_ids: Sequence[int], _job: Job) -> Deleted:
    return delete_runs(path, run_ids)


def _purge(path: Path | None, _job: Job) -> int:
    return purge_some(path)
