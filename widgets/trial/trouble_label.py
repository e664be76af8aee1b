"""Why a switch in a dialog could not be flipped, told in that dialog and nowhere else while the user is in it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QLabel, QWidget

from widgets.trial.switchboard import Refusal, Switchboard


class TroubleLabel(QLabel):
    """Hidden while there is no trouble; the dialog hides it once something has been changed."""

    def __init__(self, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trouble")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setProperty("tone", "danger")
        self.hide()
        switchboard.refusing.connect(self._take)

    @Slot(object)
    def _take(self, refusal: Refusal) -> None:
        if self.window().isActiveWindow():
            refusal.taken = True
            self.setText(str(refusal.error))
            self.show()
