"""Work off the GUI thread of which only the newest counts: whoever asks again gives up what was asked before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from widgets.background import Job

Work = Callable[[Job], Any]


class LatestJob(QObject):
    """At most one job is waited for. `done(result)` and `failed(UserError)` come for the newest alone; a crash is raised
    on the GUI thread. `busy_changed(bool)` and `progressed(done, total)` are for a progress bar."""

    done = Signal(object)
    failed = Signal(object)
    progressed = Signal(float, float)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._job: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether a result is waited for."""
        return self._job is not None

    def run(self, work: Work) -> None:
        """Do `work` on the thread pool in place of what was going on."""
        if self._job is not None:
            self._job.cancel()

        def unless_cancelled(job: Job) -> Any:
            job.check()  # a job given up before its turn came costs nothing
            return work(job)

        job = self._job = Job(unless_cancelled, self)
        job.done.connect(self._on_done)
        job.failed.connect(self._on_failed)
        job.crashed.connect(self._on_crashed)
        job.progressed.connect(self.progressed)
        self.busy_changed.emit(True)
        job.start()

    @Slot()
    def cancel(self) -> None:
        """Give up what is going on; nothing is told of it."""
        if self._job is not None:
            self._job.cancel()
            self._end()

    def _end(self) -> None:
        self._job = None
        self.busy_changed.emit(False)

    @Slot(object)
    def _on_done(self, result: object) -> None:
        self._end()
        self.done.emit(result)

    @Slot(object)
    def _on_failed(self, error: object) -> None:
        self._end()
        self.failed.emit(error)

    @Slot(object)
    def _on_crashed(self, error: Exception) -> None:
        self._end()
        raise error
