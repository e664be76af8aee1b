"""Looks for the requests that a filter wants, off the GUI thread, and goes on looking while the run grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from app.sessions.filters import Filter
from app.sessions.reader import RunReader
from app.sessions.search import first_open, matching
from app.sessions.session_log import SessionLog
from app.sessions.tally import Ints
from widgets.background import Job
from widgets.latest_job import LatestJob


@dataclass(frozen=True)
class _Found:
    """`numbers` as they are now; those below `settled` stay as they are whatever else ends."""

    numbers: Ints
    settled: int


_NOTHING = _Found(np.empty(0, np.int64), 0)


class RequestSearch(QObject):
    """One search at a time. `found(numbers)` may come again and again, `failed(UserError)` if the log cannot be
    read."""

    found = Signal(object)
    failed = Signal(object)

    def __init__(self, log_path: Path | None, parent: QObject) -> None:
        super().__init__(parent)
        self._log_path = log_path
        self._about: tuple[int, Filter] | None = None
        self._last = _NOTHING
        self._grown = False
        self._job = LatestJob(self)
        self._job.done.connect(self._take)
        self._job.failed.connect(self.failed)

    def look(self, run_id: int, wanted: Filter) -> None:
        """Look from the beginning, in place of what was looked for before."""
        self._about = (run_id, wanted)
        self._last = _NOTHING
        self._grown = False
        self._job.run(self._looking(run_id, wanted))

    def look_again(self) -> None:
        """The run has grown: look at what is new."""
        if self._job.busy:
            self._grown = True
        elif self._about is not None:
            self._grown = False
            self._job.run(self._looking(*self._about))

    def cancel(self) -> None:
        """Nothing is looked for any more."""
        self._about = None
        self._job.cancel()

    def _looking(self, run_id: int, wanted: Filter) -> Callable[[Job], _Found]:
        path, last = self._log_path, self._last

        def look(job: Job) -> _Found:
            with SessionLog.open(path, create=False) as log:
                # First: what is settled before the search is surely seen by it.
                record = RunReader(log, run_id).record()
                goes_on = record.state == "running"
                settled = first_open(log, run_id, last.settled) if goes_on else record.offered
                fresh = matching(log, run_id, wanted, first_number=last.settled, check=job.check)
            before = last.numbers[: np.searchsorted(last.numbers, last.settled)]
            return _Found(np.concatenate([before, fresh]), settled)

        return look

    @Slot(object)
    def _take(self, found: _Found) -> None:
        self._last = found
        self.found.emit(found.numbers)
        if self._grown:
            self.look_again()
