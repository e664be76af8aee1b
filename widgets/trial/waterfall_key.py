"""What the parts of a waterfall's bars mean, in swatches and words."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from widgets.appearance import Appearance
from widgets.trial.waterfall import part_brushes

_WORDS: Final = (
    "queued at the provider",
    "until the first token",
    "the answer streams",
    "wait between calls",
)


class WaterfallKey(QWidget):
    """A swatch and a word for each part."""

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("waterfall_key")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(2)
        for place, word in enumerate(_WORDS):
            label = QLabel(word)
            label.setProperty("role", "caption")
            grid.addWidget(_Swatch(appearance, place), place // 2, place % 2 * 2)
            grid.addWidget(label, place // 2, place % 2 * 2 + 1)
        grid.setColumnStretch(3, 1)


class _Swatch(QWidget):
    def __init__(self, appearance: Appearance, part: int) -> None:
        super().__init__()
        self._appearance = appearance
        self._part = part
        self.setFixedSize(self.sizeHint())
        appearance.changed.connect(self._recolour)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(26, 12)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        theme = self._appearance.theme
        painter = QPainter(self)
        box = QRectF(0.5, 1.5, self.width() - 1, self.height() - 3)
        brushes = part_brushes(theme)
        if self._part < len(brushes):
            painter.fillRect(box, brushes[self._part])
            painter.setPen(theme.colour("edge"))
            painter.drawRect(box)
        else:
            painter.setPen(QPen(theme.colour("muted"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(box.left(), box.center().y()), QPointF(box.right(), box.center().y()))
        painter.end()

    @Slot()
    def _recolour(self) -> None:
        self.update()
