"""The requests that a side saved or lost: a count in words, and a list of their numbers to click."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QLabel, QListView, QVBoxLayout, QWidget

from app.analysis.pairing import Ints

AnyIndex = QModelIndex | QPersistentModelIndex

_NONE = np.zeros(0, np.int64)


class NumbersModel(QAbstractListModel):
    """Request numbers, shape (n,); a row is made when it is looked at, however many there are."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._numbers = _NONE

    def fill(self, numbers: Ints) -> None:
        """Show other numbers."""
        self.beginResetModel()
        self._numbers = numbers
        self.endResetModel()

    def number(self, row: int) -> int:
        """The request in a row."""
        return int(self._numbers[row])

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's)
        """How many requests there are."""
        return 0 if parent.isValid() else int(self._numbers.size)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A request's number in words."""
        return f"Request {self._numbers[index.row()]}" if role == Qt.ItemDataRole.DisplayRole else None


class RequestNumbers(QWidget):
    """A heading with the count, and the list. `picked(number)` comes on a click or Enter."""

    picked = Signal(object)

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.heading = QLabel(self)
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.heading.setWordWrap(True)
        self.numbers = NumbersModel(self)
        self.list = QListView(self)
        self.list.setObjectName(f"{name}_list")
        self.list.setModel(self.numbers)
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setToolTip("Click one to see what was asked and answered.")
        self.list.setFixedHeight(self.fontMetrics().height() * 10)
        self.list.clicked.connect(self._pick)
        enter = QAction(self.list)
        enter.setShortcuts([QKeySequence("Return"), QKeySequence("Enter")])
        enter.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        enter.triggered.connect(self._pick)
        self.list.addAction(enter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.heading)
        layout.addWidget(self.list)

    def fill(self, heading: str, numbers: Ints) -> None:
        """Show these requests under this heading."""
        self.heading.setText(heading)
        self.list.setAccessibleName(heading)
        self.numbers.fill(numbers)

    @Slot()
    def _pick(self) -> None:
        index = self.list.currentIndex()
        if index.isValid():
            self.picked.emit(self.numbers.number(index.row()))
