"""The real window for the benchmarks that need one, offscreen, with a log and settings of its own; and how long it did
not answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QSettings, QThreadPool, QTimer, Slot
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
    existing = QApplication.instance()
    return existing if isinstance(existing, QApplication) else make_application(["benchmark"])


@contextmanager
def opened_window(folder: Path, log_path: Path, settings: list[str]) -> Iterator[MainWindow]:
    """The main window as a person has it who has seen the first run: Trial page, the sample scenario with these settings,
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


class Heart(QObject):
    """Beats as often as the event loop lets it. `pauses_s` has, for each beat, by how much it was late."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses_s: list[float] = []
        self._last = perf_counter()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.beat)
        self._timer.start(BEAT_MS)

    @Slot()
    def beat(self) -> None:
        """Note how late this one is."""
        now = perf_counter()
        self.pauses_s.append(max(0.0, now - self._last - BEAT_MS / 1000))
        self._last = now

    def take(self) -> list[float]:
        """What was noted since last asked, the silence that lasts until now included."""
        self.beat()
        taken, self.pauses_s = self.pauses_s, []
        return taken

    def stop(self) -> None:
        """Beat no more."""
        self._timer.stop()


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
