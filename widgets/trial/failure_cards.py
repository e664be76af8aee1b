"""The failures: six cards, one for each reason prototypes fail, and a way to switch all of them off at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.faults.card_table import CARDS, Card
from app.faults.cards import all_off
from app.scenario.model import Scenario
from widgets.trial.alert_switches import AlertSwitches
from widgets.trial.customise_dialog import CustomiseDialog
from widgets.trial.failure_card import FailureCard
from widgets.trial.labels import plain_label
from widgets.trial.overbuilt_card import OverbuiltCard
from widgets.trial.switchboard import Switchboard

if TYPE_CHECKING:
    from app.analysis.curves import Picture
    from app.analysis.fault_rates import FaultRate


class FailureCards(QWidget):
    """Attributes: `cards` (FailureCard by id), `overbuilt`, `everything_off`."""

    def __init__(self, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("failure_cards")
        self._switchboard = switchboard
        self._picture: Picture | None = None
        self._dialogs: dict[str, CustomiseDialog] = {}
        self.everything_off = QPushButton("All off")
        self.everything_off.setObjectName("everything_off")
        self.everything_off.setAccessibleName("All failures off")
        self.everything_off.setToolTip("Switch every failure off at once, and lift all limits.")
        self.everything_off.clicked.connect(self.all_off)
        head = QHBoxLayout()
        head.addWidget(plain_label("Failures", role="heading"))
        head.addStretch()
        head.addWidget(self.everything_off)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(head)
        self.cards: dict[str, FailureCard] = {}
        for card in CARDS.values():
            if card.faults is None:
                continue
            self.cards[card.id] = widget = FailureCard(card, switchboard)
            widget.customise_wanted.connect(self.customise)
            layout.addWidget(widget)
        unwatched = self.cards["unwatched"]
        unwatched.add_below(AlertSwitches(switchboard, unwatched.severities["severe"], unwatched))
        self.overbuilt = OverbuiltCard(switchboard)
        layout.addWidget(self.overbuilt)
        switchboard.changed.connect(self._show_scenario)
        if switchboard.loaded:
            self._show_scenario(switchboard.scenario)

    def show_picture(self, picture: Picture | None) -> None:
        """Tell what the failures have struck so far in the run that is shown."""
        self._picture = picture
        variants = {} if picture is None else picture.summary["variants"]
        for card in self.cards.values():
            card.show_variants(variants)
        for dialog in self._dialogs.values():
            if dialog.isVisible():
                dialog.show_variants(variants)

    def show_rates(self, rates: Sequence[FaultRate]) -> None:
        """Tell how often each fault has struck of what it could strike, in a run that has ended; none: nobody knows yet."""
        for card in self.cards.values():
            card.rates = rates
        self.show_picture(self._picture)

    @Slot()
    def all_off(self) -> None:
        """Switch every failure off; one undo brings all of them back."""
        board = self._switchboard
        board.flip(all_off(board.scenario, board.original), "All failures off")

    @Slot(object)
    def customise(self, card: Card) -> None:
        """Show each kind of failure of a card by itself."""
        dialog = self._dialogs.get(card.id)
        if dialog is None:
            dialog = self._dialogs[card.id] = CustomiseDialog(card, self._switchboard, self)
        dialog.show_variants({} if self._picture is None else self._picture.summary["variants"])
        dialog.show()
        dialog.activateWindow()

    @Slot(object)
    def _show_scenario(self, scenario: Scenario) -> None:
        self.everything_off.setEnabled(bool(all_off(scenario, self._switchboard.original)))
