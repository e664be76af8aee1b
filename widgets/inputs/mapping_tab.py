"""Which column fills which variable, how that was found, and a list to choose another from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QStringListModel, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.inputs.preview import Pairing, Preview
from widgets.appearance import Appearance
from widgets.foreign_text import in_a_cell
from widgets.inputs.row_model import Index, RowModel
from widgets.wheel import scroll_past

MAX_LISTED: Final = 200
"""Variables with a list of columns each; prompts with more are no prompts by hand."""
_HEADERS: Final = ("Asked for", "Column of the data", "How it was found")
_GUESS: Final = "(guess by name)"


class MappingTab(QWidget):
    """`column_chosen(variable, column)` comes when the user chooses; None takes a choice back. Attributes: `table`,
    `model`, `about`."""

    column_chosen = Signal(str, object)

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("mapping_tab")
        self._columns = QStringListModel(self)
        self._names: tuple[str, ...] = ()
        self._boxes: dict[str, QComboBox] = {}
        self.about = QLabel(self)
        self.about.setObjectName("mapping_about")
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setWordWrap(True)
        self.model = PairingModel(appearance, self)
        self.table = QTableView(self)
        self.table.setObjectName("mapping_table")
        self.table.setAccessibleName("Which column fills which variable")
        self.table.setModel(self.model)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.ensurePolished()  # the style sheet's font, not the system's
        self.table.verticalHeader().setDefaultSectionSize(self.table.fontMetrics().height() * 2 + 2)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(max(header.sectionSizeHint(column) for column in range(len(_HEADERS))))
        self.table.setColumnWidth(0, 22 * self.table.fontMetrics().averageCharWidth())
        layout = QVBoxLayout(self)
        layout.addWidget(self.about)
        layout.addWidget(self.table, 1)

    def show_preview(self, preview: Preview) -> None:
        """Show the mapping of a preview; the lists stay where they are if only the choices differ."""
        pairings = preview.mapping[:MAX_LISTED]
        self.about.setText(_said(preview))
        self.model.show_rows(pairings)
        if self._names != preview.data.columns or list(self._boxes) != [each.variable for each in pairings]:
            self._names = preview.data.columns
            self._columns.setStringList([_GUESS, *(in_a_cell(name) for name in self._names)])
            self._make_boxes(pairings)
        places = {name: place for place, name in enumerate(self._names)}
        for each in pairings:
            column = each.column
            self._boxes[each.variable].setCurrentIndex(-1 if column is None else places[column] + 1)

    def box(self, variable: str) -> QComboBox:
        """The list of columns for a variable. Raises KeyError."""
        return self._boxes[variable]

    def boxes(self) -> list[QWidget]:
        """The lists of columns, from top to bottom."""
        return list(self._boxes.values())

    def _make_boxes(self, pairings: tuple[Pairing, ...]) -> None:
        self._boxes = {}
        for row, each in enumerate(pairings):
            box = QComboBox(self.table)
            box.setObjectName(f"mapping_{row}")
            box.setAccessibleName(f"Column for {in_a_cell(each.variable)}")
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
            box.setPlaceholderText("No column fits")
            box.setModel(self._columns)
            box.activated.connect(partial(self._picked, each.variable))
            scroll_past(box)
            self.table.setIndexWidget(self.model.index(row, 1), box)
            self._boxes[each.variable] = box

    def _picked(self, variable: str, place: int) -> None:
        self.column_chosen.emit(variable, self._names[place - 1] if place > 0 else None)


class PairingModel(RowModel[Pairing]):
    """The pairings as text; the lists to choose from lie on top of the middle column."""

    def __init__(self, appearance: Appearance, parent: QWidget) -> None:
        super().__init__(_HEADERS, parent)
        self._appearance = appearance

    def show_rows(self, rows: Sequence[Pairing]) -> None:
        """Show others. What stands on top stays if they are of the same variables."""
        if [each.variable for each in rows] != [each.variable for each in self.rows]:
            super().show_rows(rows)
        elif rows:
            self.rows = tuple(rows)
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(_HEADERS) - 1))

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        each = self.rows[index.row()]
        lacking = each.column is None and each.needed
        if role == Qt.ItemDataRole.DisplayRole:
            return (in_a_cell(each.variable), "", how_said(each))[index.column()]
        if lacking and role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(True)
            return font
        if lacking and role == Qt.ItemDataRole.ForegroundRole:
            return self._appearance.theme.colour("danger")
        return None


def how_said(pairing: Pairing) -> str:
    """How a pairing came about, in words."""
    match pairing.how:
        case "missing":
            return "Missing: choose a column" if pairing.needed else f"Not there: {pairing.why}"
        case "guessed":
            return f"Guessed: {pairing.why}"
        case "chosen":
            return f"Chosen {pairing.why}"
        case _:
            return "Same name"


def _said(preview: Preview) -> str:
    lacking = sum(each.column is None and each.needed for each in preview.mapping)
    listed = (
        f" The first {MAX_LISTED} of {len(preview.mapping):,} are shown."
        if len(preview.mapping) > MAX_LISTED
        else ""
    )
    if lacking:
        return (
            f"{lacking} of the prompts' variables {'has' if lacking == 1 else 'have'} no column yet.{listed}"
        )
    return f"Every variable of the prompts has its column. Correct what was guessed wrongly.{listed}"
