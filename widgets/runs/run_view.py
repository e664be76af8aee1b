"""The view on the table of runs, and what is shown in its place while there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from widgets.runs.run_table import COLUMNS, NAME, ShownRuns

_LETTERS: Final = {
    "Run": 7,
    "Name": 26,
    "When": 18,
    "Good answers": 40,
    "State": 14,
    "Requests": 10,
    "Length": 12,
    "Seed": 8,
    "Tags": 16,
    "Note": 30,
}
"""How wide a column is, in letters of the application's type."""


class RunView(QTableView):
    """Runs by rows: several can be selected, a click on a column's name sorts."""

    def __init__(self, shown: ShownRuns, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("runs_table")
        self.setAccessibleName("Runs")
        self.setModel(shown)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        self.verticalHeader().hide()
        self.fit()
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.DescendingOrder)

    def fit(self) -> None:
        """Rows and columns as large as the type needs them."""
        self.ensurePolished()  # the style sheet decides on the size of the type
        metrics = self.fontMetrics()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(metrics.height() + 10)
        for column, name in enumerate(COLUMNS):
            self.setColumnWidth(column, metrics.averageCharWidth() * _LETTERS[name] + 12)

    @property
    def editing(self) -> bool:
        """Whether a name is being edited in place."""
        return self.state() == QAbstractItemView.State.EditingState

    @Slot()
    def rename(self) -> None:
        """Edit the name of the current run in place."""
        index = self.currentIndex().siblingAtColumn(NAME)
        if index.isValid():
            self.scrollTo(index)
            self.setCurrentIndex(index)
            self.edit(index)


class Empty(QWidget):
    """Nothing is here yet, and what to do about it: `heading`, `text`, and a button for each action."""

    def __init__(
        self, name: str, heading: str, text: str, actions: Sequence[QAction], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        self.heading, self.text = QLabel(heading, self), QLabel(text, self)
        for label, role in ((self.heading, "heading"), (self.text, "")):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setProperty("role", role)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(True)
            layout.addWidget(label)
        for action in actions:
            button = QPushButton(action.text(), self)
            button.setObjectName(f"{name}_{action.objectName()}")
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(2)
