"""How a run begins: a simulated one at once; one of real calls after it is known where they go, and leave is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from widgets.real_calls.leave import Leave
from widgets.real_calls.provider_panel import ProviderPanel, unplaced
from widgets.session import Session

if TYPE_CHECKING:
    from widgets.real_calls.targets_dialog import TargetsDialog


class Beginning(QObject):
    """Begins the session's runs with the provider that the panel says."""

    def __init__(self, window: QWidget, session: Session, panel: ProviderPanel) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._panel = panel
        panel.places_wanted.connect(self.ask_where)

    @Slot()
    def run(self) -> None:
        """Begin a run, or ask what is to be asked before."""
        session = self._session
        if session.busy or not session.switchboard.loaded:
            return
        if not self._panel.wants_real:
            session.start()
        elif unplaced(session.switchboard.scenario):
            self.ask_where().accepted.connect(self._ask)
        else:
            self._ask()

    @Slot()
    def ask_where(self) -> TargetsDialog:
        """Where real calls go, target by target."""
        from widgets.real_calls.targets_dialog import TargetsDialog

        dialog = TargetsDialog(self._window, self._session.switchboard)
        dialog.open()
        return dialog

    @Slot()
    def _ask(self) -> None:
        # Here, because what estimates and what speaks to the network take long to import.
        from widgets.real_calls.confirm_dialog import ConfirmDialog
        from widgets.real_calls.preparation import preparing

        session = self._session
        file = session.file
        if file is None or session.busy or not self._panel.wants_real:
            return
        work = preparing(session.switchboard.base_text(), file.path, session.inputs, session.keys)
        dialog = ConfirmDialog(self._window, work, session.keys)
        dialog.given.connect(self._begin)
        dialog.open()

    @Slot(object)
    def _begin(self, leave: Leave) -> None:
        self._session.start(leave)
