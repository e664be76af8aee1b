"""What is painted on a plot besides its data, in pixels: bands and hairlines behind, numbers and crosshair before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from widgets.charts.scales import Floats
from widgets.charts.styles import small_font

if TYPE_CHECKING:
    from widgets.charts.plot import Plot


@dataclass(frozen=True)
class Frame:
    """The plot in pixels, and what of time (seconds) and values (the axis' own units) it shows."""

    from_s: float
    to_s: float
    low: float
    high: float
    width: float
    height: float

    def x(self, at_s: Floats) -> Floats:
        """Where times lie, shape (n,)."""
        return (at_s - self.from_s) * (self.width / (self.to_s - self.from_s))

    def y(self, value: float) -> float:
        """Where a value lies, from the top."""
        return self.height - (value - self.low) * self.height / (self.high - self.low)


class Layer(QGraphicsItem):
    """Something painted over a plot, in its pixels."""

    def __init__(self, plot: Plot) -> None:
        super().__init__(plot.box)
        self.plot = plot

    def boundingRect(self) -> QRectF:  # noqa: N802
        """All of the plot."""
        rect: QRectF = self.plot.box.rect()
        return rect

    def paint(
        self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None
    ) -> None:
        """Hands over to `draw`."""
        self.draw(painter, self.plot.frame())

    def draw(self, painter: QPainter, frame: Frame) -> None:
        """Paint it."""
        raise NotImplementedError


class Backdrop(Layer):
    """Behind the data: bands of incidents and hairlines at the ticks."""

    def draw(self, painter: QPainter, frame: Frame) -> None:
        """Bands first, so that hairlines stay visible."""
        plot, theme = self.plot, self.plot.appearance.theme
        for from_s, to_s in plot.annotations.shaded():
            left = max(plot.x_of(from_s), 0.0)
            right = min(plot.x_of(to_s), frame.width)
            if right >= left:
                painter.fillRect(QRectF(left, 0, max(right - left, 1), frame.height), theme.colour("band"))
        painter.setPen(QPen(theme.colour("line")))
        for value, _ in plot.ticks:
            y = round(frame.y(value)) - 0.5
            painter.drawLine(QLineF(0, y, frame.width, y))


class Pointer(Layer):
    """Before the data: lines of changes (numbered) and of alerts, the selection, the crosshair."""

    def draw(self, painter: QPainter, frame: Frame) -> None:
        """Thin lines; the crosshair is a frame around its bin."""
        plot, theme, timeline = self.plot, self.plot.appearance.theme, self.plot.timeline
        painter.setFont(small_font(theme))
        metrics = painter.fontMetrics()
        last_line = last_number = float("-inf")
        for note in plot.annotations.notes:
            x = round(plot.x_of(note.at_s)) + 0.5
            if not 0 <= x <= frame.width or x == last_line or not note.concerns(plot.variant):
                continue
            last_line = x
            painter.setPen(QPen(theme.colour("ink"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QLineF(x, 0, x, frame.height))
            number = note.mark
            wide = metrics.horizontalAdvance(number)
            if x - last_number > wide + 4:
                ground = QColor(theme.colour("surface"))
                painter.fillRect(QRectF(x + 1, 0, wide + 4, metrics.height() - 2), ground)
                painter.setPen(theme.colour("ink"))
                painter.drawText(QPointF(x + 3, metrics.ascent() - 1), number)
                last_number = x + wide
        accent = theme.colour("accent")
        if timeline.selection is not None:
            left, right = (plot.x_of(at_s) for at_s in timeline.selection)
            shade = QColor(accent)
            shade.setAlpha(50)
            painter.fillRect(QRectF(left, 0, right - left, frame.height), shade)
            painter.setPen(QPen(accent))
            painter.drawLines([QLineF(x, 0, x, frame.height) for x in (left, right)])
        if timeline.bin is not None:
            left, right = (round(plot.x_of(at_s)) for at_s in timeline.span_of(timeline.bin))
            painter.setPen(QPen(accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if right - left > 3:
                painter.drawRect(QRectF(left - 0.5, -1, right - left, frame.height + 2))
            else:
                painter.drawLine(QLineF(left + 0.5, 0, left + 0.5, frame.height))
