"""The real window for the benchmarks that need one, offscreen, with a log and settings of its own; and how long it did
not answer."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QEventLoop,
    QMessageLogContext,
    QObject,
    QSettings,
    QThreadPool,
    QTimer,
    QtMsgType,
    Slot,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication

from app.scenario.files import open_scenario
from widgets.application import make_application, make_window
from widgets.garbage import GuiCollector
from widgets.main_window import MainWindow

BEAT_MS = 5
PATIENCE_S = 300.0


def the_application() -> QApplication:
    """The one that there is, or a new one."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    qInstallMessageHandler(_say)
    existing = QApplication.instance()
    return existing if isinstance(existing, QApplication) else make_application(["benchmark"])


def _say(_kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    if "propagateSizeHints" not in text:  # what only the offscreen platform says, at every window
        print(text, file=sys.stderr)


@contextmanager
def opened_window(folder: Path, log_path: Path, settings: list[str]) -> Iterator[MainWindow]:
    """The main window of a person who has seen the first run: the Trial page with the sample scenario and these settings,
    nothing running."""
    application = the_application()
    store = QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat)
    store.setValue("shown_around", "yes")
    window = make_window(application, log_path, store)
    collector = GuiCollector(application)
    window.show()
    window.session.open_file(open_scenario("support-assistant", settings))
    try:
        yield window
    finally:
        window.close()
        QThreadPool.globalInstance().waitForDone()
        collector.release()
        window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@dataclass
class Pauses:
    """For each beat by how much it was late, and for how much of that this thread could run and had no processor."""

    late_s: list[float] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)


class Heart(QObject):
    """Beats as often as the event loop lets it, from when it is made."""

    def __init__(self) -> None:
        super().__init__()
        self._pauses = Pauses()
        self._statistics = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._last, self._waited_s = perf_counter(), self._waited()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.beat)
        self._timer.start(BEAT_MS)

    @Slot()
    def beat(self) -> None:
        """Note how late this one is."""
        now, waited_s = perf_counter(), self._waited()
        self._pauses.late_s.append(max(0.0, now - self._last - BEAT_MS / 1000))
        self._pauses.waited_s.append(waited_s - self._waited_s)
        self._last, self._waited_s = now, waited_s

    def stop(self) -> Pauses:
        """Beat no more; all that was noted, the silence that lasts until now included."""
        self._timer.stop()
        self.beat()
        return self._pauses

    def _waited(self) -> float:
        """Seconds that this thread has waited for a processor so far; 0 where the system does not tell."""
        try:
            return int(self._statistics.read_text().split()[1]) / 1e9
        except OSError:
            return 0.0


def until(happened: Callable[[], bool]) -> None:
    """Let the event loop run until it has happened. Raises TimeoutError after five minutes."""
    loop = QEventLoop()
    look = QTimer()
    end = perf_counter() + PATIENCE_S

    def ask() -> None:
        if happened() or perf_counter() > end:
            loop.quit()

    look.timeout.connect(ask)
    look.start(BEAT_MS)
    loop.exec()
    look.stop()
    if not happened():
        raise TimeoutError("what was waited for did not happen")
