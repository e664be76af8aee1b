"""A field for a seed. Qt's own spin boxes end at 31 bits, a seed has 63."""

from __future__ import annotations

import re

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QValidator
from PySide6.QtWidgets import QAbstractSpinBox, QWidget

_MOST = 2**63 - 1


class SeedBox(QAbstractSpinBox):
    """A whole number from 0 to 2**63 - 1."""

    edited = Signal(object)
    """The user has entered another number: an int, which may have more than 32 bits."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._value = 0
        self.lineEdit().setText("0")
        self.editingFinished.connect(self._finish)

    @property
    def value(self) -> int:
        """The number that is shown."""
        return self._value

    def show_value(self, value: int) -> None:
        """Show another number; nobody is told."""
        self._value = value
        if self.lineEdit().text() != str(value):
            self.lineEdit().setText(str(value))

    def stepBy(self, steps: int) -> None:  # noqa: N802
        """Up and down by keys, wheel or arrows."""
        self._take(max(0, min(_MOST, self._value + steps)))

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:  # noqa: N802
        """Which arrows are live."""
        flags = QAbstractSpinBox.StepEnabledFlag.StepNone
        if self._value > 0:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepDownEnabled
        if self._value < _MOST:
            flags |= QAbstractSpinBox.StepEnabledFlag.StepUpEnabled
        return flags

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        """Digits only, and not too many."""
        if not text:
            return QValidator.State.Intermediate, text, position
        sound = re.fullmatch("[0-9]{1,19}", text) is not None and int(text) <= _MOST
        return (QValidator.State.Acceptable if sound else QValidator.State.Invalid), text, position

    def fixup(self, _text: str) -> str:
        """An empty field means what it was."""
        return str(self._value)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Room for six digits; longer ones scroll."""
        return QSize(self.fontMetrics().horizontalAdvance("0" * 6) + 36, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As wide as it likes to be."""
        return self.sizeHint()

    @Slot()
    def _finish(self) -> None:
        text = self.lineEdit().text()
        self._take(int(text) if text else self._value)

    def _take(self, value: int) -> None:
        if value != self._value:
            self.show_value(value)
            self.edited.emit(value)
        else:
            self.show_value(value)
