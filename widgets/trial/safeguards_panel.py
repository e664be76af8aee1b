"""The safeguards as a matrix: a row for each, by the job it does, and a checkbox for each variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.errors import UserError
from app.safeguards.matrix import ROWS, Row, in_words, settings_for, state
from app.scenario.model import Scenario, variant_title
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Switchboard

_CELL_PX: Final = 66
"""Least width of a variant's column: three of them fit a narrow dock."""


class SafeguardsPanel(QWidget):
    """Attributes: `cells` (SafeguardCell by variant and kind), `more` (shows the rows that are seldom needed)."""

    def __init__(self, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("safeguards_panel")
        self._switchboard = switchboard
        self._variants: list[tuple[str, str]] = []
        self.cells: dict[tuple[str, str], SafeguardCell] = {}
        self._words: dict[str, QLabel] = {}
        self._seldom: list[QWidget] = []
        self._matrix = QWidget()
        self.more = QPushButton()
        self.more.setObjectName("more_safeguards")
        self.more.setProperty("role", "flat")
        self.more.setCheckable(True)
        self.more.toggled.connect(self._show_rows)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addWidget(plain_label("Safeguards", role="heading"))
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
        self._show_rows()

    def _rebuild(self) -> None:
        old, self._matrix = self._matrix, QWidget()
        self._layout.replaceWidget(old, self._matrix)
        old.hide()
        old.deleteLater()
        self.cells, self._words, self._seldom = {}, {}, []
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
            grid.setColumnMinimumWidth(column, _CELL_PX)
            grid.addWidget(head, 0, column)
        at, job = 1, ""
        for row in ROWS:
            widgets: list[QWidget] = []
            if row.job != job:
                job = row.job
                widgets.append(plain_label(job, role="caption"))
                grid.addWidget(widgets[0], at, 0)
                at += 1
            name_label = plain_label(row.title, wraps=True)
            name_label.setToolTip(row.explanation)
            widgets.append(name_label)
            grid.addWidget(name_label, at, 0)
            for column, (name, variant) in enumerate(self._variants, start=1):
                cell = SafeguardCell(row, name, variant, self._switchboard)
                self.cells[name, row.kind] = cell
                widgets.append(cell)
                grid.addWidget(cell, at, column, Qt.AlignmentFlag.AlignHCenter)
            words = self._words[row.kind] = plain_label(role="caption", wraps=True)
            grid.addWidget(words, at + 1, 0, 1, len(self._variants) + 1)
            at += 2
            if not row.shown:
                self._seldom += widgets

    @Slot()
    def _show_rows(self) -> None:
        more = self.more.isChecked()
        for widget in self._seldom:
            widget.setVisible(more)
        for row in ROWS:
            words = self._words[row.kind]
            words.setVisible(bool(words.text()) and (more or row.shown))
        count = sum(not row.shown for row in ROWS)
        self.more.setText("Fewer" if more else f"More ({count})")
        self.more.setAccessibleName("Fewer safeguards" if more else f"{count} more safeguards")


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
