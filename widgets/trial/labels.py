"""The few kinds of label that the trial's controls are made of. All show plain text, whatever is in it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget


def plain_label(
    text: str = "", *, role: str = "", wraps: bool = False, parent: QWidget | None = None
) -> QLabel:
    """A label in one of the style sheet's roles. One that wraps may be as narrow as its longest word."""
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        label.setProperty("role", role)
    if wraps:
        label.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        label.setSizePolicy(policy)
    return label


def selectable_label(role: str = "") -> QLabel:
    """A label for foreign text that may be selected with the mouse, to be copied."""
    label = plain_label(role=role)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


class SteadyLabel(QLabel):
    """A label that is never narrower than a sample of what it may have to show, so that its neighbours stand still."""

    def __init__(self, sample: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._sample = sample

    def sizeHint(self) -> QSize:  # noqa: N802
        """As wide as the sample at least."""
        width = self.fontMetrics().horizontalAdvance(self._sample) + 2
        return super().sizeHint().expandedTo(QSize(width, 0))
