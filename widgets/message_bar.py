"""The bar under the navigation that says what went wrong, or what was noticed: what, where, what to do."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from app.errors import UserError

_NOTICE_MS: Final = 12_000
_KEPT: Final = 5
_MOST_CHARACTERS: Final = 1_200


class MessageBar(QFrame):
    """Errors stay until they are closed; notices go by themselves. Several notices at once stand one under another."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messages")
        self.setProperty("role", "card")
        self._notices: list[str] = []
        self._is_error = False
        self._kind = QLabel()
        self._kind.setProperty("role", "badge")
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._text.setMinimumWidth(1)
        self._shut = QToolButton()
        self._shut.setText("Close")
        self._shut.setAccessibleName("Close this message")
        self._shut.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.addWidget(self._kind, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._shut, 0, Qt.AlignmentFlag.AlignTop)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_NOTICE_MS)
        self._timer.timeout.connect(self.clear)
        self.hide()

    @property
    def text(self) -> str:
        """What it says just now; empty when it is closed."""
        return "" if self.isHidden() else self._text.text()

    @Slot(object)
    def show_error(self, error: UserError) -> None:
        """Say what the user can put right."""
        self._notices.clear()
        self._say("Problem", str(error), error=True)

    @Slot(str)
    def show_notice(self, text: str) -> None:
        """Say something that is good to know."""
        if self._is_error and not self.isHidden():
            return  # what went wrong is not pushed aside by what is merely good to know
        if text not in self._notices:
            self._notices = [*self._notices, text][-_KEPT:]
        self._say("Note", "\n".join(self._notices), error=False)
        self._timer.start()

    def clear_error(self) -> None:
        """What went wrong is past: close the bar, unless it says something that is good to know."""
        if self._is_error:
            self.clear()

    @Slot()
    def clear(self) -> None:
        """Close the bar."""
        self._timer.stop()
        self._notices.clear()
        self._is_error = False
        self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Escape closes it."""
        if event.key() == Qt.Key.Key_Escape:
            self.clear()
        else:
            super().keyPressEvent(event)

    def _say(self, kind: str, text: str, *, error: bool) -> None:
        self._timer.stop()
        self._is_error = error
        shown = text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
        self._kind.setText(kind)
        self._text.setText(shown)
        self._text.setProperty("tone", "danger" if error else "")
        self._text.style().unpolish(self._text)
        self._text.style().polish(self._text)
        self.setAccessibleName(f"{kind}: {shown}")
        self.show()
