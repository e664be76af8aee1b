"""Fields in scrolling lists: the wheel scrolls past them, and turns only the one that has the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QWidget


class _PassedOn(QObject):
    """Has fields leave the wheel to what they are in."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


def scroll_past(*fields: QWidget) -> None:
    """Have the wheel scroll past these fields unless they have the focus, which a turn of it no longer gives them."""
    for field in fields:
        field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.installEventFilter(_PassedOn(field))
