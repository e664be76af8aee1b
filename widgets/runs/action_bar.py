"""A bar that says one thing at a time and offers at most one button: to undo it, to cancel it, or to close the bar."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget


class ActionBar(QFrame):
    """Hidden until it has something to say. `acted()` comes when its button was pressed."""

    acted = Signal()

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "card")
        self.label = QLabel(self)
        self.label.setObjectName(f"{name}_text")
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.progress = QProgressBar(self)
        self.progress.setObjectName(f"{name}_progress")
        self.progress.setAccessibleName("Progress")
        self.progress.setMaximumWidth(180)
        self.progress.hide()
        self.button = QPushButton(self)
        self.button.setObjectName(f"{name}_button")
        self.button.clicked.connect(self.acted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.progress)
        layout.addWidget(self.button)
        self.hide()

    def say(self, text: str, button: str = "Close", *, working: bool = False) -> None:
        """Show a text with a button and, while something is worked on, progress."""
        self.label.setText(text)
        self.button.setText(button)
        self.progress.setRange(0, 0)
        self.progress.setVisible(working)
        self.show()
        # A screen reader does not notice by itself that a label has another text.
        QAccessible.updateAccessibility(QAccessibleEvent(self.label, QAccessible.Event.NameChanged))

    def advance(self, done: float, total: float) -> None:
        """How much of the work is done."""
        self.progress.setRange(0, 100)
        self.progress.setValue(round(100 * done / total))
