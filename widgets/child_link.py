"""A child process of the window's, and what it says: lines on its output, and its last complaints.

What the lines mean, and which signals come of them, is the business of `EngineLink` and `ServeLink`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal, Slot

from app.engine.child import VARIABLES

COMPLAINT_LINES: Final = 50
"""So many last lines of what the child wrote to standard error are kept."""
_KILLED_WITHIN_MS: Final = 500


def child_environment() -> QProcessEnvironment:
    """The environment of a child: ours, and what it must find there."""
    environment = QProcessEnvironment.systemEnvironment()
    for name, value in VARIABLES.items():
        environment.insert(name, value)
    return environment


class ChildLink(QObject):
    """One child at a time, called `what`.

    died(text)   it could not be started, or went away without a word: its last lines
    """

    died = Signal(str)

    def __init__(self, what: str, end_within_ms: int, parent: QObject | None = None) -> None:
        """`end_within_ms` is what `close` waits before it kills."""
        super().__init__(parent)
        self.what = what
        self._end_within_ms = end_within_ms
        self._process: QProcess | None = None
        self._said = b""
        self._complained = b""
        self._complaints: deque[str] = deque(maxlen=COMPLAINT_LINES)

    @property
    def running(self) -> bool:
        """Whether a child is at work, from its start until it is told to be gone."""
        return self._process is not None

    def _begin(self, command: Sequence[str]) -> QProcess:
        """Start a child. Raises RuntimeError while one is at work."""
        if self._process is not None:
            raise RuntimeError(f"{self.what} is at work already")
        self._said = self._complained = b""
        self._complaints.clear()
        process = self._process = QProcess(self)
        process.setProcessEnvironment(child_environment())
        process.readyReadStandardOutput.connect(self._hear)
        process.readyReadStandardError.connect(self._hear_complaints)
        process.errorOccurred.connect(self._could_not)
        process.finished.connect(self._gone)
        process.start(command[0], list(command[1:]))
        return process

    def stop(self) -> None:
        """Have it end in its own time."""
        raise NotImplementedError

    def close(self) -> None:
        """End it, within a moment: it is told to stop, and killed if it does not. Nothing is told any more."""
        process = self._process
        if process is None:
            return
        self.blockSignals(True)
        self.stop()
        process.closeWriteChannel()
        if not process.waitForFinished(self._end_within_ms):
            process.kill()
            process.waitForFinished(_KILLED_WITHIN_MS)
        self._forget()
        self.blockSignals(False)

    def _lines_came(self, lines: Sequence[bytes]) -> None:
        """It has said these."""
        raise NotImplementedError

    def _over(self, code: int, crashed: bool) -> None:
        """It has gone, and may be started again."""
        raise NotImplementedError

    @Slot()
    def _hear(self) -> None:
        if self._process is not None:
            *lines, self._said = (self._said + self._process.readAllStandardOutput().data()).split(b"\n")
            self._lines_came(lines)

    @Slot()
    def _hear_complaints(self) -> None:
        if self._process is not None:
            said = self._complained + self._process.readAllStandardError().data()
            *lines, self._complained = said.split(b"\n")
            self._complaints += [line.decode("utf-8", "replace").rstrip() for line in lines]

    @property
    def _last_lines(self) -> list[str]:
        """What it complained of last, without empty lines."""
        return [line for line in (*self._complaints, self._complained.decode("utf-8", "replace")) if line]

    @Slot(QProcess.ProcessError)
    def _could_not(self, error: QProcess.ProcessError) -> None:
        # Only then does `finished` not come.
        if error == QProcess.ProcessError.FailedToStart and self._process is not None:
            why = self._process.errorString()
            self._forget()
            self.died.emit(f"{self.what.capitalize()} could not be started: {why}.")

    @Slot(int, QProcess.ExitStatus)
    def _gone(self, code: int, status: QProcess.ExitStatus) -> None:
        if self._process is None:
            return
        self._hear()
        self._hear_complaints()
        self._forget()
        self._over(code, status == QProcess.ExitStatus.CrashExit)

    def _forget(self) -> None:
        if self._process is not None:
            self._process.deleteLater()
            self._process = None
