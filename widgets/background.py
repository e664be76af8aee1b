"""Work off the GUI thread: one function, its result or its error delivered to the GUI thread, and a cancel.

The function gets no Qt objects. It must open what it needs itself (a SessionLog belongs to the thread that opened it).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, Qt, QThreadPool, Signal, Slot

from app.errors import UserError


class CancelledError(Exception):
    """Raised in the work by `Job.check` once the job was cancelled."""


class Job(QObject):
    """One piece of work. Of `done(result)`, `failed(UserError)` and `crashed(exception)` at most one comes, on the
    thread that made the job; none after `cancel`. `progressed(done, total)` may come before it."""

    done = Signal(object)
    failed = Signal(object)
    crashed = Signal(object)
    progressed = Signal(float, float)
    _ended = Signal(str, object)

    def __init__(self, work: Callable[[Job], Any], parent: QObject) -> None:
        super().__init__(parent)
        self._work = work
        self._cancelled = threading.Event()
        self._ended.connect(self._tell, Qt.ConnectionType.QueuedConnection)

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more; may be asked from the work."""
        return self._cancelled.is_set()

    def start(self) -> Job:
        """Begin; the same job is returned."""
        QThreadPool.globalInstance().start(_Runnable(self))
        return self

    def cancel(self) -> None:
        """Give up: the work ends at its next `check`, and nothing more is told."""
        self._cancelled.set()

    def check(self, done: float = 0, total: float = 0) -> None:
        """Called by the work now and then. Raises CancelledError after `cancel`; tells progress if there is a total."""
        if self.cancelled:
            raise CancelledError
        if total:
            self.progressed.emit(done, total)

    def run(self) -> None:
        """Do the work; called on a thread of the pool."""
        try:
            kind, value = "done", self._work(self)
        except CancelledError:
            kind, value = "cancelled", None
        except UserError as error:
            kind, value = "failed", error
        except Exception as error:
            kind, value = "crashed", error
        try:
            self._ended.emit(kind, value)
        except RuntimeError:
            return  # the window was closed meanwhile, and the job with it

    @Slot(str, object)
    def _tell(self, kind: str, value: object) -> None:
        if not self.cancelled and kind != "cancelled":
            {"done": self.done, "failed": self.failed, "crashed": self.crashed}[kind].emit(value)
        self.deleteLater()


class _Runnable(QRunnable):
    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def run(self) -> None:
        self._job.run()
