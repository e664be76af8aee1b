"""How much traffic comes: a level to pick, a slider to multiply it, and the rate in words.

A scenario says its rate as a level, a number, or points over time; a picked level takes the place of whichever it is in a
single setting, so that it can change while a run goes. The slider is `traffic.factor`.
"""

from __future__ import annotations

from math import log10
from typing import Any, Final

import numpy as np
from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtWidgets import QComboBox, QSizePolicy, QSlider, QWidget

from app.scenario.model import Scenario
from app.traffic.settings import LEVELS, LevelName, Traffic
from widgets.trial.flow import FlowLayout
from widgets.trial.labels import SteadyLabel, plain_label
from widgets.trial.switchboard import Setting, Switchboard

_STEPS: Final = 100
"""Steps of the slider for a factor of ten."""
_AS_IT_IS: Final = "As in scenario"


class TrafficPanel(QWidget):
    """Shows and flips the traffic of a switchboard's scenario."""

    def __init__(self, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("traffic_panel")
        self._switchboard = switchboard
        self._at_s = 0.0
        layout = FlowLayout(self)
        label = plain_label("Traffic")
        self.level = QComboBox()
        self.level.setObjectName("traffic_level")
        self.level.setAccessibleName("Level of traffic")
        self.level.setToolTip("How many customers there are. It changes at once, also while a run goes.")
        self.level.addItem(_AS_IT_IS, None)
        self.level.setItemData(0, "As the scenario's file has it.", Qt.ItemDataRole.ToolTipRole)
        for name, level in LEVELS.items():
            self.level.addItem(level.label, name)
            words = f"{level.sentence} {level.active_users:,} people at once, {in_words(level.rate_per_s)}."
            self.level.setItemData(self.level.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
        label.setBuddy(self.level)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("traffic_factor")
        self.slider.setAccessibleName("Traffic, times")
        self.slider.setRange(-_STEPS, _STEPS)
        self.slider.setSingleStep(5)
        self.slider.setPageStep(30)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setTickInterval(_STEPS)
        self.slider.setTracking(False)
        self.slider.setMinimumWidth(90)
        self.slider.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.slider.setToolTip("A tenth of it to ten times as much; in the middle it is as it was.")
        self.rate = SteadyLabel("88.8 requests a second")
        self.rate.setObjectName("traffic_rate")
        for widget in (label, self.level, self.slider, self.rate):
            layout.addWidget(widget)
        self.level.activated.connect(self._pick)
        self.slider.valueChanged.connect(self._slide)
        self.slider.sliderMoved.connect(self._preview)
        switchboard.changed.connect(self.show_scenario)
        if switchboard.loaded:
            self.show_scenario(switchboard.scenario)

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show its traffic."""
        traffic = scenario.traffic
        with QSignalBlocker(self.level), QSignalBlocker(self.slider):
            level = level_of(traffic, self._switchboard.original.traffic)
            self.level.setCurrentIndex(max(0, self.level.findData(level)))
            if not self.slider.isSliderDown():
                self.slider.setValue(_position(traffic.factor))
        self._tell(traffic)

    def show_time(self, at_s: float) -> None:
        """Tell the rate at this virtual time from now on; a rate may change over time by itself."""
        if at_s != self._at_s:
            self._at_s = at_s
            self._tell(self._switchboard.scenario.traffic)

    def _tell(self, traffic: Traffic) -> None:
        replayed = traffic.trace is not None and not traffic.has_rate
        words = "as in the trace" if replayed else in_words(rate_per_s(traffic, self._at_s))
        if traffic.users is not None:
            words = f"{traffic.users.count:,} users"
        if words != self.rate.text():
            self.rate.setText(words)
            self.slider.setAccessibleDescription(words)

    @Slot(int)
    def _pick(self, index: int) -> None:
        name = self.level.itemData(index)
        board = self._switchboard
        setting = level_setting(board.scenario.traffic, board.original.traffic, name)
        board.flip([setting], f"Traffic: {self.level.itemText(index)}")

    @Slot(int)
    def _slide(self, position: int) -> None:
        factor = _factor(position)
        self._switchboard.flip([("traffic.factor", factor)], f"Traffic ×{factor:g}", sliding=True)

    @Slot(int)
    def _preview(self, position: int) -> None:
        self._tell(self._switchboard.scenario.traffic.model_copy(update={"factor": _factor(position)}))


def level_setting(now: Traffic, original: Traffic, level: LevelName | None) -> Setting:
    """The one setting that makes `level` the traffic; None: what the scenario's file has."""
    if now.level is not None:
        return "traffic.level", original.level if level is None else level
    rate = None if level is None else LEVELS[level].rate_per_s
    if now.rate_per_s is not None:
        return "traffic.rate_per_s", original.rate_per_s if rate is None else rate
    points: Any = [{"at_s": 0, "rate_per_s": rate}]
    return "traffic.points", original.model_dump(mode="json")["points"] if rate is None else points


def level_of(now: Traffic, original: Traffic) -> LevelName | None:
    """The level that the traffic is at; None where it is as the scenario's file has it, or at none."""
    if (now.level, now.rate_per_s, now.points) == (original.level, original.rate_per_s, original.points):
        return None
    if now.level is not None:
        return now.level
    rates = {now.rate_per_s} if now.points is None else {point.rate_per_s for point in now.points}
    return next((name for name, level in LEVELS.items() if rates == {level.rate_per_s}), None)


def rate_per_s(traffic: Traffic, at_s: float) -> float:
    """How many requests a second arrive on average in the second after `at_s`."""
    at_us = round(at_s * 1e6)
    before, after = traffic.profile().integral(np.array([at_us, at_us + 1_000_000], dtype=np.int64))
    return float(after - before)


def in_words(per_s: float) -> str:
    """A rate as a person would say it."""
    per, unit = (per_s, "second") if per_s >= 0.95 or per_s == 0 else (per_s * 60, "minute")
    number = f"{per:,.0f}" if per >= 10 else f"{per:.1f}".removesuffix(".0")
    return f"{number} {'request' if number == '1' else 'requests'} a {unit}"


def _factor(position: int) -> float:
    return float(f"{10 ** (position / _STEPS):.3g}")


def _position(factor: float) -> int:
    """Where the slider stands for a factor; at an end for one that it cannot reach."""
    return -_STEPS if factor <= 0 else max(-_STEPS, min(_STEPS, round(log10(factor) * _STEPS)))
