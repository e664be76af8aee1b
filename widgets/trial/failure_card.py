"""One of the six cards: its switch, how severe it is, what it has struck so far, and the way to its details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.analysis.fault_rates import FaultRate
from app.faults.card_knobs import knobs
from app.faults.card_table import SEVERITIES, Card, Severity
from app.faults.cards import (
    Realised,
    Setting,
    members,
    percent,
    realised,
    settings_again,
    settings_off,
    settings_on,
    state,
)
from app.scenario.model import Scenario
from widgets.trial.flow import FlowLayout
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Switchboard

_TITLES: Final[dict[Severity, str]] = {"mild": "Mild", "typical": "Typical", "severe": "Severe"}
_SHOWN: Final = 3
"""Kinds told on the card; the others are in its tooltip and its details."""


class FailureCard(QFrame):
    """Attributes: `card`, `switch`, `severities` (buttons by severity), `customise`, `struck` (the realised rates)."""

    customise_wanted = Signal(object)
    """Card: show its details."""

    def __init__(self, card: Card, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.card = card
        self._switchboard = switchboard
        self._original: Scenario | None = None
        self.rates: Sequence[FaultRate] = ()
        """Of a run that has ended: what each fault struck of what it could strike."""
        self._before: list[Setting] = []
        """What switching it off has changed, as it was."""
        self.setObjectName(f"card_{card.id}")
        self.setProperty("role", "card")
        self.switch = QCheckBox(card.title)
        self.switch.setObjectName(f"switch_{card.id}")
        self.switch.setFont(_bold(self.switch.font()))
        self.switch.setAccessibleDescription(card.reason)
        self.switch.setToolTip(f"Switch these failures on or off. {card.reason}")
        self.switch.clicked.connect(self._flip)
        self._mood = plain_label(role="caption", wraps=True)
        self._reason = plain_label(card.reason, role="caption", wraps=True)
        self._group = QButtonGroup(self)
        self._group.setExclusive(False)  # none is down while the card is off, or customised
        self._group.idClicked.connect(self._pick)
        self.severities = {each: self._severity_button(each) for each in SEVERITIES}
        self.customise = QPushButton()
        self.customise.setObjectName(f"customise_{card.id}")
        self.customise.setProperty("role", "flat")
        self.customise.setToolTip("Each kind of failure by itself: how often, where and when.")
        self.customise.clicked.connect(self._customise)
        self.struck = plain_label(role="caption", wraps=True)
        self.struck.setObjectName(f"struck_{card.id}")
        self.struck.hide()
        buttons = QWidget()
        row = FlowLayout(buttons, gap=3)
        for button in self.severities.values():
            row.addWidget(button)
        head = QHBoxLayout()
        head.addWidget(self.switch)
        head.addStretch()
        head.addWidget(self.customise)
        layout = self._layout = QGridLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(2)
        layout.addLayout(head, 0, 0)
        layout.addWidget(self._reason, 1, 0)
        layout.addWidget(buttons, 2, 0)
        layout.addWidget(self._mood, 3, 0)
        layout.addWidget(self.struck, 4, 0)
        switchboard.changed.connect(self.show_scenario)
        if switchboard.loaded:
            self.show_scenario(switchboard.scenario)

    def add_below(self, widget: QWidget) -> None:
        """Put something of this card alone at its foot."""
        self._layout.addWidget(widget, self._layout.rowCount(), 0)

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show what of the card is on."""
        original = self._switchboard.original
        if original is not self._original:
            self._original, self._before = original, []
        found = state(self.card, scenario, original)
        on = found is not None
        self.switch.setChecked(on)
        for severity, button in self.severities.items():
            button.setChecked(severity == found)
        self._mood.setText("Customised." if self._differs(scenario) else "On as the scenario's file has it.")
        self._mood.setVisible(found == "custom")
        kinds = {fault.kind for fault in members(self.card, scenario) if fault.on}
        turned = [knob for knob in knobs(self.card, scenario, original) if knob.now != knob.idle]
        of = len(self.card.kinds) + len(knobs(self.card, scenario, original))
        self.customise.setText(f"Customise ({len(kinds) + len(turned)} of {of})…")
        self.customise.setAccessibleName(f"{self.card.title}: {self.customise.text()}")
        if self.property("active") != on:
            self.setProperty("active", on)
            self.style().unpolish(self)
            self.style().polish(self)

    def show_variants(self, variants: Mapping[str, Any]) -> None:
        """Tell what has struck so far, from the variants of a run's summary; none: no run is shown."""
        found = realised(self.card, variants, self._switchboard.scenario) if variants else []
        found.sort(key=lambda each: -each.struck)
        lines = [in_words(each, self.rates) for each in found]
        more = f"\nand {len(lines) - _SHOWN} more kinds" if len(lines) > _SHOWN + 1 else ""
        text = "\n".join(lines if not more else lines[:_SHOWN]) + more
        if text != self.struck.text():
            self.struck.setText(text)
            self.struck.setToolTip("\n".join(lines))
            self.struck.setVisible(bool(text))

    def _differs(self, scenario: Scenario) -> bool:
        """Whether the card is otherwise than in the scenario's file."""
        original = self._switchboard.original
        return [each for each in members(self.card, scenario) if each.on] != [
            each for each in members(self.card, original) if each.on
        ] or knobs(self.card, scenario, original) != knobs(self.card, original, original)

    def _severity_button(self, severity: Severity) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"{severity}_{self.card.id}")
        button.setText(_TITLES[severity])
        button.setCheckable(True)
        button.setAccessibleName(f"{self.card.title}: {severity}")
        self._group.addButton(button, SEVERITIES.index(severity))
        return button

    @Slot(bool)
    def _flip(self, on: bool) -> None:
        board = self._switchboard
        if not on:
            settings = settings_off(self.card, board.scenario, board.original)
            self._before = [(path, board.value(path)) for path, _ in settings]
        elif self._before and all(value != board.value(path) for path, value in self._before):
            settings = self._before
        else:
            settings = settings_again(self.card, board.scenario, board.original)
        board.flip(settings, f"{self.card.title}: {'on' if on else 'off'}")

    @Slot(int)
    def _pick(self, index: int) -> None:
        board, severity = self._switchboard, SEVERITIES[index]
        settings = settings_on(self.card, board.scenario, severity, board.original)
        if settings:
            board.flip(settings, f"{self.card.title}: {severity}")
        else:
            self.show_scenario(board.scenario)  # a click has unchecked the button of what is so already

    @Slot()
    def _customise(self) -> None:
        self.customise_wanted.emit(self.card)


def in_words(each: Realised, rates: Sequence[FaultRate] = ()) -> str:
    """One kind's configured rate beside its realised one; with its interval where it is known what could be struck."""
    known = [rate for rate in rates if rate.kind == each.kind and rate.of]
    if known:
        return f"{each.title}: set to {each.configured}; " + "; ".join(map(_struck, known))
    if each.share is None:
        return f"{each.title}: set to {each.configured}"
    return f"{each.title}: set to {each.configured}; struck {percent(each.share)} of {each.of:,}"


def _struck(rate: FaultRate) -> str:
    low, high = rate.interval
    share = percent(rate.struck / rate.of)
    return f"struck {share} of the {rate.of:,} it could (95 %: {low * 100:.3g} to {high * 100:.3g} %)"


def _bold(font: QFont) -> QFont:
    font.setBold(True)
    return font
