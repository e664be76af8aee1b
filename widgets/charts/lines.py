"""Lines over time with their names at their ends: time to answer, cost, attempts. On a linear or a log axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from typing import Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from widgets.appearance import Appearance
from widgets.charts.layers import Frame, Layer
from widgets.charts.margins import SAMPLE_PX
from widgets.charts.plot import Plot
from widgets.charts.scales import FASTEST_S, Floats, Ticks, time_ticks, without_lone_points
from widgets.charts.styles import LineStyle, small_font
from widgets.charts.timeline import Timeline

_NO_ANSWER_SHARE: Final = 0.16
"""Of the height of a chart of times: the band on top for percentiles that no answer has."""


@dataclass(frozen=True)
class Line:
    """A line: `values` of bins of `bin_s` seconds from 0 on, shape (n,), NaN for a gap, +inf for no answer; `label`
    stands at its end."""

    label: str
    style: LineStyle
    bin_s: float
    values: Floats
    thick: bool = False

    def same_as(self, other: Line) -> bool:
        """Whether both look the same: most pictures of a run that goes on bring no new bin."""
        mine, others = ((each.label, each.style, each.bin_s, each.thick) for each in (self, other))
        return mine == others and np.array_equal(self.values, other.values, equal_nan=True)


class EndLabels(QGraphicsItem):
    """The names of the lines, each right of its line's last value, moved apart where they would touch."""

    def __init__(self, plot: LinePlot) -> None:
        super().__init__(plot.ground)
        self._plot = plot

    def boundingRect(self) -> QRectF:  # noqa: N802
        """All of the chart: the labels go with the lines' ends into the right margin."""
        rect: QRectF = self._plot.ground.rect()
        return rect

    def places(self) -> list[tuple[Line, float, float]]:
        """Each line that is in view, with the left edge and the middle of its label in pixels of the chart."""
        plot = self._plot
        frame, box = plot.frame(), plot.box.geometry()
        row = self._row()
        found = []
        for line in plot.lines:
            end = plot.end_of(line)
            if end is not None:
                x = box.left() + min(max(plot.x_of(end[0]), 0.0), frame.width) + 5
                found.append((line, x, box.top() + frame.y(end[1])))
        found.sort(key=lambda each: each[2])
        top, bottom = row / 2, self.boundingRect().height() - row / 2
        middles = apart([y for _, _, y in found], row, top, bottom)
        return [(line, x, y) for (line, x, _), y in zip(found, middles, strict=True)]

    def right_edge(self, metrics: QFontMetrics) -> float | None:
        """Where the longest name ends, in pixels from the left of the frame; None where there is none."""
        left = self._plot.box.geometry().left()
        ends = [
            x - left + SAMPLE_PX + 6 + metrics.horizontalAdvance(line.label) for line, x, _ in self.places()
        ]
        return max(ends, default=None)

    def _row(self) -> int:
        return QFontMetrics(small_font(self._plot.appearance.theme)).height() - 1

    def paint(
        self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None
    ) -> None:
        """A sample of the line, and its name in ink: not every line's colour can be read as text."""
        theme = self._plot.appearance.theme
        painter.setFont(small_font(theme))
        metrics = painter.fontMetrics()
        ground = QColor(theme.colour("surface"))
        ground.setAlpha(215)
        for line, x, y in self.places():
            room = self.boundingRect().right() - x - SAMPLE_PX - 6
            text = metrics.elidedText(line.label, Qt.TextElideMode.ElideRight, int(room))
            wide = SAMPLE_PX + 6 + metrics.horizontalAdvance(text)
            painter.fillRect(QRectF(x, y - metrics.height() / 2 + 1, wide, metrics.height() - 2), ground)
            painter.setPen(line.style.pen(theme, thick=line.thick))
            painter.drawLine(QLineF(x + 1, round(y), x + SAMPLE_PX, round(y)))
            painter.setPen(theme.colour("ink"))
            painter.drawText(QPointF(x + SAMPLE_PX + 4, y + metrics.ascent() / 2 - 1), text)


def apart(wanted: Sequence[float], least: float, top: float, bottom: float) -> list[float]:
    """Places near `wanted` (ascending), at least `least` apart and between top and bottom where there is room."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + least if places else top))
    limit = bottom
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], limit)
        limit = places[index] - least
    return places


class NoAnswerBand(Layer):
    """The top of a chart of times, and the line of the customers' patience."""

    patience_s: float | None = None
    top_s = 60.0

    def draw(self, painter: QPainter, frame: Frame) -> None:
        """A tinted band, and a dashed line."""
        theme = self.plot.appearance.theme
        painter.fillRect(QRectF(0, 0, frame.width, self.foot(frame)), theme.colour("selection"))
        if self.patience_s is not None:
            y = self.patience_y(frame, self.patience_s)
            painter.setPen(QPen(theme.colour("edge"), 1, Qt.PenStyle.DashDotLine))
            painter.drawLine(QLineF(0, y, frame.width, y))

    def foot(self, frame: Frame) -> int:
        """Where the band ends, in pixels from the top."""
        return round(frame.y(log10(self.top_s)))

    def patience_y(self, frame: Frame, patience_s: float) -> float:
        """Where patience ends, in pixels from the top."""
        return round(frame.y(log10(max(patience_s, FASTEST_S)))) - 0.5


class TimesWords(Layer):
    """Over the lines of a chart of times: what its band and its patience line are called."""

    def __init__(self, plot: LinePlot, band: NoAnswerBand) -> None:
        super().__init__(plot)
        self._names = plot.labels
        self._band = band

    def draw(self, painter: QPainter, frame: Frame) -> None:
        """Both at the left, where lines begin harmlessly more often than they end; at the right while the run is young,
        where the lines' names would hide them."""
        theme = self.plot.appearance.theme
        painter.setFont(small_font(theme))
        metrics = painter.fontMetrics()
        foot, patience_s = self._band.foot(frame), self._band.patience_s
        # A low chart's band is lower than its words, which would begin above the chart.
        texts = [("no answer", max(0.0, foot / 2 - metrics.height() / 2), "selection")]
        if patience_s is not None:
            y = self._band.patience_y(frame, patience_s)
            texts.append((f"patience ends at {patience_s:g} s", y + 1, "surface"))
        widest = max(metrics.horizontalAdvance(text) for text, _, _ in texts)
        names_end = self._names.right_edge(metrics)
        at_right = names_end is not None and names_end + widest + 12 < frame.width
        for text, top, ground in texts:
            wide = metrics.horizontalAdvance(text) + 4
            left = frame.width - wide - 2 if at_right else 2.0
            painter.fillRect(QRectF(left, top, wide, metrics.height()), theme.colour(ground))
            painter.setPen(theme.colour("ink"))
            painter.drawText(QPointF(left + 2, top + metrics.ascent()), text)


class LinePlot(Plot):
    """A plot of lines. Attribute: `lines`, as shown."""

    def __init__(self, timeline: Timeline, appearance: Appearance) -> None:
        self.lines: tuple[Line, ...] = ()
        self._curves: list[pg.PlotCurveItem] = []
        super().__init__(timeline, appearance)
        self.labels = EndLabels(self)
        self.labels.setZValue(20)
        self.layers.append(self.labels)

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show these, drawn in this order."""
        before = self.lines
        if len(before) == len(lines) and all(map(Line.same_as, before, lines)):
            return
        self.lines = tuple(lines)
        while len(self._curves) > len(lines):
            self.box.removeItem(self._curves.pop())
        while len(self._curves) < len(lines):
            curve = pg.PlotCurveItem(connect="finite")
            self.box.addItem(curve, ignoreBounds=True)
            self._curves.append(curve)
        self._plot_lines()
        if [(each.style, each.thick) for each in before] != [(each.style, each.thick) for each in lines]:
            self.dress()
        self.labels.update()

    def _plot_lines(self) -> None:
        for curve, line in zip(self._curves, self.lines, strict=True):
            starts_s = np.arange(line.values.size, dtype=np.float64) * line.bin_s
            x, y = without_lone_points(starts_s, line.bin_s, self.to_axis(line.values))
            curve.setData(x, y, connect="finite")

    def to_axis(self, values: Floats) -> Floats:
        """Values in the units of the axis; here as they are."""
        return values

    def end_of(self, line: Line) -> tuple[float, float] | None:
        """The last value in view: the middle of its bin in seconds, and its place on the axis."""
        view = self.timeline
        last = int(min(-(-view.to_s // line.bin_s), line.values.size))
        there = np.flatnonzero(~np.isnan(line.values[:last]))
        if not there.size or (there[-1] + 1) * line.bin_s <= view.from_s:
            return None
        place = int(there[-1])
        return (place + 0.5) * line.bin_s, float(self.to_axis(line.values[place : place + 1])[0])

    def dress(self) -> None:
        """The lines' pens too."""
        super().dress()
        for curve, line in zip(self._curves, self.lines, strict=True):
            pen = line.style.pen(self.appearance.theme, thick=line.thick)
            pen.setCosmetic(True)  # the curve is scaled, its line is not; not even by the screen
            pen.setWidthF(pen.widthF() * self.devicePixelRatioF())
            curve.setPen(pen)


class TimesPlot(LinePlot):
    """Seconds on a log axis, with a band on top for what had no answer."""

    def __init__(self, timeline: Timeline, appearance: Appearance) -> None:
        super().__init__(timeline, appearance)
        self._band = NoAnswerBand(self)
        self._band.setZValue(-5)
        self._words = TimesWords(self, self._band)
        self._words.setZValue(5)
        self.layers += [self._band, self._words]
        self.set_top(60.0)

    def set_top(self, top_s: float) -> None:
        """The slowest finite time that has room, in seconds."""
        moved = top_s != self._band.top_s
        self._band.top_s = top_s
        low, high = log10(FASTEST_S), log10(top_s)
        self._no_answer = high + (high - low) * _NO_ANSWER_SHARE / 2
        ticks: Ticks = time_ticks(top_s)
        self.set_values(low, high + (high - low) * _NO_ANSWER_SHARE, ticks)
        if moved:
            self._plot_lines()

    def set_patience(self, patience_s: float | None) -> None:
        """Where customers' patience ends; None where that is not known."""
        if patience_s != self._band.patience_s:
            self._band.patience_s = patience_s
            self.refresh()

    def to_axis(self, values: Floats) -> Floats:
        """Log10; what is faster than the axis goes lies on its foot, what is slower at its top, no answer in the band."""
        inside = np.log10(np.clip(values, FASTEST_S, self._band.top_s))
        return np.where(np.isposinf(values), self._no_answer, inside)
