"""What a variant did with one request, drawn on a time scale: calls as bars, waits as dashed lines, the end as a diamond.

It draws the steps that `request_trail` made; several waterfalls given the same span can be read across.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QBrush,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from widgets.appearance import Appearance
from widgets.theme import Theme
from widgets.trial.request_trail import Step, told
from widgets.trial.request_words import length

_MARGIN: Final = 6
_LEAST_BAR: Final = 3
"""Pixels: a call that took no time is seen all the same."""
_TICKS: Final = 4


@dataclass(frozen=True)
class Limit:
    """A moment that matters, in seconds from the intended arrival: the customer's patience, a deadline."""

    at_s: float
    label: str


class Waterfall(QWidget):
    """`told(text)` says the numbers of the step that keyboard or mouse have chosen. Up and Down choose."""

    told = Signal(str)

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._appearance = appearance
        self._steps: tuple[Step, ...] = ()
        self._span_s = 1.0
        self._limits: tuple[Limit, ...] = ()
        self._current = -1
        appearance.changed.connect(self._recolour)

    def show_steps(self, steps: tuple[Step, ...], span_s: float, limits: tuple[Limit, ...]) -> None:
        """Draw these steps with `span_s` seconds to the whole width; what is longer is cut and says so."""
        self._steps, self._span_s, self._limits = steps, max(span_s, 0.01), limits
        self._current = min(self._current, len(steps) - 1)
        self.setAccessibleDescription(told(steps))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """Any width, and the height of all steps."""
        return QSize(240, round(self._top_of(len(self._steps))) + self._axis_height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """As narrow as it may be."""
        return QSize(120, self.sizeHint().height())

    # -- choosing ---------------------------------------------------------------------------------------

    def choose(self, index: int) -> None:
        """Make a step the current one and tell its numbers."""
        self._current = index
        self.told.emit(self._steps[index].numbers)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        """Up and Down go from step to step, and past the last to whatever scrolls."""
        by = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        if by is None or not 0 <= self._current + by < len(self._steps):
            super().keyPressEvent(event)
        else:
            self.choose(self._current + by)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 (Qt's name)
        """Begin with the first step."""
        super().focusInEvent(event)
        if self._current < 0 and self._steps and event.reason() != Qt.FocusReason.MouseFocusReason:
            self.choose(0)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        """Choose the step under the mouse."""
        index = self._step_at(event.position().y())
        if index is not None:
            self.choose(index)
        super().mousePressEvent(event)

    def event(self, event: QEvent) -> bool:
        """A tooltip tells the numbers of the step under the mouse."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            index = self._step_at(event.pos().y())
            if index is not None:
                QToolTip.showText(
                    event.globalPos(), f"<span>{escape(self._steps[index].numbers)}</span>", self
                )
                return True
        return super().event(event)

    def _step_at(self, y: float) -> int | None:
        return next(
            (
                index
                for index in range(len(self._steps))
                if self._top_of(index) <= y < self._top_of(index + 1)
            ),
            None,
        )

    # -- painting ---------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        """Limits below, steps above them, the axis last."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_limits(painter)
        paint = {"call": self._paint_call, "wait": self._paint_wait, "end": self._paint_end}
        for index, step in enumerate(self._steps):
            row = QRectF(0, self._top_of(index), self.width(), self._height_of(step))
            if index == self._current and self.hasFocus():
                painter.setPen(QPen(self._theme.colour("accent"), 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(row.adjusted(1, 0, -1, -1), 3, 3)
            paint[step.kind](painter, step, row)
        self._paint_axis(painter)
        painter.end()

    def _paint_call(self, painter: QPainter, step: Step, row: QRectF) -> None:
        metrics, theme = self.fontMetrics(), self._theme
        line = QRectF(row.left() + _MARGIN, row.top() + 1, row.width() - 2 * _MARGIN, metrics.height())
        result = f"{'✕' if step.failed else '✓'} {step.result}"
        title = f"{step.title} · {length(step.to_s - step.from_s)}"
        room = round(line.width())
        needed = metrics.horizontalAdvance(result)
        title_room = max(room - needed - 12, room * 2 // 5)
        painter.fillRect(line, theme.colour("surface"))
        painter.setPen(theme.colour("ink"))
        shown = metrics.elidedText(title, Qt.TextElideMode.ElideRight, title_room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, shown)
        painter.setPen(theme.colour("danger" if step.failed else "ok"))
        left = room - metrics.horizontalAdvance(shown) - 12
        painter.drawText(
            line,
            Qt.AlignmentFlag.AlignRight,
            metrics.elidedText(result, Qt.TextElideMode.ElideRight, left),
        )
        bar = QRectF(0, line.bottom() + 2, 0, row.bottom() - line.bottom() - 6)
        queued_s = step.queue_until_s
        streaming_s = step.to_s if step.stream_from_s is None else step.stream_from_s
        queued, waiting, streaming = part_brushes(theme)
        for from_s, to_s, brush in (
            (step.from_s, queued_s, queued),
            (queued_s, streaming_s, waiting),
            (streaming_s, step.to_s, streaming),
        ):
            if to_s > from_s:
                bar.setLeft(self._x(from_s))
                bar.setRight(self._x(to_s))
                painter.fillRect(bar, brush)
        bar.setLeft(self._x(step.from_s))
        bar.setRight(max(self._x(step.to_s), bar.left() + _LEAST_BAR))
        painter.setPen(QPen(theme.colour("danger" if step.failed else "edge"), theme.scale))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(bar)
        if step.to_s > self._span_s:
            self._paint_cut(painter, bar)

    def _paint_cut(self, painter: QPainter, bar: QRectF) -> None:
        """An arrow where a bar goes on beyond the scale."""
        middle, size = bar.center().y(), bar.height() / 2
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("ink"))
        tip = QPointF(bar.right() + 1, middle)
        painter.drawPolygon(
            QPolygonF([tip, tip + QPointF(-size * 1.4, -size), tip + QPointF(-size * 1.4, size)])
        )

    def _paint_wait(self, painter: QPainter, step: Step, row: QRectF) -> None:
        middle = row.center().y()
        begin, end = self._x(step.from_s), self._x(step.to_s)
        painter.setPen(QPen(self._theme.colour("muted"), self._theme.scale, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(begin, middle), QPointF(end, middle))
        painter.setPen(QPen(self._theme.colour("muted"), self._theme.scale))
        for x in (begin, end):
            painter.drawLine(QPointF(x, middle - 3), QPointF(x, middle + 3))
        self._paint_beside(painter, f"{step.title}: {step.result}", begin, end, row)

    def _paint_end(self, painter: QPainter, step: Step, row: QRectF) -> None:
        x, middle, size = self._x(step.to_s), row.center().y(), row.height() / 4
        painter.setPen(QPen(self._theme.colour("ink"), self._theme.scale))
        painter.setBrush(self._theme.colour("danger" if step.failed else "ok"))
        corners = ((-size, 0), (0, -size), (size, 0), (0, size))
        painter.drawPolygon(QPolygonF([QPointF(x + dx, middle + dy) for dx, dy in corners]))
        painter.setPen(self._theme.colour("ink"))
        text = f"{step.title}: {step.result}, {length(step.to_s)}"
        self._paint_beside(painter, text, x - size, x + size, row)

    def _paint_beside(self, painter: QPainter, text: str, begin: float, end: float, row: QRectF) -> None:
        """Text to the right of what was drawn where it fits, else to the left, else over it."""
        metrics = self.fontMetrics()
        right, left = self.width() - _MARGIN - end - 6, begin - _MARGIN - 6
        room = right if right >= metrics.horizontalAdvance(text) or right > left else left
        over = room < self.width() / 3
        room = self.width() - 4 * _MARGIN if over else room
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, round(room))
        needed = metrics.horizontalAdvance(text)
        x = (self.width() - needed) / 2 if over else end + 6 if room == right else begin - 6 - needed
        place = QRectF(x, row.top(), needed + 1, row.height())
        ground = QRectF(place.left() - 3, row.top() + 2, needed + 6, row.height() - 4)
        painter.fillRect(ground, self._theme.colour("surface"))
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _paint_limits(self, painter: QPainter) -> None:
        painter.setPen(QPen(self._theme.colour("warn"), 1.5 * self._theme.scale, Qt.PenStyle.DotLine))
        bottom = self._top_of(len(self._steps))
        for limit in self._limits:
            if limit.at_s <= self._span_s:
                painter.drawLine(QPointF(self._x(limit.at_s), 0), QPointF(self._x(limit.at_s), bottom + 4))

    def _paint_axis(self, painter: QPainter) -> None:
        theme, metrics = self._theme, self.fontMetrics()
        top = self._top_of(len(self._steps))
        painter.setPen(QPen(theme.colour("edge"), theme.scale))
        painter.drawLine(QPointF(self._x(0), top), QPointF(self._x(self._span_s), top))
        line = QRectF(_MARGIN, top + 5, self.width() - 2 * _MARGIN, metrics.height())
        painter.setPen(theme.colour("muted"))
        step_s = _round_step(self._span_s)
        taken = -1.0
        for tick in range(int(self._span_s / step_s + 1e-9) + 1):
            x, label = self._x(tick * step_s), f"{tick * step_s:g} s" if tick else "0"
            width = metrics.horizontalAdvance(label)
            left = min(max(x - width / 2, _MARGIN), self.width() - _MARGIN - width)
            painter.drawLine(QPointF(x, top), QPointF(x, top + 4))
            if left > taken:
                painter.drawText(QRectF(left, line.top(), width + 1, line.height()), 0, label)
                taken = left + width + 6
        line.translate(0, metrics.height())
        painter.setPen(theme.colour("warn"))
        said = metrics.elidedText(
            limits_text(self._limits, self._span_s), Qt.TextElideMode.ElideRight, round(line.width())
        )
        painter.drawText(line, Qt.AlignmentFlag.AlignRight, said)

    # -- measures ---------------------------------------------------------------------------------------

    def _x(self, at_s: float) -> float:
        share = min(max(at_s / self._span_s, 0.0), 1.0)
        return _MARGIN + share * (self.width() - 2 * _MARGIN)

    def _height_of(self, step: Step) -> float:
        line = self.fontMetrics().height()
        return line * 1.75 + 8 if step.kind == "call" else line + 4.0

    def _top_of(self, index: int) -> float:
        return 2 + sum(self._height_of(step) for step in self._steps[:index])

    def _axis_height(self) -> int:
        lines = 2 if self._limits else 1
        return self.fontMetrics().height() * lines + 8

    @property
    def _theme(self) -> Theme:
        return self._appearance.theme

    @Slot(object)
    def _recolour(self, _theme: object) -> None:
        self.updateGeometry()
        self.update()


def part_brushes(theme: Theme) -> tuple[QBrush, QBrush, QBrush]:
    """How the parts of a bar are filled: queued, waiting for the first token, streaming."""
    return (
        QBrush(theme.colour("edge"), Qt.BrushStyle.BDiagPattern),
        QBrush(theme.colour("selection")),
        QBrush(theme.colour("accent")),
    )


def limits_text(limits: Sequence[Limit], span_s: float) -> str:
    """The limits in words; those at the same moment together."""
    by_time: dict[float, list[str]] = {}
    for limit in limits:
        by_time.setdefault(limit.at_s, []).append(limit.label)
    return ", ".join(
        f"{'┊' if at_s <= span_s else '›'} {' and '.join(labels)} {at_s:g} s"
        for at_s, labels in sorted(by_time.items())
    )


def _round_step(span_s: float) -> float:
    """The distance of ticks: 1, 2 or 5 times a power of ten, so that there are about `_TICKS`."""
    rough = span_s / _TICKS
    power = 1.0
    while power > rough:
        power /= 10
    while power * 10 <= rough:
        power *= 10
    return next(power * each for each in (1, 2, 5, 10) if power * each >= rough - 1e-12)
