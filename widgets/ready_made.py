"""Choosing one of the scenarios that come with Seatrial: each with what it asks, in one sentence."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.scenario.files import described, ready_made
from widgets.trial.labels import plain_label

_SIZE: Final = QSize(640, 480)


class ReadyMadeDialog(QDialog):
    """Attributes: `list`, whose items' data is the scenario's name; `chosen`, the name of the current one."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("ready_made_scenarios")
        self.setWindowTitle("Ready-made scenarios")
        self.list = QListWidget()
        self.list.setAccessibleName("Ready-made scenarios")
        self.list.setWordWrap(True)
        self.list.setSpacing(4)
        for name, path in ready_made().items():
            title, about = described(path)
            item = QListWidgetItem(f"{title}\n{about}")
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.list.itemActivated.connect(self.accept)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(
            plain_label("Each is made to show one thing. Open one and press Run (F5).", wraps=True)
        )
        layout.addWidget(self.list)
        layout.addWidget(buttons)
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))

    @property
    def chosen(self) -> str:
        """The name of the current scenario."""
        return str(self.list.currentItem().data(Qt.ItemDataRole.UserRole))


def ask_ready_made(parent: QWidget) -> str | None:
    """The name of the scenario that is chosen, None for none."""
    dialog = ReadyMadeDialog(parent)
    chosen = dialog.chosen if dialog.exec() == QDialog.DialogCode.Accepted else None
    dialog.deleteLater()
    return chosen
