"""What dialogs share: a button that Enter does not press, a box with a few words, and being opened only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QMessageBox, QPushButton, QWidget

_D = TypeVar("_D", bound=QDialog)


def push_button(name: str, title: str, do: Callable[[], object]) -> QPushButton:
    """A button that does this, and only when it is pressed itself: Enter in a field of its dialog is not meant for it."""
    button = QPushButton(title)
    button.setObjectName(name)
    button.setAutoDefault(False)
    button.clicked.connect(do)
    return button


def message_box(parent: QWidget | None, name: str, title: str, text: str, more: str) -> QMessageBox:
    """A box with a sentence and, in smaller type, `more` of it, as plain text. It gets its buttons from whoever opens it,
    and is gone when it is closed."""
    box = QMessageBox(parent)
    box.setObjectName(name)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(title)
    box.setText(text)
    box.setInformativeText(more)
    return box


def opened_once(parent: QWidget, kind: type[_D], make: Callable[[], _D]) -> _D:
    """The dialog of this kind that is open beside `parent`, brought to the front; a new one if there is none."""
    dialog = next((each for each in parent.findChildren(kind) if each.isVisible()), None) or make()
    dialog.show()
    dialog.activateWindow()
    return dialog
