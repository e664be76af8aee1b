"""The jobs of a page: begun in one place, their failures told in one place, all given up at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from widgets.background import Job


class Tasks(QObject):
    """Starts jobs and lets go of those that ended.

    `failed(UserError)` comes for what the user can put right. What is our fault is raised, so that the window's handler
    of such errors shows it.
    """

    failed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._jobs: list[Job] = []

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._jobs)

    def start(self, work: Callable[[Job], Any], done: Callable[[Any], None] | None = None) -> Job:
        """Do `work` on the thread pool; `done`, a slot of a QObject, gets its result."""
        job = Job(work, self)
        self._jobs.append(job)
        job.done.connect(self._settle)
        job.failed.connect(self._settle)
        job.crashed.connect(self._settle)
        if done is not None:
            job.done.connect(done)
        job.failed.connect(self.failed)
        job.crashed.connect(self._raise)
        return job.start()

    def cancel(self) -> None:
        """Give up all jobs."""
        for job in self._jobs:
            job.cancel()
        self._jobs.clear()

    def give_up(self, job: Job | None) -> None:
        """Give up one job, if there is one and it has not ended."""
        if job in self._jobs:
            job.cancel()
            self._jobs.remove(job)

    @Slot(object)
    def _settle(self, _result: object) -> None:
        job = self.sender()
        if isinstance(job, Job) and job in self._jobs:
            self._jobs.remove(job)

    @Slot(object)
    def _raise(self, error: Exception) -> None:
        raise error
