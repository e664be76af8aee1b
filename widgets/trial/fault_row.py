"""One fault in the details of a card: on or off, how often, against whom, from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.faults.base import Fault, MessFault
from app.faults.kind_words import KIND_WORDS
from app.faults.registry import KINDS
from app.scenario.model import Scenario
from widgets.trial.flow import FlowLayout
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Setting, Switchboard
from widgets.wheel import scroll_past

_FIRST_RATE = 0.05
"""How often a fault strikes that has never been on and has no usual rate."""


class FaultRow(QFrame):
    """A fault of the scenario by its id; or, where the scenario has none of its kind, the one that would be added.

    Attributes: `switch`, `rate`, `target`, `from_s`, `to_s`, `struck`.
    """

    def __init__(self, kind: str, name: str, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = kind
        self.name = name
        self._switchboard = switchboard
        self.setObjectName(f"fault_{name}")
        self.setProperty("role", "card")
        self._title, sentence = KIND_WORDS[kind]
        self.switch = QCheckBox(self._title)
        self.switch.setObjectName(f"on_{name}")
        self.switch.setAccessibleDescription(sentence)
        self.switch.clicked.connect(self._flip)
        self._label = plain_label(role="caption", wraps=True)
        self._sentence = sentence
        self.rate = _number(f"{self._title}: how often", 0, 100, " %", decimals=2, step=1)
        self.rate.setObjectName(f"rate_{name}")
        self.target = QComboBox()
        self.target.setObjectName(f"target_{name}")
        self.target.setAccessibleName(f"{self._title}: calls to")
        scroll_past(self.target)
        self.from_s = _number(f"{self._title}: from", 0, 0, " s", decimals=1, step=10)
        self.from_s.setObjectName(f"from_{name}")
        self.to_s = _number(f"{self._title}: to", 0, 0, " s", decimals=1, step=10)
        self.to_s.setObjectName(f"to_{name}")
        self.to_s.setSpecialValueText("the end")
        self.struck = plain_label(role="caption", wraps=True)
        self.struck.hide()
        mess = issubclass(KINDS[kind], MessFault)
        fields = QWidget()
        flow = FlowLayout(fields, gap=8)
        flow.addWidget(
            _in_a_row("Hits", self.rate, *(["of requests"] if mess else ["of calls to", self.target]))
        )
        flow.addWidget(_in_a_row("from", self.from_s, "to", self.to_s))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(3)
        for widget in (self.switch, self._label, fields, self.struck):
            layout.addWidget(widget)
        self.rate.valueChanged.connect(self._set_rate)
        self.target.activated.connect(self._set_target)
        self.from_s.valueChanged.connect(self._set_from)
        self.to_s.valueChanged.connect(self._set_to)
        self.show_scenario(switchboard.scenario)

    def show_scenario(self, scenario: Scenario) -> None:
        """Show the fault as it is; the fields of one that is not there yet are live once it is on."""
        fault = self._fault(scenario)
        shown = fault or _proposed(self.kind, self.name)
        own = shown.label or (self.name if self.name not in (self.kind, f"card_{self.kind}") else "")
        self._label.setText(f"{own}. {self._sentence}" if own and own != self._title else self._sentence)
        with (
            QSignalBlocker(self.rate),
            QSignalBlocker(self.target),
            QSignalBlocker(self.from_s),
            QSignalBlocker(self.to_s),
        ):
            self.switch.setChecked(fault is not None and fault.on)
            self.rate.setValue(100 * (1.0 if shown.rate is None else shown.rate))
            for field, at_s in ((self.from_s, shown.from_s), (self.to_s, shown.to_s or 0)):
                field.setMaximum(max(scenario.duration_s, at_s))
            self.from_s.setValue(shown.from_s)
            self.to_s.setValue(shown.to_s or 0)
            self._show_targets(scenario, shown.targets)
        for each in (self.target, self.from_s, self.to_s):
            each.setEnabled(fault is not None)
        by_count = shown.rate is None
        self.rate.setEnabled(fault is not None and not by_count)
        self.rate.setToolTip("It strikes by count, not by chance." if by_count else "0 never, 100 always.")

    def show_struck(self, words: str) -> None:
        """Tell what it has struck so far."""
        if words != self.struck.text():
            self.struck.setText(words)
            self.struck.setVisible(bool(words))

    def matches(self, text: str) -> bool:
        """Whether a search finds it."""
        words = f"{self._title} {self._label.text()} {self.kind} {self.name}".casefold()
        return all(part in words for part in text.casefold().split())

    def _fault(self, scenario: Scenario) -> Fault | None:
        return next((fault for fault in scenario.faults if fault.id == self.name), None)

    def _show_targets(self, scenario: Scenario, chosen: Sequence[str]) -> None:
        choices: list[tuple[str, list[str]]] = [
            ("every model", []),
            *((name, [name]) for name in scenario.targets),
        ]
        if len(chosen) > 1:
            choices.append((", ".join(chosen), list(chosen)))
        if [self.target.itemData(index) for index in range(self.target.count())] != [c for _, c in choices]:
            self.target.clear()
            for words, names in choices:
                self.target.addItem(words, names)
        self.target.setCurrentIndex([names for _, names in choices].index(list(chosen)))

    @Slot(bool)
    def _flip(self, on: bool) -> None:
        board = self._switchboard
        setting: Setting = (f"faults.{self.name}.on", on)
        if self._fault(board.scenario) is None:
            entry = _proposed(self.kind, self.name).model_dump(exclude_unset=True)
            setting = (f"faults.{self.name}", entry)
        board.flip([setting], f"{self._title}: {'on' if on else 'off'}")

    @Slot(float)
    def _set_rate(self, percent: float) -> None:
        self._set("rate", round(percent / 100, 6), f"{percent:g} %")

    @Slot(int)
    def _set_target(self, index: int) -> None:
        self._set("targets", self.target.itemData(index), self.target.itemText(index))

    @Slot(float)
    def _set_from(self, at_s: float) -> None:
        if self._ends_later():
            self._set("from_s", at_s, f"from {at_s:g} s")

    @Slot(float)
    def _set_to(self, at_s: float) -> None:
        if self._ends_later():
            self._set("to_s", at_s or None, f"to {at_s:g} s" if at_s else "to the end")

    def _ends_later(self) -> bool:
        """Whether it would end after its begin; else that is told, and both are again as they are."""
        from_s, to_s = self.from_s.value(), self.to_s.value()
        if not to_s or from_s < to_s:
            return True
        self._switchboard.refuse(
            UserError(
                f"It would begin at {from_s:g} s and end at {to_s:g} s",
                where=self._title,
                do="Let it end later than it begins; 0 is the end of the run.",
            )
        )
        return False

    def _set(self, key: str, value: Any, words: str) -> None:
        path = f"faults.{self.name}.{key}"
        self._switchboard.flip([(path, value)], f"{self._title}: {words}", sliding=True)


def _proposed(kind: str, name: str) -> Fault:
    """The fault that switching the kind on would add."""
    cls = KINDS[kind]
    rate = {} if cls.default_rate is not None else {"rate": _FIRST_RATE}
    return cls.model_validate({"kind": kind, "id": name, "label": KIND_WORDS[kind][0], **rate})


def _number(
    name: str, least: float, most: float, suffix: str, *, decimals: int, step: float
) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setAccessibleName(name)
    box.setRange(least, most)
    box.setSuffix(suffix)
    box.setDecimals(decimals)
    box.setSingleStep(step)
    box.setKeyboardTracking(False)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    scroll_past(box)
    return box


def _in_a_row(*parts: str | QWidget) -> QWidget:
    """Fields with their words before them, which stay together."""
    group = QWidget()
    row = QHBoxLayout(group)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    label = None
    for part in parts:
        widget = plain_label(part) if isinstance(part, str) else part
        row.addWidget(widget)
        if label is not None and widget is part:
            label.setBuddy(widget)
        label = widget if isinstance(widget, QLabel) else None
    return group
