"""How a category is filled: its colour, its hatching on top, an outline where the colour is too pale for the ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen

from widgets.theme import DARK, LIGHT, Mark, Pattern, Theme

_STYLES: Final[dict[Pattern, Qt.BrushStyle]] = {
    "dots": Qt.BrushStyle.Dense6Pattern,
    "cross": Qt.BrushStyle.DiagCrossPattern,
    "diagonal": Qt.BrushStyle.BDiagPattern,
}


@dataclass(frozen=True)
class Fill:
    """Brushes and pen for boxes of one category; None where it has no hatching or outline."""

    colour: QBrush
    hatch: QBrush | None
    outline: QPen | None


@cache
def fill_of(mark: Mark, theme: Theme) -> Fill:
    """How `mark` is filled in `theme`."""
    colour = QColor(mark.colour)
    style = _STYLES.get(mark.pattern)
    hatch = QBrush(_contrasting(colour), style) if style else None
    outline = QPen(theme.colour("edge")) if theme.outline_pale and mark.pale else None
    return Fill(QBrush(colour), hatch, outline)


def paint_boxes(painter: QPainter, fill: Fill, boxes: Sequence[QRect]) -> None:
    """Fill boxes given in pixels. Hatchings join across neighbours, so that they show in the narrowest."""
    painter.setPen(Qt.PenStyle.NoPen)
    for brush in (fill.colour, fill.hatch):
        if brush is not None:
            painter.setBrush(brush)
            painter.drawRects(boxes)
    if fill.outline is not None:
        painter.setPen(fill.outline)
        for box in boxes:  # what tells a pale colour from the ground is its upper edge
            painter.drawLine(box.left(), box.top(), box.right(), box.top())


def _contrasting(colour: QColor) -> QColor:
    """The darkest or lightest colour of the themes, whichever stands out more from `colour` (WCAG 2 luminance)."""
    dark, light = LIGHT.colour("ink"), DARK.colour("ink")
    return max((dark, light), key=lambda other: _contrast(other, colour))


def _contrast(one: QColor, other: QColor) -> float:
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.03928 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(part) for part in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
