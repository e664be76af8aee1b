"""What happens when we made a mistake: the traceback is kept, and a dialog says so once and lets the user go on."""

from __future__ import annotations

import re
import sys
import threading
import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType

import platformdirs
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget

from app import __version__

_SECRETS = re.compile(
    r"(?i)\b(?:(?:sk|pk|key|token|secret|password|bearer|authorization|api[-_]?key)[-_ :='\"]+)+[^\s'\",)]+"
)
_KEPT = 20


def crash_folder() -> Path:
    """Where tracebacks are kept."""
    return platformdirs.user_log_path("seatrial", appauthor=False)


def without_secrets(text: str) -> str:
    """The text without what looks like a key or a password, and without the name of the user's home."""
    return _SECRETS.sub("[left out]", text).replace(str(Path.home()), "~")


class CrashReporter(QObject):
    """Takes over `sys.excepthook` and that of threads until `release`. Exceptions of any thread are told on the GUI
    thread; while a dialog is open further ones are kept and not shown."""

    _caught = Signal(str)

    def __init__(self, parent: QObject, folder: Path | None = None) -> None:
        super().__init__(parent)
        self._folder = crash_folder() if folder is None else folder
        self._dialog: QMessageBox | None = None
        self._hooks = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread
        self._caught.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def release(self) -> None:
        """Give the hooks back."""
        sys.excepthook, threading.excepthook = self._hooks

    def _on_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QGuiApplication.quit()
            return
        text = without_secrets("".join(traceback.format_exception(kind, error, trace)))
        details = f"Seatrial {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n\n{text}"
        if sys.stderr is not None:
            sys.stderr.write(details)
        place = self._keep(details)
        self._caught.emit(f"{details}\n{f'Kept in {place}' if place else ''}")

    def _keep(self, details: str) -> Path | None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            for old in sorted(self._folder.glob("crash-*.txt"))[: -(_KEPT - 1)]:
                old.unlink()
            place = self._folder / f"crash-{datetime.now():%Y%m%d-%H%M%S-%f}.txt"
            place.write_text(details, encoding="utf-8")
            return place
        return None

    @Slot(str)
    def _show(self, details: str) -> None:
        if self._dialog is not None:
            return
        parent = self.parent()
        self._dialog = box = QMessageBox(parent if isinstance(parent, QWidget) else None)
        box.setObjectName("crash")
        box.setIcon(QMessageBox.Icon.Critical)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle("Something went wrong")
        box.setText("Seatrial made a mistake. Runs are safe in the session log, and you can go on.")
        box.setInformativeText(
            "Please send the details to the maintainers. Keys are left out of them; look them through first."
        )
        box.setDetailedText(details)
        copy = box.addButton("&Copy details", QMessageBox.ButtonRole.ActionRole)
        copy.clicked.disconnect()  # the box would close itself
        copy.clicked.connect(self._copy)
        box.addButton("&Go on", QMessageBox.ButtonRole.AcceptRole)
        box.finished.connect(self._closed)
        box.open()

    @Slot()
    def _copy(self) -> None:
        if self._dialog is not None:
            QGuiApplication.clipboard().setText(self._dialog.detailedText())

    @Slot()
    def _closed(self) -> None:
        if self._dialog is not None:
            self._dialog.deleteLater()
            self._dialog = None
