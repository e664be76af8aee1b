"""The strip above the charts that says what its numbers and bands are."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from widgets.appearance import Appearance
from widgets.charts.annotations import Annotations, Note, marks, span_text
from widgets.charts.margins import Margins
from widgets.charts.styles import show_tip, small_font
from widgets.charts.timeline import Timeline


class AnnotationStrip(QWidget):
    """Two rows above the charts: changes and who noticed trouble, with their marks; and the bands with their labels."""

    def __init__(self, timeline: Timeline, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chart_annotations")
        self.setAccessibleName("Changes and incidents of the run")
        self._timeline, self._appearance = timeline, appearance
        self._annotations, self._margins = Annotations(), Margins()
        timeline.viewed.connect(self._repaint)
        appearance.changed.connect(self._repaint)

    def set_annotations(self, annotations: Annotations) -> None:
        """Show these."""
        if annotations != self._annotations:
            self._annotations = annotations
            told = [note.text.replace("\n", ": ", 1) for note in annotations.notes]
            self.setAccessibleDescription("; ".join(told + [span_text(band) for band in annotations.bands]))
            self.update()

    def set_margins(self, margins: Margins) -> None:
        """The charts' margins."""
        self._margins = margins
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Two lines of small type."""
        row = QFontMetrics(small_font(self._appearance.theme)).height() + 3
        return QSize(200, 2 * row)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Its height is fixed."""
        return QSize(0, self.sizeHint().height())

    @Slot()
    def _repaint(self) -> None:
        self.update()

    def _x(self, at_s: float) -> float:
        return self._margins.x(self._timeline, at_s, self.contentsRect().width())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Numbers that would touch share a box: "3–5"."""
        painter = QPainter(self)
        painter.setFont(small_font(self._appearance.theme))
        row = self.height() // 2
        view = self._timeline
        painter.setClipRect(
            self._margins.left - 8, 0, self.contentsRect().width() - self._margins.left + 8, self.height()
        )
        self._paint_bands(painter, row)
        there = [note for note in self._annotations.notes if view.from_s <= note.at_s <= view.to_s]
        groups = self._groups(there, painter.fontMetrics())
        for place, group in enumerate(groups):
            after = (
                self._x(groups[place + 1][0].at_s)
                if place + 1 < len(groups)
                else float(self.contentsRect().width())
            )
            self._paint_group(painter, group, row, after)
        painter.end()

    def _groups(self, notes: Sequence[Note], metrics: QFontMetrics) -> list[list[Note]]:
        groups: list[list[Note]] = []
        for note in notes:
            if groups:
                box = metrics.horizontalAdvance(marks([*groups[-1], note])) + 8
                if self._x(note.at_s) - self._x(groups[-1][0].at_s) < box:
                    groups[-1].append(note)
                    continue
            groups.append([note])
        return groups

    def _paint_group(self, painter: QPainter, group: Sequence[Note], row: int, after_px: float) -> None:
        theme, metrics = self._appearance.theme, painter.fontMetrics()
        numbers = marks(group)
        box = QRectF(self._x(group[0].at_s) - 1, 0, metrics.horizontalAdvance(numbers) + 7, row - 1)
        painter.setPen(QPen(theme.colour("edge")))
        painter.setBrush(theme.colour("raised"))
        painter.drawRect(box)
        painter.setPen(theme.colour("ink"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, numbers)
        labels = [label for note in group for label in note.labels]
        more = f" (+{len(labels) - 1})" if len(labels) > 1 else ""
        room = QRectF(box.right() + 4, 0, after_px - box.right() - 10, row)
        text = metrics.elidedText(
            labels[0], Qt.TextElideMode.ElideRight, int(room.width()) - metrics.horizontalAdvance(more)
        )
        if room.width() > metrics.averageCharWidth() * 6:
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, text + more)

    def _paint_bands(self, painter: QPainter, row: int) -> None:
        theme, metrics = self._appearance.theme, painter.fontMetrics()
        right_edge = self._margins.x(self._timeline, self._timeline.to_s, self.contentsRect().width())
        for from_s, to_s in self._annotations.shaded():
            left, right = self._edges(from_s, to_s, right_edge)
            if right < left or right <= self._margins.left:
                continue
            box = QRectF(left, row, max(right - left, 2), row - 1)
            painter.fillRect(box, theme.colour("band"))
            painter.setPen(theme.colour("edge"))
            painter.drawLine(box.topLeft(), box.topRight())
        free_from = 0.0
        for band in self._annotations.bands:
            left, right = self._edges(band.from_s, self._annotations.end_of(band), right_edge)
            if right < left or right <= self._margins.left:
                continue
            start = max(left + 3, free_from)
            text = metrics.elidedText(
                band.label,
                Qt.TextElideMode.ElideRight,
                int(max(right - start, self.contentsRect().width() - start - 4)),
            )
            # A label may reach beyond a narrow band, but never into the label before it.
            if start < max(right, left + 4):
                painter.setPen(theme.colour("ink"))
                painter.drawText(QPointF(start, row + metrics.ascent() + 1), text)
                free_from = start + metrics.horizontalAdvance(text) + 8

    def _edges(self, from_s: float, to_s: float, right_edge: float) -> tuple[float, float]:
        """Where a span begins and ends, in pixels, as far as it is in view."""
        return max(self._x(from_s), float(self._margins.left)), min(self._x(to_s), right_edge)

    def event(self, event: QEvent) -> bool:
        """Tooltips tell all of what there was only room to hint at."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            show_tip(self, event, self.tip_at(event.pos().x()))
            return True
        return super().event(event)

    def tip_at(self, x_px: float) -> str:
        """What is told at a place of the strip."""
        metrics = QFontMetrics(small_font(self._appearance.theme))
        view = self._timeline
        there = [note for note in self._annotations.notes if view.from_s <= note.at_s <= view.to_s]
        reached = [group for group in self._groups(there, metrics) if self._x(group[0].at_s) - 2 <= x_px]
        at_s = self._margins.time(self._timeline, x_px, self.contentsRect().width())
        bands = [
            span_text(band)
            for band in self._annotations.bands
            if band.from_s <= at_s <= self._annotations.end_of(band)
        ]
        return "\n".join([note.text for note in (reached[-1] if reached else [])] + bands)
