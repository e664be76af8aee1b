"""The small mark of an outcome: its colour and its hatching, beside its word."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap

from widgets.charts.hatch import fill_of, paint_boxes
from widgets.theme import OUTCOME_MARKS, Theme

SIDE: Final = 14
"""Of the mark, in pixels before scaling."""


def outcome_icon(outcome: str, theme: Theme) -> QIcon:
    """The mark of an outcome, sharp at every scaling, and the same when its row is selected."""
    icon = QIcon()
    for ratio in (1.0, 2.0, 3.0):
        pixmap = _pixmap(outcome, theme, ratio)
        for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
            icon.addPixmap(pixmap, mode)
    return icon


def _pixmap(outcome: str, theme: Theme, ratio: float) -> QPixmap:
    pixmap = QPixmap(round(SIDE * ratio), round(SIDE * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    box = QRect(1, 1, SIDE - 2, SIDE - 2)
    paint_boxes(painter, fill_of(OUTCOME_MARKS[outcome], theme), [box])
    painter.setPen(theme.colour("edge"))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)
    painter.end()
    return pixmap
