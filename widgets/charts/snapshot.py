"""An image of charts for a slide: a caption, and widgets below one another in full, whatever of them is on screen."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QImage, QPainter, QRegion
from PySide6.QtWidgets import QWidget

from widgets.charts.styles import small_font
from widgets.theme import Theme


def composed(caption: str, parts: Sequence[QWidget], theme: Theme) -> QImage:
    """The image, at the resolution of the screen that `parts` (at least one) are on."""
    font = small_font(theme)
    top = QFontMetrics(font).height() + 8
    ratio = parts[0].devicePixelRatioF()
    width = max(part.width() for part in parts)
    height = top + sum(part.height() for part in parts)
    image = QImage(QSize(width, height) * ratio, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    image.fill(theme.colour("surface"))
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(theme.colour("ink"))
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    painter.drawText(QRect(8, 0, width - 16, top), flags, caption)
    for part in parts:
        part.render(painter, QPoint(0, top), QRegion(), QWidget.RenderFlag.DrawChildren)
        top += part.height()
    painter.end()
    return image
