"""Stacked bars per bin with one more line over them: what customers got, and who saved it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from widgets.appearance import Appearance
from widgets.charts.hatch import fill_of, paint_boxes
from widgets.charts.layers import Frame, Layer
from widgets.charts.plot import Plot
from widgets.charts.scales import Floats
from widgets.charts.styles import small_font, step_pen
from widgets.charts.timeline import Timeline
from widgets.theme import Mark


@dataclass(frozen=True)
class Stack:
    """Bars of one strip: `parts` from the bottom, each a mark and what it has a second, shape (n,); `offered` (n,) is
    drawn as a step line, None for none. Bins are `bin_s` wide and begin at 0."""

    bin_s: float
    parts: tuple[tuple[Mark, Floats], ...] = ()
    offered: Floats | None = None

    def highest(self, before_s: float) -> float:
        """The highest bar or step among the bins that begin before a time in seconds."""
        bins = int(-(-before_s // self.bin_s))
        offered = 0.0 if self.offered is None else float(self.offered[:bins].max(initial=0.0))
        return max(float(self.total[:bins].max(initial=0.0)), offered)

    def same_as(self, other: Stack) -> bool:
        """Whether both look the same: most pictures of a run that goes on bring no new bin."""
        if (self.bin_s, len(self.parts)) != (other.bin_s, len(other.parts)):
            return False
        if self.offered is None or other.offered is None:
            same = self.offered is other.offered
        else:
            same = np.array_equal(self.offered, other.offered)
        return same and all(
            mine == theirs and np.array_equal(one, two)
            for (mine, one), (theirs, two) in zip(self.parts, other.parts, strict=True)
        )

    @property
    def total(self) -> Floats:
        """The bars' heights, shape (n,)."""
        return np.sum([values for _, values in self.parts], axis=0) if self.parts else np.zeros(0)


class Bars(Layer):
    """All bars of a strip in one item: only the bins in view are painted, each part with one call for its fill."""

    stack = Stack(1.0)

    def draw(self, painter: QPainter, frame: Frame) -> None:
        """In whole pixels, with gaps of one; what is not zero has at least one pixel."""
        bin_s = self.stack.bin_s
        first = max(int(frame.from_s // bin_s), 0)
        last = int(-(-frame.to_s // bin_s))
        foot = round(frame.height)
        theme = self.plot.appearance.theme
        if self.stack.parts:
            count = len(self.stack.parts[0][1][first:last])
            edges = np.rint(frame.x((first + np.arange(count + 1, dtype=np.float64)) * bin_s)).astype(
                np.int64
            )
            left, wide = edges[:-1].tolist(), np.maximum(np.diff(edges) - 1, 1).tolist()
            base = np.zeros(count, np.int64)
            total = np.zeros(count)
            for mark, values in self.stack.parts:
                part = values[first:last]
                total = total + part
                top = np.rint(total * (frame.height / frame.high)).astype(np.int64)
                top = np.where(part > 0, np.maximum(top, base + 1), base)
                boxes = [
                    QRect(x, foot - high, width, high - low - (high - low > 2))
                    for x, width, low, high in zip(left, wide, base.tolist(), top.tolist(), strict=True)
                    if high > low
                ]
                if boxes:
                    paint_boxes(painter, fill_of(mark, theme), boxes)
                base = top
        if self.stack.offered is not None:
            self._draw_steps(painter, frame, self.stack.offered[first:last], first)
        self._tell_cut(painter, frame, self.stack.total[first:last], first)

    def _tell_cut(self, painter: QPainter, frame: Frame, total: Floats, first: int) -> None:
        """Write how high a bar is that sticks out: what still waits when a run ends is given up at one instant."""
        theme = self.plot.appearance.theme
        painter.setFont(small_font(theme))
        metrics = painter.fontMetrics()
        for place in np.flatnonzero(total > frame.high).tolist():
            text = f"▲ {total[place]:.3g}/s"
            right = float(frame.x(np.array([(first + place) * self.stack.bin_s]))[0]) - 3
            left = right - metrics.horizontalAdvance(text)
            ground = QColor(theme.colour("surface"))
            painter.fillRect(QRectF(left - 2, 0, right - left + 4, metrics.height()), ground)
            painter.setPen(theme.colour("ink"))
            painter.drawText(QPointF(left, metrics.ascent()), text)

    def _draw_steps(self, painter: QPainter, frame: Frame, offered: Floats, first: int) -> None:
        """The line of what was asked for, on a halo that parts it from the bars."""
        if not offered.size:
            return
        theme = self.plot.appearance.theme
        x = np.repeat(frame.x((first + np.arange(offered.size + 1, dtype=np.float64)) * self.stack.bin_s), 2)[
            1:-1
        ]
        y = np.repeat(frame.height - offered * (frame.height / frame.high), 2)
        line = QPolygonF([QPointF(*point) for point in zip(x.tolist(), y.tolist(), strict=True)])
        pen = step_pen(theme)
        halo = QPen(theme.colour("surface"), pen.width() + 2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for each in (halo, pen):
            painter.setPen(each)
            painter.drawPolyline(line)


class SideLabel(QGraphicsItem):
    """Right of the plot: whose strip it is, and a line about it."""

    def __init__(self, plot: StripPlot) -> None:
        super().__init__(plot.ground)
        self._plot = plot
        self.title = self.detail = ""

    def boundingRect(self) -> QRectF:  # noqa: N802
        """The right margin."""
        rect: QRectF = self._plot.ground.rect()
        wide = self._plot.margins.right
        return QRectF(rect.width() - wide, 0, wide, rect.height())

    def paint(
        self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None
    ) -> None:
        """Two lines, elided where they must."""
        theme, room = self._plot.appearance.theme, self.boundingRect().adjusted(6, 0, -2, 0)
        font = small_font(theme)
        middle = room.height() / 2
        for text, tone, is_title in ((self.title, "ink", True), (self.detail, "muted", False)):
            font.setBold(is_title)
            painter.setFont(font)
            painter.setPen(theme.colour(tone))
            metrics = painter.fontMetrics()
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
            down = -metrics.descent() if is_title else metrics.ascent()
            painter.drawText(QPointF(room.left(), middle + down), shown)


class StripPlot(Plot):
    """A plot of stacked bars."""

    def __init__(self, timeline: Timeline, appearance: Appearance, variant: str | None = None) -> None:
        super().__init__(timeline, appearance, variant)
        self._bars, self._label = Bars(self), SideLabel(self)
        self.layers += [self._bars, self._label]

    @property
    def stack(self) -> Stack:
        """What is shown."""
        return self._bars.stack

    def set_stack(self, stack: Stack) -> None:
        """Show these bars."""
        if not stack.same_as(self._bars.stack):
            self._bars.stack = stack
            self._bars.update()

    def set_label(self, title: str, detail: str) -> None:
        """Whose strip it is, in the right margin."""
        if (title, detail) != (self._label.title, self._label.detail):
            self._label.title, self._label.detail = title, detail
            self._label.update()
