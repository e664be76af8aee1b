"""Opens the window: application, theme, crash reports, and the event loop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSettings, QThreadPool, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QWidget

from app import __version__
from app.errors import UserError
from widgets.appearance import Appearance
from widgets.crash import CrashReporter
from widgets.garbage import GuiCollector
from widgets.main_window import MainWindow
from widgets.preferences import Preferences

_HEARTBEAT_MS = 200
_PATIENCE_MS = 2_000


def make_application(arguments: list[str]) -> QApplication:
    """The one QApplication, named."""
    application = QApplication(arguments)
    application.setApplicationName("seatrial")
    application.setApplicationDisplayName("Seatrial")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("seatrial")
    application.setWindowIcon(QIcon(str(files("assets") / "icons" / "seatrial.png")))
    return application


def make_window(application: QApplication, log_path: Path | None, store: QSettings) -> MainWindow:
    """The main window, not yet shown."""
    preferences = Preferences(store)
    return MainWindow(Appearance(application, preferences.appearance), preferences, log_path)


def run_window(log_path: Path | None = None, scenario: str | None = None) -> int:
    """Open the window and stay until it is closed; the exit status is returned.

    `log_path` is the session log (default: the platform's place), `scenario` what to open. Raises UserError where the
    log cannot be used. Check the platform first: see `platform_check`.
    """
    application = make_application(sys.argv[:1])
    store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "seatrial", "seatrial")
    preferences = Preferences(store)
    window = MainWindow(Appearance(application, preferences.appearance), preferences, log_path, filled=False)
    collector = GuiCollector(application)
    reporter = CrashReporter(window)
    # Ctrl+C in the terminal closes the window properly; Python sees signals only between its own instructions.
    signal.signal(signal.SIGINT, lambda _number, _frame: window.close())
    heartbeat = QTimer(window)
    heartbeat.timeout.connect(_nothing)
    heartbeat.start(_HEARTBEAT_MS)
    window.show()
    refused: list[UserError] = []

    def fill() -> None:
        try:
            window.fill()
        except UserError as error:
            refused.append(error)
            window.close()
            return
        window.begin(scenario)

    window.installEventFilter(_FirstPaint(window, fill))
    status = application.exec()
    QThreadPool.globalInstance().waitForDone(_PATIENCE_MS)
    reporter.release()
    collector.release()
    if refused:
        raise refused[0]
    return status


class _FirstPaint(QObject):
    """Does something once, as soon as the window has been painted: what takes long is not to keep it from appearing."""

    def __init__(self, window: QWidget, then: Callable[[], None]) -> None:
        super().__init__(window)
        self._then = then

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Wait for the paint."""
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._then)
        return False


def _nothing() -> None:
    """Lets Python look for signals."""
