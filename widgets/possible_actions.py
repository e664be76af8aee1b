"""Which of the actions that steer a run can be done just now. It carries none of them out."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, Slot

from widgets.actions import Actions
from widgets.session import Session
from widgets.trial.page import TrialPage

_NO_SPEED: Final = "Real calls take the time that they take: there is no speed to choose."


class PossibleActions(QObject):
    """Follows the session's state and the choice of the provider."""

    def __init__(self, parent: QObject, actions: Actions, session: Session, trial: TrialPage) -> None:
        super().__init__(parent)
        self._actions = actions
        self._session = session
        self._trial = trial
        session.state_changed.connect(self._show_state)
        trial.provider.real_chosen.connect(self._show_speeds)
        self._show_state(session.state)

    @Slot(str)
    def _show_state(self, state: str) -> None:
        actions = self._actions
        actions["run"].setEnabled(state == "idle")
        actions["pause"].setEnabled(state in ("running", "paused") and not self._session.server.running)
        # Real calls under way are waited for, and given up when Stop is pressed once more.
        again = state == "stopping" and self._session.real
        actions["stop"].setEnabled(state in ("starting", "running", "paused") or again)
        self._show_speeds()
        pause = actions["pause"]
        pause.blockSignals(True)
        pause.setChecked(state == "paused")
        pause.blockSignals(False)
        actions["export_run"].setEnabled(state == "idle")

    @Slot()
    def _show_speeds(self) -> None:
        """Real calls have no speed."""
        session = self._session
        real = session.real if session.busy else self._trial.provider.wants_real
        for spec in self._actions:
            if spec.id.startswith("speed_"):
                action = self._actions[spec.id]
                action.setEnabled(not real)
                action.setToolTip(_NO_SPEED if real else self._actions.tip(spec))
        self._trial.top_bar.offer_speeds(not real)
