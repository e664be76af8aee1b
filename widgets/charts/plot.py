"""The ground of one chart: a value axis, bands and annotation lines, crosshair and selection, mouse and wheel.

What is plotted comes from its subclasses (`strip`, `lines`). The time axis is owned by `timeline`; nothing here ever
scales itself.
"""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QHelpEvent, QMouseEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QApplication, QGraphicsItem

from widgets.appearance import Appearance
from widgets.charts.annotations import Annotations
from widgets.charts.layers import Backdrop, Frame, Pointer
from widgets.charts.margins import Margins
from widgets.charts.scales import Ticks
from widgets.charts.styles import show_tip, small_font
from widgets.charts.timeline import Timeline

_ZOOM_PER_NOTCH = 0.8
_NEAR_PX = 4


class Plot(pg.GraphicsView):  # type: ignore[misc] # pyqtgraph has no types
    """A plot over the shared timeline.

    Attributes: `variant` (whose requests are shown, None for several), `annotations`, `ticks`. Signal
    `picked(from_s, to_s, variant)`: a bin was clicked, or a range dragged.
    """

    picked = Signal(float, float, object)

    def __init__(self, timeline: Timeline, appearance: Appearance, variant: str | None = None) -> None:
        super().__init__(background=None)
        for each in (self, self.viewport()):
            each.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.timeline, self.appearance, self.variant = timeline, appearance, variant
        self.annotations = Annotations()
        self.margins = Margins()
        self.ticks: Ticks = []
        self._low, self._high = 0.0, 1.0
        self._pressed_px: float | None = None
        self._dragging = False
        self.ground = pg.GraphicsLayout()
        self.ground.layout.setSpacing(0)
        self.setCentralItem(self.ground)
        self.box = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0)
        self.box.disableAutoRange()
        self.axis = pg.AxisItem("left")
        self.axis.setStyle(tickLength=0, hideOverlappingLabels=False)
        self.axis.linkToView(self.box)
        self.ground.addItem(self.axis, 0, 0)
        self.ground.addItem(self.box, 0, 1)
        self.backdrop, self.pointer = Backdrop(self), Pointer(self)
        self.backdrop.setZValue(-10)
        self.pointer.setZValue(10)
        self.layers: list[QGraphicsItem] = [self.backdrop, self.pointer]
        self.box.sigResized.connect(self._resized)
        timeline.viewed.connect(self._show_view)
        timeline.pointed.connect(self._show_pointer)
        appearance.changed.connect(self._dress)
        self.dress()
        self._show_view()

    def sizeHint(self) -> QSize:  # noqa: N802
        """As low as it may be: charts share what height there is."""
        return QSize(200, self.minimumHeight())

    def frame(self) -> Frame:
        """Its geometry now."""
        rect, view = self.box.rect(), self.timeline
        return Frame(
            view.from_s, view.to_s, self._low, self._high, max(rect.width(), 1.0), max(rect.height(), 1.0)
        )

    def x_of(self, at_s: float) -> float:
        """Where a time lies in the plot, in pixels."""
        view = self.timeline
        return float((at_s - view.from_s) / (view.to_s - view.from_s) * self.box.rect().width())

    def set_margins(self, margins: Margins) -> None:
        """The same for every chart of a board."""
        self.margins = margins
        self.axis.setWidth(margins.left)
        half = (
            QFontMetrics(small_font(self.appearance.theme)).height() // 2
        )  # of a tick's text at the very edge
        self.ground.layout.setContentsMargins(0, half, margins.right, half)

    def set_annotations(self, annotations: Annotations) -> None:
        """Show these."""
        if annotations != self.annotations:
            self.annotations = annotations
            self.backdrop.update()
            self.pointer.update()

    def set_values(self, low: float, high: float, ticks: Ticks) -> None:
        """What the value axis shows, and its ticks (value, text)."""
        if (low, high, ticks) != (self._low, self._high, self.ticks):
            self._low, self._high, self.ticks = low, high, ticks
            self.box.setYRange(low, high, padding=0)
            self.axis.setTicks([ticks])
            self.refresh()

    def refresh(self) -> None:
        """Paint all layers anew."""
        for layer in self.layers:
            layer.update()

    @Slot()
    def _show_view(self) -> None:
        self.box.setXRange(self.timeline.from_s, self.timeline.to_s, padding=0)
        self.refresh()

    @Slot()
    def _show_pointer(self) -> None:
        self.pointer.update()

    @Slot(object)
    def _resized(self, _box: object) -> None:
        for layer in self.layers:
            layer.prepareGeometryChange()

    @Slot()
    def _dress(self) -> None:
        self.dress()

    def dress(self) -> None:
        """Take over the theme's colours and type. The slot is another method: one that is overridden would go on
        being called after its plot was deleted."""
        theme = self.appearance.theme
        self.setBackground(theme.surface)
        self.axis.setPen(QPen(theme.colour("line")))
        self.axis.setTextPen(QPen(theme.colour("muted")))
        self.axis.setTickFont(small_font(theme))
        self.refresh()

    def time_at(self, x_px: float) -> float:
        """The time under a place of the widget, in seconds."""
        return self.margins.time(self.timeline, x_px, self.width())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Moves the crosshair of all charts; draws a selection while the button is down."""
        x = event.position().x()
        if self._pressed_px is not None:
            self._dragging |= abs(x - self._pressed_px) >= QApplication.startDragDistance()
            if self._dragging:
                self.timeline.select(self.time_at(self._pressed_px), self.time_at(x))
        self.timeline.point(self.timeline.bin_at(self.time_at(x)))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begins a click or a drag. The board takes the focus."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed_px, self._dragging = event.position().x(), False

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Tells what was picked."""
        if event.button() != Qt.MouseButton.LeftButton or self._pressed_px is None:
            return
        if not self._dragging:
            place = self.timeline.bin_at(self.time_at(event.position().x()))
            if place is None:
                self.timeline.clear()
            else:
                self.timeline.select(*self.timeline.span_of(place))
        if self.timeline.selection is not None:
            self.picked.emit(*self.timeline.selection, self.variant)
        self._pressed_px, self._dragging = None, False

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """All of the run again."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.timeline.reset_view()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zooms in time about the mouse; sideways (or with Shift) it moves."""
        delta = event.angleDelta()
        sideways = delta.x() or (delta.y() if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0)
        if sideways:
            self.timeline.pan(-sideways / 120 * (self.timeline.to_s - self.timeline.from_s) / 10)
        else:
            self.timeline.zoom(self.time_at(event.position().x()), _ZOOM_PER_NOTCH ** (delta.y() / 120))
        event.accept()

    def leaveEvent(self, _event: QEvent) -> None:  # noqa: N802
        """Nothing is pointed at any more."""
        self.timeline.point(None)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        """A tooltip tells what happened near the mouse."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            x = event.pos().x()
            text = self.annotations.near(self.time_at(x - _NEAR_PX), self.time_at(x + _NEAR_PX))
            show_tip(self, event, text)
            return True
        return bool(super().viewportEvent(event))
