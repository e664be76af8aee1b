"""A row as it is in the data beside the same row in a kind of mess, as a run would send it; what changed is marked."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.inputs.preview import MessSample, Preview, mess_choices
from widgets.appearance import Appearance
from widgets.foreign_text import breakable, in_a_cell, shown
from widgets.inputs.reading import make_a_mess
from widgets.inputs.rendered_tab import cost_text, facts_label
from widgets.inputs.row_model import Index, RowModel
from widgets.inputs.row_picker import RowPicker
from widgets.latest_job import LatestJob

_HEADERS: Final = ("Field", "", "In the data", "As it comes")
_NOT_THERE: Final = "(not there)"


@dataclass(frozen=True)
class _Field:
    name: str
    changed: bool
    original: str
    mutated: str


class MessTab(QWidget):
    """Attributes: `kind` (list of the kinds), `picker`, `table`, `original` and `mutated` (the field in full), `facts`."""

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("mess_tab")
        self._preview: Preview | None = None
        self._samples: list[MessSample] = []
        self._job = LatestJob(self)
        self._job.done.connect(self._made)
        self._job.failed.connect(self._failed)
        self.picker = RowPicker(self)
        self.kind = QComboBox(self)
        self.kind.setObjectName("mess_kind")
        self.kind.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.kind.setMinimumContentsLength(18)
        label = QLabel("&Kind of mess", self)
        label.setBuddy(self.kind)
        self.about = QLabel(self)
        self.about.setProperty("tone", "muted")
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.about.setWordWrap(True)
        self.model = FieldModel(appearance, self)
        self.table = _table(self.model, self)
        self.original = _pane("mess_original", "The field as it is in the data", self)
        self.mutated = _pane("mess_mutated", "The field as it comes", self)
        self.facts = facts_label("mess_facts", self)
        kinds = QHBoxLayout()
        kinds.addWidget(label)
        kinds.addWidget(self.kind, 1)
        panes = QSplitter(Qt.Orientation.Horizontal, self)
        panes.addWidget(self.original)
        panes.addWidget(self.mutated)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self.table)
        split.addWidget(panes)
        split.setSizes([200, 140])
        layout = QVBoxLayout(self)
        layout.addLayout(kinds)
        layout.addWidget(self.about)
        layout.addWidget(self.picker)
        layout.addWidget(split, 1)
        layout.addWidget(self.facts)
        self.kind.currentIndexChanged.connect(self._show_kind)
        self.picker.picked.connect(self._ask)
        self.table.selectionModel().currentRowChanged.connect(self._show_field)

    def show_preview(self, preview: Preview) -> None:
        """Show a row of other inputs."""
        self._preview = preview
        self._samples = []
        before = max(0, self.kind.currentIndex())
        self.kind.blockSignals(True)
        self.kind.clear()
        for choice in mess_choices(preview):
            self.kind.addItem(
                in_a_cell(choice.title) + ("" if choice.in_scenario else " (not in this scenario)")
            )
        self.kind.setCurrentIndex(min(before, self.kind.count() - 1))
        self.kind.blockSignals(False)
        self.picker.show_preview(preview)
        self._ask(*self.picker.place)

    def stop(self) -> None:
        """Give up what is being made."""
        self._job.cancel()

    @Slot(int, int)
    def _ask(self, prompt: int, row: int) -> None:
        if self._preview is not None:
            self.facts.setText("Making a mess…")
            self._job.run(partial(make_a_mess, self._preview, prompt, row))

    @Slot(object)
    def _made(self, samples: list[MessSample]) -> None:
        self._samples = samples
        self._show_kind()

    @Slot(object)
    def _failed(self, error: UserError) -> None:
        self.facts.setText(breakable(str(error)))

    @Slot()
    def _show_kind(self) -> None:
        place = self.kind.currentIndex()
        if not 0 <= place < len(self._samples):
            return
        sample = self._samples[place]
        self.about.setText(f"{sample.choice.about[:1].upper()}{sample.choice.about[1:]}.")
        self.model.show_sample(sample)
        fields = self.model.rows
        first = next((at for at, field in enumerate(fields) if field.changed), 0)
        self.table.selectRow(first)
        self._show_field(self.model.index(first, 0))
        self.facts.setText(breakable(_facts(sample)))

    @Slot(QModelIndex)
    def _show_field(self, index: Index) -> None:
        fields = self.model.rows
        if 0 <= index.row() < len(fields):
            self.original.setPlainText(fields[index.row()].original)
            self.mutated.setPlainText(fields[index.row()].mutated)


class FieldModel(RowModel[_Field]):
    """The fields of a row before and after. A changed one says so, and stands in bold."""

    def __init__(self, appearance: Appearance, parent: QWidget) -> None:
        super().__init__(_HEADERS, parent)
        self._appearance = appearance

    def show_sample(self, sample: MessSample) -> None:
        """Show another row or another mess."""
        self.show_rows(
            [
                _Field(
                    column,
                    column in sample.changed,
                    shown(sample.original[column]) if column in sample.original else _NOT_THERE,
                    shown(sample.mutated[column]) if column in sample.mutated else _NOT_THERE,
                )
                for column in dict.fromkeys([*sample.original, *sample.mutated])
            ]
        )

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        field = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            mark = "changed" if field.changed else ""
            return (in_a_cell(field.name), mark, in_a_cell(field.original), in_a_cell(field.mutated))[
                index.column()
            ]
        if field.changed and role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(True)
            return font
        if field.changed and role == Qt.ItemDataRole.ForegroundRole and index.column() == 1:
            return self._appearance.theme.colour("warn")
        return None


def _facts(sample: MessSample) -> str:
    if not sample.changed:
        return "This mess cannot apply to this row: it comes as it is."
    rules = "" if sample.strikes else "The fault's rules leave this prompt or row alone. "
    rendered = sample.rendered
    if rendered.error:
        return f"{rules}The prompt cannot be filled: {rendered.error}. Such a request fails."
    grown = f"The mess makes it {sample.extra_tokens:+,} tokens. " if sample.extra_tokens else ""
    return f"{rules}{grown}{cost_text(rendered)}"


def _table(model: QAbstractTableModel, parent: QWidget) -> QTableView:
    table = QTableView(parent)
    table.setObjectName("mess_fields")
    table.setAccessibleName("Fields of the row, as they are and as they come")
    table.setModel(model)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setTabKeyNavigation(False)
    table.setWordWrap(False)
    table.verticalHeader().hide()
    header = table.horizontalHeader()
    header.setStretchLastSection(True)
    table.ensurePolished()  # the style sheet's font, not the system's
    unit = table.fontMetrics().averageCharWidth()
    for column, chars in enumerate((18, 12, 36)):
        table.setColumnWidth(column, chars * unit)
    return table


def _pane(name: str, accessible: str, parent: QWidget) -> QPlainTextEdit:
    pane = QPlainTextEdit(parent)
    pane.setObjectName(name)
    pane.setAccessibleName(accessible)
    pane.setReadOnly(True)
    pane.setTabChangesFocus(True)
    return pane
