"""What every board of charts stands on: its ground, a frame while it has the focus, and the keys of the time axis."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from widgets.appearance import Appearance
from widgets.charts.timeline import Timeline

KEYS_HELP = (
    "Left and Right move through time, with Shift they select; Home and End go to its ends; plus and minus zoom, "
    "0 shows all, Escape lets go."
)
_STEPS: dict[int, int] = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Home: -1_000_000,
    Qt.Key.Key_End: 1_000_000,
}
_ZOOMS: dict[int, float] = {Qt.Key.Key_Plus: 0.8, Qt.Key.Key_Equal: 0.8, Qt.Key.Key_Minus: 1.25}


class ChartGround(QWidget):
    """A board's base. `range_picked(from_s, to_s, variant)`: a bin or a range was picked, with the name of the variant
    whose chart it was, or None for all of them. Attribute: `timeline`, what its charts share."""

    range_picked = Signal(float, float, object)

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._appearance = appearance
        self.timeline = Timeline(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Through time by keyboard alone; see KEYS_HELP. Enter picks what is pointed at."""
        key, view = event.key(), self.timeline
        if key in _STEPS:
            view.step(_STEPS[key], extend=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
        elif key in _ZOOMS:
            middle_s = (view.from_s + view.to_s) / 2 if view.bin is None else view.span_of(view.bin)[0]
            view.zoom(middle_s, _ZOOMS[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and view.picked() is not None:
            self.range_picked.emit(*(view.picked() or ()), None)
        elif key == Qt.Key.Key_0:
            view.reset_view()
        elif key == Qt.Key.Key_Escape and view.picked() is not None:
            view.clear()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """The charts' ground, and the frame."""
        painter = QPainter(self)
        theme = self._appearance.theme
        painter.fillRect(self.rect(), theme.colour("surface"))
        if self.hasFocus():
            painter.setPen(QPen(theme.colour("accent"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        painter.end()
