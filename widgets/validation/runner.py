"""Runs cases of known results, each by a command of its own, as many at once as there are processors.

It shows nothing. The commands are `seatrial validate NAME --set … --json`; whoever closes the window ends them.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QObject, QProcess, Signal, Slot

from app.analysis.validation.base import KnownResult
from app.analysis.validation.parameters import settings_of
from app.analysis.validation.report import Report
from app.engine.child import seatrial_command
from widgets.child_link import child_environment

_ANSWERED: Final = (0, 1)
"""Exit statuses of a command that has an answer: all passed, or not."""
_KILLED_WITHIN_MS: Final = 2_000


class Runner(QObject):
    """Works off cases, which are told by their place in the list of whoever asked.

    began(place)             its command has been started
    ended(place, findings)   what it found
    failed(place, text)      there is no answer, and why
    idle()                   nothing is left to do
    """

    began = Signal(int)
    ended = Signal(int, object)
    failed = Signal(int, str)
    idle = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: deque[tuple[int, KnownResult]] = deque()
        self._running: dict[QProcess, int] = {}

    @property
    def busy(self) -> bool:
        """Whether something runs or waits for its turn."""
        return bool(self._running or self._waiting)

    def run(self, cases: Sequence[tuple[int, KnownResult]]) -> None:
        """Run these, too, in their order."""
        self._waiting += cases
        self._fill()

    def cancel(self) -> None:
        """End all commands and forget what waits; nothing is told of either but `idle`."""
        was_busy = self.busy
        self._waiting.clear()
        running, self._running = list(self._running), {}
        for process in running:
            process.kill()
        for process in running:
            process.waitForFinished(_KILLED_WITHIN_MS)
            process.deleteLater()
        if was_busy:
            self.idle.emit()

    def _fill(self) -> None:
        while self._waiting and len(self._running) < (os.cpu_count() or 1):
            place, case = self._waiting.popleft()
            process = QProcess(self)
            process.setProcessEnvironment(child_environment())
            process.finished.connect(self._gone)
            process.errorOccurred.connect(self._could_not)
            settings = [f"--set={key}={value}" for key, value in settings_of(case).items()]
            program, *arguments = seatrial_command("validate", case.name, *settings, "--json")
            self._running[process] = place
            self.began.emit(place)
            process.start(program, arguments)
            process.closeWriteChannel()

    @Slot(int, QProcess.ExitStatus)
    def _gone(self, code: int, status: QProcess.ExitStatus) -> None:
        process = self.sender()
        if not isinstance(process, QProcess) or process not in self._running:
            return
        out = bytes(process.readAllStandardOutput().data())
        complaint = bytes(process.readAllStandardError().data()).decode("utf-8", "replace").strip()
        if status == QProcess.ExitStatus.NormalExit and code in _ANSWERED and out:
            self._settle(process, Report.read(json.loads(out)))
        else:
            self._settle(process, complaint or f"Its command ended unexpectedly ({code}).")

    @Slot(QProcess.ProcessError)
    def _could_not(self, error: QProcess.ProcessError) -> None:
        process = self.sender()
        if error == QProcess.ProcessError.FailedToStart and isinstance(process, QProcess):
            self._settle(process, f"Its command could not be started: {process.errorString()}.")

    def _settle(self, process: QProcess, answer: Report | str) -> None:
        place = self._running.pop(process, None)
        process.deleteLater()
        if place is None:
            return
        self._fill()
        if isinstance(answer, Report):
            self.ended.emit(place, answer.rows)
        else:
            self.failed.emit(place, answer)
        if not self.busy:
            self.idle.emit()
