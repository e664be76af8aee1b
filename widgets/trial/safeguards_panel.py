"""The safeguards as a matrix: a row for each, by the job it does, and a checkbox for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.safeguards.matrix import ROWS, Row, by_job, in_words, listed, settings_for, state
from app.scenario.model import Scenario, variant_title
from widgets.focus import put_last
from widgets.trial.labels import plain_label
from widgets.trial.pipeline_dialog import PipelineDialog
from widgets.trial.switchboard import Switchboard

_CELL_PX: Final = 66
"""Least width of a variant's column: three of them fit a narrow dock."""
_APART_PX: Final = 4
_WIDEST_PX: Final = 90
"""A heading's longest word keeps clear of the next one's, as far as there is room."""


class SafeguardsPanel(QWidget):
    """Attributes: `cells` (SafeguardCell by variant and kind), `details` (button by kind: all settings of a row),
    `advanced` (order and settings of a variant's safeguards), `more` (shows the rows that are seldom needed)."""

    def __init__(self, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("safeguards_panel")
        self._switchboard = switchboard
        self._variants: list[tuple[str, str]] = []
        self.cells: dict[tuple[str, str], SafeguardCell] = {}
        self.details: dict[str, QToolButton] = {}
        self._words: dict[str, QLabel] = {}
        self._headings: dict[str, QLabel] = {}
        self._names: dict[str, QLabel] = {}
        self._dialog: PipelineDialog | None = None
        self._matrix = QWidget()
        self.advanced = QPushButton("Advanced…")
        self.advanced.setObjectName("advanced_safeguards")
        self.advanced.setAccessibleName("Advanced safeguards")
        self.advanced.setToolTip("The order in which a variant's safeguards act, and all their settings.")
        self.advanced.clicked.connect(self._open)
        self.more = QPushButton()
        self.more.setObjectName("more_safeguards")
        self.more.setProperty("role", "flat")
        self.more.setCheckable(True)
        self.more.toggled.connect(self._show_rows)
        head = QHBoxLayout()
        head.addWidget(plain_label("Safeguards", role="heading"), 1)
        head.addWidget(self.advanced)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addLayout(head)
        self._layout.addWidget(self._matrix)
        self._layout.addWidget(self.more, alignment=Qt.AlignmentFlag.AlignLeft)
        switchboard.changed.connect(self.show_scenario)
        if switchboard.loaded:
            self.show_scenario(switchboard.scenario)

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show what each variant has; the matrix is made anew where the variants are others."""
        variants = [(name, variant_title(name, variant)) for name, variant in scenario.variants.items()]
        if variants != self._variants:
            self._variants = variants
            self._rebuild()
        for cell in self.cells.values():
            cell.show_scenario(scenario)
        for row in ROWS:
            self._words[row.kind].setText(_settings(row, scenario, variants))
            self.details[row.kind].setEnabled(self._place_of(row.kind, scenario) is not None)
        self._show_rows()

    def _rebuild(self) -> None:
        old, self._matrix = self._matrix, QWidget()
        self._layout.replaceWidget(old, self._matrix)
        old.hide()
        old.deleteLater()
        self.cells, self.details, self._words, self._names, self._headings = {}, {}, {}, {}, {}
        grid = QGridLayout(self._matrix)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2)
        grid.setVerticalSpacing(1)
        grid.setColumnStretch(0, 1)
        for column, (_, title) in enumerate(self._variants, start=1):
            head = plain_label(title, role="caption", wraps=True)
            head.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom)
            # As narrow as its longest word: the room belongs to the names of the safeguards.
            head.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            grid.addWidget(head, 0, column)
            head.ensurePolished()
            longest = max(map(head.fontMetrics().horizontalAdvance, title.split()), default=0)
            grid.setColumnMinimumWidth(column, max(_CELL_PX, min(longest + _APART_PX, _WIDEST_PX)))
        at = 1
        for job, rows in by_job().items():
            heading = self._headings[job] = plain_label(job, role="group")
            heading.setIndent(0)
            grid.addWidget(heading, at, 0)
            at += 1
            for row in rows:
                self._add_row(grid, at, row)
                at += 2
        inside = [
            each for row in self._rows_in_order() for each in (*self._cells_of(row), self.details[row.kind])
        ]
        put_last([self.advanced, *inside], [self.more])

    def _add_row(self, grid: QGridLayout, at: int, row: Row) -> None:
        name_label = self._names[row.kind] = plain_label(row.title, wraps=True)
        name_label.setToolTip(row.explanation)
        grid.addWidget(name_label, at, 0)
        for column, (name, variant) in enumerate(self._variants, start=1):
            cell = self.cells[name, row.kind] = SafeguardCell(row, name, variant, self._switchboard)
            grid.addWidget(cell, at, column, Qt.AlignmentFlag.AlignHCenter)
        details = self.details[row.kind] = QToolButton()
        details.setObjectName(f"details_{row.kind}")
        details.setProperty("role", "flat")
        details.setProperty("tight", True)
        details.setText("…")
        details.setToolTip(f"All settings of: {row.title}")
        details.setAccessibleName(f"All settings of: {row.title}")
        details.clicked.connect(partial(self._open_row, row.kind))
        grid.addWidget(details, at, len(self._variants) + 1)
        words = self._words[row.kind] = plain_label(role="caption", wraps=True)
        grid.addWidget(words, at + 1, 0, 1, len(self._variants) + 2)

    def _rows_in_order(self) -> list[Row]:
        return [row for rows in by_job().values() for row in rows]

    def _cells_of(self, row: Row) -> list[SafeguardCell]:
        return [self.cells[name, row.kind] for name, _ in self._variants]

    def _place_of(self, kind: str, scenario: Scenario) -> tuple[str, str] | None:
        """The variant, and the id of its safeguard, that a row's settings are shown of: the last that has it on, else
        the last that has it."""
        having = [
            (state(scenario, name, kind) == "on", name)
            for name, _ in self._variants
            if listed(scenario, name, kind)
        ]
        if not having:
            return None
        name = max(enumerate(having), key=lambda each: (each[1][0], each[0]))[1][1]
        return name, listed(scenario, name, kind)[0].id

    @Slot()
    def _open(self) -> None:
        variants = self._switchboard.scenario.variants
        self._pipelines().show_at(max(variants, key=lambda name: len(variants[name].safeguards)))

    def _open_row(self, kind: str, _checked: bool = False) -> None:
        place = self._place_of(kind, self._switchboard.scenario)
        if place is not None:
            self._pipelines().show_at(*place)

    def _pipelines(self) -> PipelineDialog:
        if self._dialog is None:
            self._dialog = PipelineDialog(self._switchboard, self)
        return self._dialog

    @Slot()
    def _show_rows(self) -> None:
        more = self.more.isChecked()
        for job, rows in by_job().items():
            self._headings[job].setVisible(more or any(row.shown for row in rows))
        for row in ROWS:
            shown = more or row.shown
            for widget in (self._names[row.kind], *self._cells_of(row), self.details[row.kind]):
                widget.setVisible(shown)
            words = self._words[row.kind]
            words.setVisible(shown and bool(words.text()))
        hidden = [row for row in ROWS if not row.shown]
        on = sum(any(cell.isChecked() for cell in self._cells_of(row)) for row in hidden)
        some = f", {on} on" if on else ""
        self.more.setText("Fewer" if more else f"More ({len(hidden)}{some})")
        self.more.setAccessibleName("Fewer safeguards" if more else f"{len(hidden)} more safeguards{some}")


class SafeguardCell(QCheckBox):
    """Whether one variant has one safeguard at work."""

    def __init__(self, row: Row, variant: str, title: str, switchboard: Switchboard) -> None:
        super().__init__()
        self._row = row
        self._variant = variant
        self._title = title
        self._switchboard = switchboard
        self.setObjectName(f"{variant}_{row.kind}")
        self.setAccessibleName(f"{row.title}, {title}")
        self.clicked.connect(self._flip)

    def show_scenario(self, scenario: Scenario) -> None:
        """Show whether it is on, and what for; where it cannot be, why."""
        self.setChecked(state(scenario, self._variant, self._row.kind) == "on")
        words = in_words(self._row, scenario, self._variant)
        why = ""
        try:
            settings_for(scenario, self._variant, self._row.kind, on=True)
        except UserError as error:
            why = str(error)
        self.setEnabled(not why)
        tip = "\n".join(part for part in (self._row.explanation, words, why) if part)
        self.setToolTip(tip.replace("<", "‹"))  # a tooltip that begins like HTML would be taken for it
        self.setAccessibleDescription(tip)

    @Slot(bool)
    def _flip(self, on: bool) -> None:
        board = self._switchboard
        settings = settings_for(board.scenario, self._variant, self._row.kind, on)
        board.flip(settings, f"{self._row.title} {'on' if on else 'off'}: {self._title}")


def _settings(row: Row, scenario: Scenario, variants: Sequence[tuple[str, str]]) -> str:
    """The main setting in words: once where all variants that have it agree, else by variant."""
    told = {title: in_words(row, scenario, name) for name, title in variants}
    told = {title: words for title, words in told.items() if words}
    if len(set(told.values())) <= 1:
        return next(iter(told.values()), "")
    return "; ".join(f"{title}: {words}" for title, words in told.items())
