"""A variant's safeguards one by one: in which order they act, and every setting of each. Changes apply at once."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.safeguards.base import Safeguard
from app.safeguards.matrix import explained, settings_moved, settings_without, titled, told
from app.scenario.model import Scenario, variant_title
from widgets.trial.labels import plain_label
from widgets.trial.safeguard_form import SafeguardForm
from widgets.trial.switchboard import Switchboard
from widgets.trial.trouble_label import TroubleLabel

_RULE = (
    "Outermost first: a request passes them from top to bottom, and its answer comes back from bottom to top. "
    "What you change here applies at once, also while a run goes, to requests that arrive from then on."
)


class PipelineDialog(QDialog):
    """Attributes: `variant` (which is shown), `list` (its safeguards, outermost first), `up`, `down`, `remove`, `form`,
    `trouble`."""

    def __init__(self, switchboard: Switchboard, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._switchboard = switchboard
        self._scenario: Scenario | None = None
        self._chosen = ""
        self.setObjectName("pipeline_dialog")
        self.setWindowTitle("Safeguards in order")
        self.variant = QComboBox()
        self.variant.setObjectName("pipeline_variant")
        self.variant.setAccessibleName("Variant")
        self.variant.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.variant.setMinimumContentsLength(18)
        self.variant.activated.connect(self._show_list)
        self.list = QListWidget()
        self.list.setObjectName("pipeline_list")
        self.list.setAccessibleName("Safeguards, outermost first")
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(self._choose)
        self.up = self._button("Move &out", "up", "Alt+Up")
        self.up.setToolTip("It acts earlier, and on what those below it leave over (Alt+Up).")
        self.down = self._button("Move &in", "down", "Alt+Down")
        self.down.setToolTip("It acts later, and nearer to the call (Alt+Down).")
        self.remove = self._button("&Remove", "remove", "Del")
        self.remove.setToolTip("The variant no longer has it. The matrix puts it back (Del).")
        self.up.clicked.connect(self._move_out)
        self.down.clicked.connect(self._move_in)
        self.remove.clicked.connect(self._remove)
        self._title = plain_label(role="heading", wraps=True)
        self._about = plain_label(role="caption", wraps=True)
        self.form = SafeguardForm()
        self.form.edited.connect(self._edit)
        self.trouble = TroubleLabel(switchboard)
        self._lay_out()
        for keys, done in (
            (QKeySequence.StandardKey.Undo, switchboard.undo),
            (QKeySequence.StandardKey.Redo, switchboard.redo),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(done)
        switchboard.changed.connect(self.show_scenario)
        self.show_scenario(switchboard.scenario)

    def _button(self, text: str, name: str, keys: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"pipeline_{name}")
        button.setAutoDefault(False)
        shortcut = QShortcut(QKeySequence(keys), self.list)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(button.click)
        return button

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        label = plain_label("Variant")
        label.setBuddy(self.variant)
        top.addWidget(label)
        top.addWidget(self.variant, 1)
        moves = QHBoxLayout()
        for button in (self.up, self.down, self.remove):
            moves.addWidget(button)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 6, 0)
        column.addWidget(self.list, 1)
        column.addLayout(moves)
        inside = QWidget()
        settings = QVBoxLayout(inside)
        settings.setContentsMargins(6, 0, 0, 0)
        for widget in (self._title, self._about, self.form):
            settings.addWidget(widget)
        settings.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.setChildrenCollapsible(False)
        halves.addWidget(left)
        halves.addWidget(area)
        halves.setSizes([340, 360])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.addWidget(plain_label(_RULE, role="caption", wraps=True))
        layout.addLayout(top)
        layout.addWidget(halves, 1)
        layout.addWidget(self.trouble)
        layout.addWidget(buttons)
        self.resize(720, 480)

    def show_at(self, variant: str, name: str = "") -> None:
        """Open at a variant, and at its safeguard of this id, if it has it."""
        self._chosen = name
        self.variant.setCurrentIndex(self.variant.findData(variant))
        self._show_list()
        self.trouble.hide()
        self.show()
        self.activateWindow()
        self.list.setFocus()

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show each safeguard as it is. Trouble is over once something has been changed."""
        if scenario is not self._scenario:
            self._scenario = scenario
            self.trouble.hide()
        names = [(name, variant_title(name, variant)) for name, variant in scenario.variants.items()]
        if names != [
            (self.variant.itemData(at), self.variant.itemText(at)) for at in range(self.variant.count())
        ]:
            self.variant.clear()
            for name, title in names:
                self.variant.addItem(title, name)
        self._show_list()

    def _pipeline(self) -> tuple[Safeguard, ...]:
        return self._switchboard.scenario.variants[self.variant.currentData()].safeguards

    @Slot()
    def _show_list(self) -> None:
        pipeline = self._pipeline()
        with QSignalBlocker(self.list):
            while self.list.count() > len(pipeline):
                self.list.takeItem(self.list.count() - 1)
            for at, each in enumerate(pipeline):
                if at == self.list.count():
                    self.list.addItem("")
                self.list.item(at).setText(f"{at + 1}.  {told(each)}")
            places = [at for at, each in enumerate(pipeline) if each.id == self._chosen]
            place = places[0] if places else min(max(self.list.currentRow(), 0), len(pipeline) - 1)
            self.list.setCurrentRow(place)
        self._choose(place)

    @Slot(int)
    def _choose(self, place: int) -> None:
        pipeline = self._pipeline()
        there = 0 <= place < len(pipeline)
        self.form.setVisible(there)
        self._about.setVisible(there)
        self.up.setEnabled(there and place > 0)
        self.down.setEnabled(there and place + 1 < len(pipeline))
        self.remove.setEnabled(there)
        if not there:
            self._chosen = ""
            self._title.setText("This variant has no safeguards.")
            return
        chosen = pipeline[place]
        self._chosen = chosen.id
        self._title.setText(titled(chosen))
        self._about.setText(explained(chosen))
        self.form.show_safeguard(chosen)

    @Slot()
    def _move_out(self) -> None:
        self._move(-1)

    @Slot()
    def _move_in(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        variant = self.variant.currentData()
        settings = settings_moved(self._switchboard.scenario, variant, self._chosen, by)
        self._flip(settings, "moved out" if by < 0 else "moved in")

    @Slot()
    def _remove(self) -> None:
        variant = self.variant.currentData()
        self._flip(settings_without(self._switchboard.scenario, variant, self._chosen), "removed")

    @Slot(str, object, str)
    def _edit(self, key: str, value: Any, words: str) -> None:
        path = f"variants.{self.variant.currentData()}.safeguards.{self._chosen}.{key}"
        self._flip([(path, value)], words, sliding=key != "on")

    def _flip(self, settings: list[tuple[str, Any]], words: str, *, sliding: bool = False) -> None:
        title = next(titled(each) for each in self._pipeline() if each.id == self._chosen)
        label = f"{title} {words}: {self.variant.currentText()}"
        self._switchboard.flip(settings, label, sliding=sliding)
