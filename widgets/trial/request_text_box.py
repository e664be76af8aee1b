"""A text of any length to read and copy: as much of it as can be laid out at once, and all of it in a window."""

from __future__ import annotations

import re
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

MAX_SHOWN: Final = 20_000
"""Characters shown in place; a megabyte would hold up the window each time it is resized."""

MAX_LINE: Final = 1_000
"""Longer lines are broken on screen: one line of a megabyte takes seconds to lay out, a thousand of them none."""

_LEAST_LINES: Final = 1
_MOST_LINES: Final = 12
_LONG_LINE: Final = re.compile(rf"([^\n]{{{MAX_LINE}}})(?=[^\n])")


def laid_out(text: str) -> str:
    """The text with its very long lines broken."""
    return _LONG_LINE.sub(r"\1\n", text)


class TextBox(QWidget):
    """Attributes: `heading`, `edit` and `show_all` (a button, there when the text is longer than what is shown)."""

    def __init__(self, title: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = ""
        self.heading = QLabel()
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.heading.setProperty("role", "caption")
        self.edit = QPlainTextEdit()
        self.edit.setObjectName(name)
        self.edit.setReadOnly(True)
        self.edit.setTabChangesFocus(True)
        self.heading.setBuddy(self.edit)
        self.show_all = QToolButton()
        self.show_all.setObjectName(f"{name}_all")
        self.show_all.setText("Show all in a window")
        self.show_all.clicked.connect(self._open_window)
        line = QHBoxLayout()
        line.addWidget(self.heading, 1)
        line.addWidget(self.show_all)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addWidget(self.edit)
        self._title = title
        self.show_text("")

    def show_text(self, text: str, title: str = "") -> None:
        """Show a text, or its beginning; `title` replaces the heading."""
        self._text = text
        self._title = title or self._title
        long = len(text) > MAX_SHOWN
        self.heading.setText(
            f"{self._title} (the first {MAX_SHOWN:,} of {len(text):,} characters)" if long else self._title
        )
        self.heading.setWordWrap(long)
        self.edit.setAccessibleName(self._title)
        self.edit.setPlainText(laid_out(text[:MAX_SHOWN]))
        self.show_all.setVisible(long)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """As high as its text, within bounds."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        metrics = self.edit.fontMetrics()
        room = max(1, self.edit.viewport().width() - 12)
        lines = 0
        for line in self._text[:MAX_SHOWN].split("\n")[:_MOST_LINES]:
            lines += 1 + metrics.horizontalAdvance(line[:2_000]) // room
        lines += lines > 1  # words are not cut where a line is full
        shown = min(max(lines, _LEAST_LINES), _MOST_LINES)
        height = shown * metrics.lineSpacing() + 18
        if self.edit.height() != height:
            self.edit.setFixedHeight(height)

    @Slot()
    def _open_window(self) -> None:
        window = TextWindow(self._title, self._text, self)
        window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        window.show()


class TextWindow(QDialog):
    """The whole of a text. Very long lines are broken, and it says so."""

    def __init__(self, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("text_window")
        self.setWindowTitle(title)
        self.resize(720, 560)
        self.edit = QPlainTextEdit()
        self.edit.setObjectName("whole_text")
        self.edit.setAccessibleName(title)
        self.edit.setReadOnly(True)
        self.edit.setTabChangesFocus(True)
        whole = laid_out(text)
        self.edit.setPlainText(whole)
        self.note = QLabel(f"Lines of more than {MAX_LINE:,} characters are broken here.")
        self.note.setProperty("role", "caption")
        self.note.setVisible(whole != text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.edit)
        layout.addWidget(self.note)
        layout.addWidget(buttons)
