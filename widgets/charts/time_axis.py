"""The one time axis below all charts of a board."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QPointF, QSize, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from widgets.appearance import Appearance
from widgets.charts.margins import Margins
from widgets.charts.scales import clock, clock_ticks
from widgets.charts.styles import small_font
from widgets.charts.timeline import Timeline


class TimeAxis(QWidget):
    """Ticks at round times in virtual time, and where the crosshair is."""

    def __init__(self, timeline: Timeline, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chart_time_axis")
        self.setAccessibleName("Virtual time")
        self.setToolTip("Virtual time since the run's start.")
        self._timeline, self._appearance, self._margins = timeline, appearance, Margins()
        for signal in (timeline.viewed, timeline.pointed, appearance.changed):
            signal.connect(self._repaint)

    def set_margins(self, margins: Margins) -> None:
        """The charts' margins."""
        self._margins = margins
        self.updateGeometry()
        self.update()

    @Slot()
    def _repaint(self) -> None:
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """One line of small type."""
        return QSize(200, QFontMetrics(small_font(self._appearance.theme)).height() + 8)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Its height is fixed."""
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """As many ticks as have room."""
        painter = QPainter(self)
        theme, view, margins = self._appearance.theme, self._timeline, self._margins
        painter.setFont(small_font(theme))
        metrics = painter.fontMetrics()
        left = margins.left
        right = margins.x(view, view.to_s, self.contentsRect().width())
        painter.setPen(QPen(theme.colour("edge")))
        painter.drawLine(QLineF(left, 0.5, right, 0.5))
        room = metrics.horizontalAdvance(clock(view.to_s)) * 1.8 + 12
        base = 6 + metrics.ascent()
        for at_s in clock_ticks(view.from_s, view.to_s, max(int((right - left) / room), 2)):
            x = round(margins.x(view, at_s, self.contentsRect().width())) + 0.5
            text = clock(at_s)
            painter.setPen(QPen(theme.colour("edge")))
            painter.drawLine(QLineF(x, 0, x, 4))
            painter.setPen(theme.colour("muted"))
            painter.drawText(QPointF(x - metrics.horizontalAdvance(text) / 2, base), text)
        painter.setPen(theme.colour("muted"))
        unit = "h:min:s" if view.to_s >= 3600 else "min:s"
        painter.drawText(QPointF(right + metrics.horizontalAdvance(clock(view.to_s)) / 2 + 8, base), unit)
        if view.bin is not None:
            first, last = (
                margins.x(view, at_s, self.contentsRect().width()) for at_s in view.span_of(view.bin)
            )
            if left <= first <= right:
                painter.setPen(QPen(theme.colour("accent"), 3))
                painter.drawLine(QLineF(first, 1.5, max(last, first + 3), 1.5))
        painter.end()
