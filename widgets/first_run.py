"""The first run: the sample scenario is already going, two callouts say where to look, then it is the user's turn.

Shown once, and again from Help. It never stands in the way: every callout can be closed, and all controls work.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QMainWindow, QWidget

from widgets.appearance import Appearance
from widgets.callout import Callout
from widgets.engine_link import Happened, Progress
from widgets.preferences import Preferences
from widgets.session import Session
from widgets.trial.page import TrialPage

_LOOK_AFTER_S = 14.0
"""Virtual seconds after an incident's begin: its effect is on the charts by then."""


class FirstRun(QObject):
    """Steps: the first switch that flips by itself; the other variant, once an incident has begun; the summary."""

    def __init__(
        self,
        window: QMainWindow,
        appearance: Appearance,
        session: Session,
        trial: TrialPage,
        preferences: Preferences,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._appearance = appearance
        self._session = session
        self._trial = trial
        self._preferences = preferences
        self._callout: Callout | None = None
        self._told: set[str] = set()
        self._incident_s: float | None = None
        self._on = False
        session.happened.connect(self._on_happened)
        session.progressed.connect(self._on_progress)
        session.state_changed.connect(self._on_state)
        session.inputs_changed.connect(self._go_on)

    @property
    def callout(self) -> Callout | None:
        """The callout that is there just now."""
        return self._callout

    def begin(self) -> None:
        """Start the scenario that is open, and watch for the moments to speak."""
        self._told.clear()
        self._incident_s = None
        self._on = True
        self._session.start()

    @Slot(object)
    def _on_happened(self, event: Happened) -> None:
        if not self._on:
            return
        if event.kind == "change" and "switch" not in self._told:
            self._tell(
                "switch",
                self._trial.callout_target("load"),
                "A switch just flipped",
                f"{event.label}. Every switch on this side works while the run goes, and can be undone.",
            )
        elif event.kind == "incident_begin" and self._incident_s is None:
            self._incident_s = event.at_s

    @Slot(object)
    def _on_progress(self, progress: Progress) -> None:
        if (
            self._on
            and self._incident_s is not None
            and progress.virtual_s >= self._incident_s + _LOOK_AFTER_S
        ):
            self._incident_s = float("inf")
            self._tell(
                "other",
                self._trial.callout_target("charts"),
                "Look at the other variant",
                "Above, the prototype; below, the same requests and the same failures with safeguards. "
                "The more blue, the more customers got a good answer.",
            )

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "starting":
            self._go_on()
        if not self._on or state != "idle":
            return
        self._on = False
        self._preferences.shown_around = True
        self._tell(
            "own",
            self._trial.callout_target("inputs"),
            "Now your own",
            "The summary above has the numbers of this run. Load your own prompts and sample data here, and press Run.",
            button="Use my data…",
            do=self._trial.inputs.open_dialog,
        )

    @Slot()
    def _go_on(self) -> None:
        """What the user does next needs no callout of before."""
        if self._callout is not None:
            self._callout.dismiss()

    def _tell(
        self,
        name: str,
        target: QWidget,
        title: str,
        text: str,
        *,
        button: str = "Got it",
        do: Callable[[], object] | None = None,
    ) -> None:
        self._told.add(name)
        self._go_on()
        self._callout = callout = Callout(self._appearance, self._window, target, title, text)
        callout.closed.connect(self._forget)
        if do is not None:
            callout.offer(button, do)

    @Slot()
    def _forget(self) -> None:
        self._callout = None
