"""What stands above a chart: its title, its key of swatches, wrapped if need be, and a corner for a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from widgets.appearance import Appearance
from widgets.charts.elided import ElidedText
from widgets.charts.hatch import fill_of, paint_boxes
from widgets.charts.styles import plain_tip, small_font, step_pen, style_of
from widgets.theme import Mark


@dataclass(frozen=True)
class Entry:
    """A swatch with its word: filled as `mark`, or a line of the chart in ink."""

    title: str
    mark: Mark | None = None
    line: Literal["step", "thin", "thick"] = "step"
    """What is drawn where there is no mark."""


class Key(QWidget):
    """Swatches in a row, in more rows where it is narrow."""

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._appearance = appearance
        self._entries: tuple[Entry, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        appearance.changed.connect(self._dress)

    def set_entries(self, entries: Sequence[Entry]) -> None:
        """Show these."""
        if tuple(entries) != self._entries:
            self._entries = tuple(entries)
            self.setAccessibleName("Key: " + ", ".join(entry.title for entry in entries))
            self.updateGeometry()
            self.update()

    @Slot()
    def _dress(self) -> None:
        self.updateGeometry()
        self.update()

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(small_font(self._appearance.theme))

    def _places(self, width: int) -> Iterator[tuple[Entry, QRect]]:
        metrics = self._metrics()
        row, swatch = metrics.height() + 2, metrics.ascent()
        x = y = 0
        for entry in self._entries:
            wide = swatch + 4 + metrics.horizontalAdvance(entry.title)
            if x and x + wide > width:
                x, y = 0, y + row
            yield entry, QRect(x, y, wide, row)
            x += wide + 12

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        """It wraps."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """As many rows as it takes."""
        return max((box.bottom() + 1 for _, box in self._places(width)), default=0)

    def sizeHint(self) -> QSize:  # noqa: N802
        """All in one row."""
        wide = max((box.right() + 1 for _, box in self._places(1 << 20)), default=0)
        return QSize(wide, self.heightForWidth(1 << 20))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """The widest entry alone."""
        wide = max((box.width() for _, box in self._places(1 << 20)), default=0)
        return QSize(wide, self.heightForWidth(self.width()))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Swatches are filled as the chart is."""
        painter = QPainter(self)
        theme, metrics = self._appearance.theme, self._metrics()
        painter.setFont(small_font(theme))
        side = metrics.ascent()
        for entry, box in self._places(self.width()):
            square = QRect(box.left(), box.top() + (box.height() - side) // 2, side, side)
            if entry.mark is None:
                self._paint_line(painter, entry, square)
            else:
                paint_boxes(painter, fill_of(entry.mark, theme), [square])
            painter.setPen(theme.colour("ink"))
            baseline = box.top() + (box.height() + metrics.ascent() - metrics.descent()) / 2
            painter.drawText(QPointF(square.right() + 5, baseline), entry.title)
        painter.end()

    def _paint_line(self, painter: QPainter, entry: Entry, square: QRect) -> None:
        theme = self._appearance.theme
        pen = step_pen(theme)
        pen.setWidth(style_of(1).pen(theme, thick=entry.line == "thick").width())
        painter.setPen(pen)
        left, middle, right = square.left(), square.center().x(), square.right()
        low, high = square.bottom() - 1, square.top() + 2
        if entry.line == "step":
            steps = [(left, low), (middle, low), (middle, high), (right, high)]
        else:
            steps = [(left, square.center().y()), (right, square.center().y())]
        painter.drawPolyline([QPoint(*step) for step in steps])


class Heading(QWidget):
    """A chart's title with its formula as a tooltip, its key beside it, and a corner on the right."""

    def __init__(
        self, title: str, formula: str, appearance: Appearance, entries: Sequence[Entry] = ()
    ) -> None:
        super().__init__()
        self._title = QLabel(title)
        self._title.setProperty("role", "heading")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._key = Key(appearance)
        self._key.set_entries(entries)
        self._corner = ElidedText(appearance, align=Qt.AlignmentFlag.AlignRight)
        self._corner.setVisible(False)
        for widget in (self._title, self._key):
            widget.setToolTip(plain_tip(formula))
        self.setAccessibleName(title)
        self.setAccessibleDescription(formula)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(10)
        row.addWidget(self._title, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._key, 1)
        row.addWidget(self._corner, 0 if entries else 1)
        self._key.setVisible(bool(entries))

    def set_title(self, title: str) -> None:
        """Another title."""
        self._title.setText(title)
        self.setAccessibleName(title)

    def set_corner(self, text: str) -> None:
        """What stands in the corner; nothing hides it."""
        self._corner.set_text(text)
        self._corner.setVisible(bool(text))
