"""Small dialogs of the Help menu: what is assumed, where the log is, what this is."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QMessageBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app import __version__
from app.scenario.assumptions import assumptions
from app.scenario.model import Scenario
from app.sessions.session_log import default_path
from widgets.dialogs import message_box

_MEGABYTE: Final = 1_000_000


def show_assumptions(parent: QWidget, scenario: Scenario) -> None:
    """Every number that a simulation cannot measure, with its source or the word "assumed"."""
    dialog = QDialog(parent)
    dialog.setObjectName("assumptions")
    dialog.setWindowTitle("Assumptions")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    intro = QLabel(
        "A simulation cannot measure these. Each says where it comes from; change it in the scenario if you know better."
    )
    intro.setWordWrap(True)
    found = assumptions(scenario)
    table = QTableWidget(len(found), 3)
    table.setAccessibleName("Assumptions")
    table.setHorizontalHeaderLabels(["What", "Value", "Source"])
    table.verticalHeader().hide()
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    for row, values in enumerate(found):
        for column, value in enumerate(values):
            item = QTableWidgetItem(value)
            item.setToolTip(value)
            table.setItem(row, column, item)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addWidget(intro)
    layout.addWidget(table)
    layout.addWidget(buttons)
    dialog.resize(QSize(760, 480).boundedTo(dialog.screen().availableSize()))
    dialog.open()


def show_log_file(parent: QWidget, log_path: Path | None) -> None:
    """Where the runs are kept and how much room they take."""
    path = default_path() if log_path is None else log_path
    files = [path, path.with_name(f"{path.name}-wal")]
    size = sum(each.stat().st_size for each in files if each.exists())
    box = message_box(
        parent,
        "log_file",
        "Session log",
        f"All runs are in one SQLite file:\n{path}",
        f"It takes {size / _MEGABYTE:,.1f} MB. Runs stay until you delete them on the Runs page; the room of a deleted "
        "run is used again by later ones. Only your user account may read the file, and nothing is sent anywhere.",
    )
    folder = box.addButton("Open &folder", QMessageBox.ButtonRole.ActionRole)
    box.addButton(QMessageBox.StandardButton.Close)
    url = QUrl.fromLocalFile(str(path.parent))
    box.buttonClicked.connect(lambda button: QDesktopServices.openUrl(url) if button is folder else None)
    box.open()


def show_about(parent: QWidget) -> None:
    """Version and licence."""
    box = message_box(
        parent,
        "about",
        "About Seatrial",
        f"Seatrial {__version__}",
        "See your AI prototype fail before your users do, and see what would have saved it.\n\n"
        f"MIT licence. Python {platform.python_version()}.",
    )
    box.addButton(QMessageBox.StandardButton.Close)
    box.open()
