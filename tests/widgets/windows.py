"""The window for tests, with preferences and a log of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QSettings
from pytestqt.qtbot import QtBot

from widgets.appearance import Appearance
from widgets.main_window import MainWindow
from widgets.preferences import Preferences


@contextmanager
def main_window(qtbot: QtBot, appearance: Appearance, folder: Path) -> Iterator[MainWindow]:
    """The window on `folder/log.db`, not shown yet, for somebody who has been shown around; closed at the end."""
    preferences = Preferences(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
    preferences.shown_around = True
    made = MainWindow(appearance, preferences, folder / "log.db")
    qtbot.addWidget(made)
    yield made
    made.close()
