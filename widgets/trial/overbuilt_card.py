"""The card "Overbuilt": no failure, but the offer to try without each safeguard, to see which of them pays."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QFont
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from app.faults.card_table import CARDS
from app.faults.cards import TryWithout, settings_off, try_without
from app.scenario.model import Scenario
from widgets.trial.flow import FlowLayout
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Switchboard


class OverbuiltCard(QFrame):
    """Attributes: `without` (the button with the menu of safeguards), `put_back`."""

    def __init__(self, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        card = CARDS["overbuilt"]
        self._switchboard = switchboard
        self._offered: list[TryWithout] = []
        self.setObjectName(f"card_{card.id}")
        self.setProperty("role", "card")
        title = plain_label(card.title)
        font = QFont(title.font())
        font.setBold(True)
        title.setFont(font)
        self._mood = plain_label(role="caption")
        self.without = QToolButton()
        self.without.setObjectName("try_without")
        self.without.setText("Try without…")
        self.without.setAccessibleDescription("Take a safeguard away and see what it was worth.")
        self.without.setToolTip("Take a safeguard away and see what it was worth.")
        self.without.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.without)
        self._menu.triggered.connect(self._flip)
        self.without.setMenu(self._menu)
        self.put_back = QPushButton("Put all back")
        self.put_back.setObjectName("put_back")
        self.put_back.setProperty("role", "flat")
        self.put_back.clicked.connect(self._put_back)
        buttons = QWidget()
        row = FlowLayout(buttons, gap=3)
        row.addWidget(self.without)
        row.addWidget(self.put_back)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch()
        head.addWidget(self._mood)
        layout = QGridLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(3)
        layout.addLayout(head, 0, 0)
        layout.addWidget(plain_label(card.reason, role="caption", wraps=True), 1, 0)
        layout.addWidget(buttons, 2, 0)
        switchboard.changed.connect(self.show_scenario)
        if switchboard.loaded:
            self.show_scenario(switchboard.scenario)

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show which safeguards there are, and which of them are missing just now."""
        offered = try_without(scenario)
        if [each.path for each in offered] != [each.path for each in self._offered]:
            self._menu.clear()
            for each in offered:
                action = self._menu.addAction(f"Without: {each.title}".replace("&", "&&"))
                action.setCheckable(True)
                action.setData(each.path)
        self._offered = offered
        for action, each in zip(self._menu.actions(), offered, strict=True):
            action.setChecked(not each.on)
        self.without.setEnabled(bool(offered))
        missing = bool(settings_off(CARDS["overbuilt"], scenario, self._switchboard.original))
        removed = [each.title.lower() for each in offered if not each.on]
        self._mood.setText(
            f"{len(removed)} tried without"
            if len(removed) > 1
            else f"without {removed[0]}"
            if removed
            else ""
        )
        self.put_back.setVisible(missing)
        if self.property("active") != missing:
            self.setProperty("active", missing)
            self.style().unpolish(self)
            self.style().polish(self)

    @Slot(QAction)
    def _flip(self, action: QAction) -> None:
        label = action.text() if action.isChecked() else action.text().replace("Without: ", "With again: ")
        self._switchboard.flip([(str(action.data()), not action.isChecked())], label)

    @Slot()
    def _put_back(self) -> None:
        board = self._switchboard
        board.flip(settings_off(CARDS["overbuilt"], board.scenario, board.original), "All safeguards back")
