"""Replay: a run from the log as it looked at any moment, played at any speed."""

from __future__ import annotations

from time import monotonic
from typing import Final

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QStyle,
    QStyleOptionSlider,
    QWidget,
)

from app.analysis.curves import Picture
from widgets.session import Session

SPEEDS: Final = (1, 10, 60, 600)
"""Virtual seconds a second."""
_STEPS: Final = 1000
_TICK_MS: Final = 100
_LEAST_SLIDER_PX: Final = 40


class TimeSlider(QSlider):
    """Goes at once to where it is clicked, and can be dragged on from there."""

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Bring the handle below the mouse first."""
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style, part = self.style(), QStyle.ComplexControl.CC_Slider
        handle = style.subControlRect(part, option, QStyle.SubControl.SC_SliderHandle, self)
        at = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and not handle.contains(at):
            groove = style.subControlRect(part, option, QStyle.SubControl.SC_SliderGroove, self)
            room = groove.width() - handle.width()
            place = at.x() - groove.x() - handle.width() // 2
            self.setValue(QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), place, room))
        super().mousePressEvent(event)


class ReplayBar(QWidget):
    """A slider over the run, play and hold, and the speed. Only there for a run that has ended."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setObjectName("replay")
        self._session = session
        self._end_s = 0.0
        self._at_s = 0.0
        self._moment_s: float | None = None
        self._then = 0.0
        self._away = False
        self.play = QPushButton("Replay")
        self.play.setCheckable(True)
        self.play.setToolTip("Play the run again from the log, from where the slider stands.")
        self.slider = TimeSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setMinimumWidth(_LEAST_SLIDER_PX)
        self.slider.setSingleStep(_STEPS // 100)
        self.slider.setPageStep(_STEPS // 10)
        self.slider.setAccessibleName("Time in the run")
        self.speed = QComboBox()
        self.speed.setAccessibleName("Speed of the replay")
        for factor in SPEEDS:
            self.speed.addItem(f"×{factor}", factor)
        self.speed.setCurrentIndex(1)
        self.clock = QLabel()
        self.whole = QPushButton("Whole run")
        self.whole.setToolTip("Back to the end of the run, with all of it in view.")
        layout = self._row = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.play, self.speed):
            layout.addWidget(widget)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.clock)
        layout.addWidget(self.whole)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        self.play.toggled.connect(self._play)
        self.slider.valueChanged.connect(self._moved)
        self.whole.clicked.connect(self.show_whole)
        session.watch.moved.connect(self._on_moment)
        session.pictured.connect(self._on_picture)
        session.run_shown.connect(self._on_run)
        session.state_changed.connect(self._show)
        self._show()

    def set_out_of_the_way(self, away: bool) -> None:
        """Whether there is no room for it."""
        self._away = away
        self._show()

    def show_whole(self) -> None:
        """Back to all that the log holds."""
        self.play.setChecked(False)
        self._at_s = self._end_s
        self._set_slider()
        self._session.watch.live()

    @Slot(object)
    def _on_run(self, _run_id: int | None) -> None:
        self.play.setChecked(False)
        self._end_s = self._at_s = 0.0
        self._moment_s = None
        self._show()

    @Slot(object)
    def _on_moment(self, at_s: float | None) -> None:
        """Somebody, perhaps an act that is presented, has gone to a moment of the run."""
        self._moment_s = at_s
        self._go_to_moment()

    def _go_to_moment(self) -> None:
        self._at_s = self._end_s if self._moment_s is None else min(self._moment_s, self._end_s)
        self._set_slider()

    @Slot(object)
    def _on_picture(self, picture: Picture) -> None:
        record = picture.record
        self._end_s = record.virtual_us / 1e6
        if self.play.isChecked():
            self._set_slider()
        else:
            self._go_to_moment()
        self._show()

    @Slot()
    def _show(self) -> None:
        self.setVisible(self._end_s > 0 and not self._session.steering and not self._away)
        if self._session.steering:
            self.play.setChecked(False)

    @Slot(bool)
    def _play(self, playing: bool) -> None:
        self.play.setText("Hold" if playing else "Replay")
        if not playing:
            self._timer.stop()
            return
        if self._at_s >= self._end_s:
            self._at_s = 0.0
        self._then = monotonic()
        self._timer.start()

    @Slot()
    def _tick(self) -> None:
        now = monotonic()
        self._at_s = min(self._at_s + (now - self._then) * float(self.speed.currentData()), self._end_s)
        self._then = now
        self._set_slider()
        if self._at_s >= self._end_s:
            self.show_whole()
        else:
            self._session.watch.show_at(self._at_s)

    @Slot(int)
    def _moved(self, value: int) -> None:
        """By the user's hand."""
        self._at_s = self._end_s * value / _STEPS
        self._tell()
        if value == _STEPS:
            self._session.watch.live()
        else:
            self._session.watch.show_at(self._at_s)

    def _set_slider(self) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(round(_STEPS * self._at_s / self._end_s) if self._end_s else 0)
        self.slider.blockSignals(False)
        self._tell()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Where there is little room, the slider's end does what the button at its right does."""
        super().resizeEvent(event)
        self.whole.setVisible(event.size().width() >= self._roomy())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As narrow as it is without the button that a narrow one goes without."""
        hint = super().minimumSizeHint()
        spare = 0 if self.whole.isHidden() else self.whole.sizeHint().width() + self._row.spacing()
        return QSize(hint.width() - spare, hint.height())

    def _roomy(self) -> int:
        others = (self.play, self.speed, self.slider, self.clock, self.whole)
        return sum(each.sizeHint().width() for each in others) + 4 * self._row.spacing()

    def _tell(self) -> None:
        end = clock(self._end_s)
        self.clock.setMinimumWidth(self.clock.fontMetrics().horizontalAdvance(f"{end} of {end} "))
        self.clock.setText(f"{clock(self._at_s)} of {clock(self._end_s)}")


def clock(seconds: float) -> str:
    """Virtual time as m:ss, or h:mm:ss from an hour on."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
