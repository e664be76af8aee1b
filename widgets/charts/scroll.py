"""What the charts scroll in where the window is too low for them."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget


class ChartScroll(QScrollArea):
    """Scrolls upwards and downwards only. `narrowed(pixels)` tells how much of its width the scroll bar takes."""

    narrowed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chart_scroll")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Comes for the viewport, whose width changes with the scroll bar."""
        super().resizeEvent(event)
        self.narrowed.emit(self.width() - self.viewport().width())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """It can be as low as it must."""
        return QSize(200, 72)
