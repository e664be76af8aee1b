"""Work off the GUI thread: one function, its result or its error delivered to the GUI thread, and a cancel.

The function gets no Qt objects. It must open what it needs itself (a SessionLog belongs to the thread that opened it).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, QRunnable, Qt, QThreadPool, Signal, Slot
from shiboken6 import isValid

from app.errors import UserError


class CancelledError(Exception):
    """Raised in the work by `Job.check` once the job was cancelled."""


class Job(QObject):
    """One piece of work. Of `done(result)`, `failed(UserError)` and `crashed(exception)` at most one comes, on the
    thread that made the job; none after `cancel`. `progressed(done, total)` may come before it.

    On the thread of the pool nothing of Qt's is touched that may go away meanwhile: not the job, which goes with its
    parent, but the post office that all jobs share.
    """

    done = Signal(object)
    failed = Signal(object)
    crashed = Signal(object)
    progressed = Signal(float, float)

    def __init__(self, work: Callable[[Job], Any], parent: QObject) -> None:
        super().__init__(parent)
        self._work = work
        self._cancelled = threading.Event()
        self._post = _post_office()

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
            self._post.got_on.emit(self, done, total)

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
        self._post.ended.emit(self, kind, value)

    def tell(self, kind: str, value: object) -> None:
        """Tell how it ended, and go away; called on the thread that made the job."""
        if not self.cancelled and kind != "cancelled":
            {"done": self.done, "failed": self.failed, "crashed": self.crashed}[kind].emit(value)
        self.deleteLater()


class _PostOffice(QObject):
    """Takes what comes from the threads of the pool to the jobs that are still there. It stays as long as the program."""

    ended = Signal(object, str, object)
    got_on = Signal(object, float, float)

    def __init__(self, parent: QObject | None) -> None:
        super().__init__(parent)
        self.ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self.got_on.connect(self._pass_on, Qt.ConnectionType.QueuedConnection)

    @Slot(object, str, object)
    def _deliver(self, job: Job, kind: str, value: object) -> None:
        if isValid(job):
            job.tell(kind, value)

    @Slot(object, float, float)
    def _pass_on(self, job: Job, done: float, total: float) -> None:
        if isValid(job) and not job.cancelled:
            job.progressed.emit(done, total)


_offices: list[_PostOffice] = []


def _post_office() -> _PostOffice:
    """The one that all jobs share, made with the first of them, on the GUI thread."""
    if not _offices or not isValid(_offices[0]):
        _offices[:] = [_PostOffice(QCoreApplication.instance())]
    return _offices[0]


class _Runnable(QRunnable):
    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job

    def run(self) -> None:
        self._job.run()
