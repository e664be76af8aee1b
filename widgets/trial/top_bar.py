"""The bar on top of the trial: run, pause and stop, speed, traffic, the run's clock, the seed, and that it is simulated."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QActionGroup, QFocusEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QToolButton, QWidget

from app.analysis.summary import usd
from app.scenario.model import Scenario
from widgets.actions import Actions
from widgets.foreign_text import in_a_cell
from widgets.trial.flow import FlowLayout
from widgets.trial.labels import SteadyLabel, plain_label
from widgets.trial.seed_box import SeedBox
from widgets.trial.switchboard import Switchboard
from widgets.trial.traffic_panel import TrafficPanel

_SIMULATED: Final = "No real model is called and nothing leaves this machine."
_REAL: Final = "Real models are called, over the network, and cost money."
_SPENT: Final = "What the real calls have cost so far, and what they may cost at the most."
_SPEEDS: Final = {"speed_1": "×1", "speed_10": "×10", "speed_max": "max"}


class TopBar(QWidget):
    """Its buttons are the actions run, pause, stop and speed_*; whoever carries them out enables and checks those.

    Attributes: `traffic`, `clock`, `seed`, `badge`, `spent`.
    """

    def __init__(self, actions: Actions, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("top_bar")
        self._switchboard = switchboard
        layout = FlowLayout(self, gap=10)
        stop = StopButton()
        steer = [_button(actions, "run"), _button(actions, "pause"), _button(actions, "stop", stop)]
        steer[0].setProperty("role", "primary")
        self._run = steer[0]
        self._landed: QWidget | None = None
        stop.given_up.connect(self._note_landing, Qt.ConnectionType.QueuedConnection)
        actions["run"].enabledChanged.connect(self._go_to_run)
        layout.addWidget(_together(steer))
        speeds = []
        group = QActionGroup(self)
        for name, short in _SPEEDS.items():
            actions[name].setIconText(short)
            group.addAction(actions[name])
            speeds.append(_button(actions, name))
        self._speeds = _together(speeds)
        layout.addWidget(self._speeds)
        self.traffic = TrafficPanel(switchboard)
        layout.addWidget(self.traffic)
        self.clock = SteadyLabel("00:00 of 00:00")
        self.clock.setObjectName("run_clock")
        self.clock.setToolTip("Virtual time: how far the run is, and when its last request arrives.")
        layout.addWidget(self.clock)
        self.seed = SeedBox()
        self.seed.setObjectName("seed")
        self.seed.setAccessibleName("Seed")
        self.seed.edited.connect(self._flip_seed)
        self._seed = _together([plain_label("Seed"), self.seed])
        layout.addWidget(self._seed)
        self.badge = plain_label("SIMULATED", role="badge")
        self.badge.setObjectName("badge")
        layout.addWidget(self.badge)
        self.spent = plain_label()
        self.spent.setObjectName("spent")
        self.spent.hide()
        layout.addWidget(self.spent)
        self.show_badge("SIMULATED", real=False)
        self._brief, self._speeds_offered = False, True
        self._of_run = False
        self._wants_real = False
        self._spent = ""
        self._clock_before = ""
        self.set_running(False)
        switchboard.changed.connect(self.show_scenario)
        if switchboard.loaded:
            self.show_scenario(switchboard.scenario)

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show its seed, and how long it takes, unless the clock is a run's."""
        self.seed.show_value(scenario.seed)
        if not self._running and not self._of_run:
            badge = "REAL CALLS" if self._wants_real else "SIMULATED"
            if scenario.traffic.users is not None:
                badge += ", CLOSED LOOP"
            self.show_badge(badge, real=self._wants_real)
            self.show_progress(0, scenario.duration_s)

    def show_badge(self, text: str, *, real: bool, where: str = "") -> None:
        """Say whether it is simulated; real calls have a colour of their own, and the tooltip says where they go."""
        self.badge.setText(text)
        told = f"{_REAL} They go to {in_a_cell(where)}." if where else _REAL
        self.badge.setToolTip(f"<span>{escape(told)}</span>" if real else _SIMULATED)
        if self.badge.property("real") != real:
            self.badge.setProperty("real", real)
            self.badge.style().polish(self.badge)

    def show_choice(self, real: bool) -> None:
        """Whether the next run is to make real calls: the badge says so as long as no run is shown."""
        self._wants_real = real
        if self._switchboard.loaded:
            self.show_scenario(self._switchboard.scenario)

    def show_spent(self, spent_usd: float, cap_usd: float, turn: str = "", whose: str = "") -> None:
        """Show what the real calls have cost; where variants take turns, also which `turn` it is, and `whose`."""
        self._spent = f"{usd(spent_usd)} of {usd(cap_usd)} spent"
        self.spent.setText(f"{self._spent}, {turn}" if turn else self._spent)
        told = f"{_SPENT} It is the turn of {in_a_cell(whose)}." if whose else _SPENT
        self.spent.setToolTip(f"<span>{escape(told)}</span>")
        self.spent.show()

    def show_run(self, shown: bool) -> None:
        """Whether a run is shown: the clock is its, then, whatever becomes of the scenario."""
        self._of_run = shown
        self.spent.hide()
        if not shown and self._switchboard.loaded:
            self.show_scenario(self._switchboard.scenario)

    def show_progress(self, virtual_s: float, end_s: float) -> None:
        """Show how far a run is, in virtual seconds, and when its last request arrives."""
        self.clock.setText(f"{clock(min(virtual_s, end_s))} of {clock(end_s)}")
        if self._switchboard.loaded:
            self.traffic.show_time(min(virtual_s, end_s))

    def set_starting(self, starting: bool) -> None:
        """Whether a run is being prepared: the clock is nobody's then, for the run before it is still shown."""
        if starting:
            self._clock_before = self.clock.text()
            self.clock.setText("Starting…")
        elif self.clock.text() == "Starting…":
            self.clock.setText(self._clock_before)

    def offer_speeds(self, offered: bool) -> None:
        """Whether there is a speed to choose. Real calls have none, and need the room for what was spent."""
        self._speeds_offered = offered
        self._speeds.setVisible(offered and not self._brief)

    def set_brief(self, brief: bool, *, presenting: bool) -> None:
        """Where there is little room, leave out the speeds, which the menu has, too, the seed, and while presenting the
        traffic."""
        self._brief = brief
        self.offer_speeds(self._speeds_offered)
        self._seed.setVisible(not brief)
        self.traffic.setVisible(not (brief and presenting))

    def set_running(self, running: bool) -> None:
        """Whether a run goes: its seed cannot change then."""
        self._running = running
        if not running:
            self.spent.setText(self._spent)  # it is nobody's turn any more
            self.spent.setToolTip(_SPENT)
        self.seed.setEnabled(not running)
        self.seed.setToolTip(
            "A run keeps its seed. Stop it to choose another."
            if running
            else "The same seed gives the same requests and the same failures again."
        )

    @Slot()
    def _note_landing(self) -> None:
        """Stop was pressed, and Qt has given the keyboard to whatever comes next: Run is to have it, once it can."""
        self._landed = QApplication.focusWidget()
        self._go_to_run()

    @Slot()
    def _go_to_run(self) -> None:
        if self._landed is None or not self._run.isEnabled():
            return
        if QApplication.focusWidget() is self._landed:
            self._run.setFocus(Qt.FocusReason.OtherFocusReason)
        self._landed = None

    @Slot(object)
    def _flip_seed(self, seed: int) -> None:
        self._switchboard.flip([("seed", seed)], f"Seed {seed}", sliding=True)


class StopButton(QToolButton):
    """`given_up` comes when it loses the keyboard because it can no longer be pressed."""

    given_up = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Tell it apart from the user's own leaving."""
        super().focusOutEvent(event)
        if not self.isEnabled():
            self.given_up.emit()


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour on."""
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _button(actions: Actions, name: str, button: QToolButton | None = None) -> QToolButton:
    button = button or QToolButton()
    button.setObjectName(f"{name}_button")
    button.setDefaultAction(actions[name])
    button.setAccessibleName(actions[name].text().replace("&", ""))
    return button


def _together(widgets: Sequence[QWidget]) -> QWidget:
    """Widgets that stay side by side when the bar goes on in a new row."""
    group = QWidget()
    row = QHBoxLayout(group)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(4)
    for widget in widgets:
        row.addWidget(widget)
    return group
