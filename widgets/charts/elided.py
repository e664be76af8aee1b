"""A line of plain text that is elided where it has no room, and then told in full by its tooltip."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from widgets.appearance import Appearance
from widgets.charts.styles import plain_tip, small_font


class ElidedText(QWidget):
    """Small text on one line. Attribute: `text`."""

    def __init__(
        self,
        appearance: Appearance,
        *,
        align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
        bold: bool = False,
    ) -> None:
        super().__init__()
        self.text = ""
        self._appearance, self._align, self._bold = appearance, align, bold
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        appearance.changed.connect(self._dress)

    def set_text(self, text: str) -> None:
        """Show this."""
        if text != self.text:
            self.text = text
            self.setAccessibleName(text)
            self._tell_rest()
            self.updateGeometry()
            self.update()

    @Slot()
    def _dress(self) -> None:
        self.updateGeometry()
        self.update()

    def _font(self) -> QFont:
        font = small_font(self._appearance.theme)
        font.setBold(self._bold)
        return font

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(self._font())

    def _tell_rest(self) -> None:
        fits = self._metrics().horizontalAdvance(self.text) <= self.width()
        self.setToolTip("" if fits else plain_tip(self.text))

    def sizeHint(self) -> QSize:  # noqa: N802
        """All of the text."""
        metrics = self._metrics()
        return QSize(metrics.horizontalAdvance(self.text) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """A few letters of it."""
        metrics = self._metrics()
        return QSize(metrics.averageCharWidth() * 8, metrics.height() + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """There may be room for all of it now, or no longer."""
        super().resizeEvent(event)
        self._tell_rest()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """In ink."""
        painter = QPainter(self)
        theme = self._appearance.theme
        painter.setFont(self._font())
        painter.setPen(theme.colour("ink"))
        text = painter.fontMetrics().elidedText(self.text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), self._align | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()
