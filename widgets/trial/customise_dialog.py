"""The details of a card: every kind of failure that it offers, and its numbers, each by itself; with a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.faults.card_knobs import Knob, knobs
from app.faults.card_table import Card
from app.faults.cards import members, realised, settings_off
from app.scenario.model import Scenario
from widgets.focus import put_last
from widgets.trial.failure_card import in_words
from widgets.trial.fault_row import FaultRow
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Switchboard
from widgets.trial.trouble_label import TroubleLabel
from widgets.wheel import scroll_past


class CustomiseDialog(QDialog):
    """Changes apply at once. Attributes: `search`, `rows` (FaultRow by fault id), `knobs` (KnobRow by path), `off`,
    `trouble`."""

    def __init__(self, card: Card, switchboard: Switchboard, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._card = card
        self._switchboard = switchboard
        self._shown: Scenario | None = None
        self.setObjectName(f"customise_dialog_{card.id}")
        self.setWindowTitle(f"Customise: {card.title}")
        self.search = QLineEdit()
        self.search.setObjectName("search_failures")
        self.search.setAccessibleName("Search failures")
        self.search.setPlaceholderText("Search failures")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.rows: dict[str, FaultRow] = {}
        self.knobs: dict[str, KnobRow] = {}
        inner = QWidget()
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 4, 0)
        self._nothing = plain_label("Nothing here has such a name.", role="caption")
        self._nothing.hide()
        self._list.addWidget(self._nothing)
        self._list.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        self.trouble = TroubleLabel(switchboard)
        self.off = QPushButton("All of these off")
        self.off.setObjectName("these_off")
        self.off.setAutoDefault(False)
        self.off.clicked.connect(self._off)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(self.off, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.rejected.connect(self.close)
        self._close = buttons.button(QDialogButtonBox.StandardButton.Close)
        layout = QVBoxLayout(self)
        layout.addWidget(plain_label(f"{card.reason} What you change here applies at once.", wraps=True))
        layout.addWidget(self.search)
        layout.addWidget(area, 1)
        layout.addWidget(self.trouble)
        layout.addWidget(buttons)
        self.resize(640, 480)
        switchboard.changed.connect(self.show_scenario)
        self.show_scenario(switchboard.scenario)

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show each failure as it is. Trouble is over once something has been changed."""
        if scenario is not self._shown:
            self._shown = scenario
            self.trouble.hide()
        names = {fault.id: fault.kind for fault in members(self._card, scenario)}
        missing = [kind for kind in self._card.kinds if kind not in names.values()]
        wanted = names | {f"card_{kind}": kind for kind in missing}
        turns = {knob.path: knob for knob in knobs(self._card, scenario, self._switchboard.original)}
        if set(wanted) != set(self.rows) or list(turns) != list(self.knobs):
            self._rebuild(wanted, turns)
        for row in self.rows.values():
            row.show_scenario(scenario)
        for path, knob in turns.items():
            self.knobs[path].show_knob(knob)

    def show_variants(self, variants: Mapping[str, Any]) -> None:
        """Tell what has struck so far, from the variants of a run's summary."""
        found = realised(self._card, variants, self._switchboard.scenario) if variants else []
        by_kind = {each.kind: in_words(each) for each in found}
        for row in self.rows.values():
            row.show_struck(by_kind.get(row.kind, ""))

    def _rebuild(self, wanted: Mapping[str, str], turns: Mapping[str, Knob]) -> None:
        for old in (*self.rows.values(), *self.knobs.values()):
            self._list.removeWidget(old)
            old.hide()
            old.deleteLater()
        order = sorted(wanted, key=lambda name: self._card.kinds.index(wanted[name]))
        self.rows = {name: FaultRow(wanted[name], name, self._switchboard) for name in order}
        self.knobs = {
            path: KnobRow(knob, self._card.title, self._switchboard) for path, knob in turns.items()
        }
        rows: list[FaultRow | KnobRow] = [*self.knobs.values(), *self.rows.values()]
        for place, row in enumerate(rows):
            self._list.insertWidget(place, row)
        window = self.window()  # the list of a combo box is another
        inside = [each for row in rows for each in row.findChildren(QWidget) if each.window() is window]
        put_last(inside, [self.off, self._close])
        self._filter()

    @Slot()
    def _filter(self) -> None:
        text = self.search.text()
        shown = 0
        rows: list[FaultRow | KnobRow] = [*self.rows.values(), *self.knobs.values()]
        for row in rows:
            found = row.matches(text)
            row.setVisible(found)
            shown += found
        self._nothing.setVisible(not shown)

    @Slot()
    def _off(self) -> None:
        board = self._switchboard
        settings = settings_off(self._card, board.scenario, board.original)
        board.flip(settings, f"{self._card.title}: off")


class KnobRow(QFrame):
    """A number of the card's that is no fault: a limit, a size, a price."""

    def __init__(
        self, knob: Knob, card: str, switchboard: Switchboard, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._knob = knob
        self._card = card
        self._switchboard = switchboard
        self.setProperty("role", "card")
        self.field = QDoubleSpinBox()
        self.field.setObjectName(f"knob_{knob.path}")
        self.field.setAccessibleName(knob.title)
        self.field.setDecimals(0 if knob.whole else 4)
        self.field.setRange(0, 1_000_000_000)
        self.field.setGroupSeparatorShown(True)
        self.field.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.field.setKeyboardTracking(False)
        self.field.setAlignment(Qt.AlignmentFlag.AlignRight)
        scroll_past(self.field)
        if knob.idle is None:
            self.field.setSpecialValueText("no limit")
        label = plain_label(knob.title)
        label.setBuddy(self.field)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.addWidget(label, 1)
        row.addWidget(self.field)
        row.addWidget(plain_label(knob.unit, role="caption"))
        self.field.valueChanged.connect(self._turn)

    def show_knob(self, knob: Knob) -> None:
        """Show the number as it is."""
        self._knob = knob
        with QSignalBlocker(self.field):
            self.field.setValue(knob.now or 0)

    def matches(self, text: str) -> bool:
        """Whether a search finds it."""
        return all(
            part in f"{self._knob.title} {self._knob.path}".casefold() for part in text.casefold().split()
        )

    @Slot(float)
    def _turn(self, value: float) -> None:
        number = None if self._knob.idle is None and not value else value
        words = "no limit" if number is None else f"{number:,.10g}"
        label = f"{self._card}: {self._knob.title} {words}"
        self._switchboard.flip([(self._knob.path, number)], label, sliding=True)
