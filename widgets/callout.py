"""A callout: a small note that points at one widget of the window, with a button to go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen, QPolygon
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from widgets.appearance import Appearance

_ARROW = 12
_WIDTH = 340


class Callout(QWidget):
    """Lies over the window and follows the widget that it points at, and goes when that goes. `closed` comes once,
    however it goes away."""

    closed = Signal()

    def __init__(
        self, appearance: Appearance, window: QWidget, target: QWidget, title: str, text: str
    ) -> None:
        super().__init__(window)
        self.setObjectName("callout")
        self.setAccessibleName(f"{title}. {text}")
        self._appearance = appearance
        self._window = window
        self._target = target
        self._tip = QPoint()
        self._body = QRect()
        heading = QLabel(title)
        heading.setProperty("role", "heading")
        words = QLabel(text)
        for label in (heading, words):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.button = QPushButton("Got it")
        self.button.setProperty("role", "primary")
        self.button.clicked.connect(self.dismiss)
        self._row = QHBoxLayout()
        self._row.addStretch()
        self._row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_ARROW + 14, _ARROW + 12, _ARROW + 14, _ARROW + 12)
        layout.addWidget(heading)
        layout.addWidget(words)
        layout.addLayout(self._row)
        appearance.changed.connect(self._repaint)
        for watched in (window, target):
            watched.installEventFilter(self)
        target.destroyed.connect(self.dismiss)
        self._place()
        self.show()
        self.raise_()

    def offer(self, title: str, do: Callable[[], object]) -> None:
        """A second button, which takes the callout away and does something."""
        button = QPushButton(title)
        button.clicked.connect(self.dismiss)
        button.clicked.connect(partial(_call, do))
        self._row.addWidget(button)
        self._place()

    @Slot()
    def dismiss(self) -> None:
        """Take it away."""
        if self.isHidden():
            return
        self.hide()  # nothing is followed from here on: the target may be gone
        self.closed.emit()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the target."""
        if not self.isHidden() and event.type() in (
            QEvent.Type.Resize,
            QEvent.Type.Move,
            QEvent.Type.Show,
            QEvent.Type.LayoutRequest,
        ):
            self._place()
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Escape takes it away."""
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """A box with an arrow at the target."""
        theme = self._appearance.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("accent"), 2))
        painter.setBrush(theme.colour("surface"))
        painter.drawRoundedRect(self._body, 8, 8)
        base = QPoint(
            max(self._body.left() + 20, min(self._tip.x(), self._body.right() - 20)),
            max(self._body.top() + 20, min(self._tip.y(), self._body.bottom() - 20)),
        )
        across = self._tip.y() < self._body.top() or self._tip.y() > self._body.bottom()
        side = QPoint(_ARROW, 0) if across else QPoint(0, _ARROW)
        edge = QPoint(base.x(), self._tip.y()) if not across else QPoint(self._tip.x(), base.y())
        foot = (
            QPoint(
                base.x(), self._body.top() if self._tip.y() < self._body.center().y() else self._body.bottom()
            )
            if across
            else QPoint(
                self._body.left() if self._tip.x() < self._body.center().x() else self._body.right(), edge.y()
            )
        )
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("accent"))
        painter.drawPolygon(QPolygon([self._tip, foot - side, foot + side]))

    @Slot()
    def _repaint(self) -> None:
        self.update()

    def _place(self) -> None:
        """Beside the target where there is room: right, below, left or above it."""
        area = self._window.rect()
        width = min(_WIDTH + 2 * _ARROW, area.width())
        height = self.heightForWidth(width) if self.hasHeightForWidth() else self.sizeHint().height()
        height = min(max(height, 110), area.height())
        origin = self._target.mapTo(self._window, QPoint(0, 0))
        there = QRect(origin, self._target.size()).intersected(area)
        center = there.center()
        if there.right() + width < area.right():
            corner, tip = QPoint(there.right(), center.y() - height // 2), QPoint(0, height // 2)
        elif there.left() - width > area.left():
            corner, tip = (
                QPoint(there.left() - width, center.y() - height // 2),
                QPoint(width - 1, height // 2),
            )
        elif there.bottom() + height < area.bottom():
            corner, tip = QPoint(center.x() - width // 2, there.bottom()), QPoint(width // 2, 0)
        else:
            corner, tip = (
                QPoint(center.x() - width // 2, there.top() - height),
                QPoint(width // 2, height - 1),
            )
        kept = QPoint(
            max(area.left(), min(corner.x(), area.right() - width)),
            max(area.top(), min(corner.y(), area.bottom() - height)),
        )
        tip += corner - kept
        self._tip = QPoint(max(0, min(tip.x(), width - 1)), max(0, min(tip.y(), height - 1)))
        self._body = QRect(_ARROW, _ARROW, width - 2 * _ARROW, height - 2 * _ARROW)
        self.setGeometry(QRect(kept.x(), kept.y(), width, height))
        self.update()


def _call(do: Callable[[], object], *_checked: object) -> None:
    do()
