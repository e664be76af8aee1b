"""A small table of texts, as high as its rows up to a limit: settings side by side, metrics side by side.

It knows nothing of what it shows: `tables` fills it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Slot
from PySide6.QtGui import QFont, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTableView, QWidget

from widgets.appearance import Appearance

Tone = Literal["ink", "muted", "ok", "danger"]

AnyIndex = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Cell:
    """A text, what its tooltip says, and how it stands out; `tone` is never the only sign of what it means."""

    text: str
    tip: str = ""
    tone: Tone = "ink"
    bold: bool = False


class GridModel(QAbstractTableModel):
    """Rows of cells under headings; the first column names the row."""

    def __init__(self, appearance: Appearance, parent: QObject) -> None:
        super().__init__(parent)
        self._appearance = appearance
        self._headings: Sequence[str] = ()
        self._rows: Sequence[Sequence[Cell]] = ()

    def fill(self, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._headings, self._rows = headings, rows
        self.endResetModel()

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's)
        """How many rows there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's)
        """How many columns there are."""
        return 0 if parent.isValid() else len(self._headings)

    def headerData(  # noqa: N802 (Qt's)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """A column's heading."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headings[section]
        if role == Qt.ItemDataRole.ToolTipRole and orientation == Qt.Orientation.Horizontal:
            return f"<qt>{escape(self._headings[section])}</qt>"
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        cell = self._rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"<qt>{escape(cell.tip or cell.text)}</qt>" if cell.tip or cell.text else None
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._appearance.theme.colour(cell.tone)
        if role == Qt.ItemDataRole.FontRole and cell.bold:
            font = QFont(QApplication.font())
            font.setBold(True)
            return font
        return None


class Grid(QTableView):
    """Shows a GridModel. Ctrl+C copies the selected cells as text with tabs."""

    def __init__(
        self, name: str, title: str, most_rows: int, appearance: Appearance, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(title)
        self._most_rows = most_rows
        self.grid = GridModel(appearance, self)
        self.setModel(self.grid)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        appearance.changed.connect(self._restyle)

    def fill(self, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Show other rows, and be as high as they are."""
        self.grid.fill(headings, rows)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's)
        """Copy."""
        if event.matches(QKeySequence.StandardKey.Copy):
            rows = sorted(index.row() for index in self.selectionModel().selectedRows())
            columns = range(self.grid.columnCount())
            lines = (
                "\t".join(str(self.grid.index(row, column).data()) for column in columns) for row in rows
            )
            QApplication.clipboard().setText("\n".join(lines))
            return
        super().keyPressEvent(event)

    @Slot()
    def _restyle(self) -> None:
        self._fit()
        self.viewport().update()

    def _fit(self) -> None:
        self.ensurePolished()  # the style sheet decides on the size of the type
        row = self.fontMetrics().height() + 8
        self.verticalHeader().setDefaultSectionSize(row)
        shown = max(1, min(self.grid.rowCount(), self._most_rows))
        self.setFixedHeight(
            row * shown + self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth() + 2
        )
