"""The left dock's part on the provider: simulated, or real calls, and where those would go.

It chooses and asks nothing of the network. A scenario that is opened is simulated until somebody chooses otherwise, and each
run of real calls is confirmed for itself (`confirm_dialog`).
"""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QButtonGroup, QPushButton, QRadioButton, QVBoxLayout, QWidget

from app.scenario.model import Scenario
from widgets.foreign_text import breakable
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Switchboard

_SIMULATED = "Nothing leaves this machine, and nothing costs money."
_BUSY = "A run goes on. It keeps the provider that it began with."


class ProviderPanel(QWidget):
    """Attributes: `simulated`, `real` (buttons), `told`, `places`.

    Signals: `real_chosen(bool)`; `places_wanted` when the user wants to say where calls go.
    """

    real_chosen = Signal(bool)
    places_wanted = Signal()

    def __init__(self, switchboard: Switchboard, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("provider_panel")
        self._switchboard = switchboard
        self.simulated = QRadioButton("Simulated")
        self.simulated.setObjectName("provider_simulated")
        self.simulated.setChecked(True)
        self.real = QRadioButton("Real calls")
        self.real.setObjectName("provider_real")
        group = QButtonGroup(self)
        for button in (self.simulated, self.real):
            group.addButton(button)
        self.told = plain_label(_SIMULATED, role="caption", wraps=True)
        self.told.setObjectName("provider_told")
        self.places = QPushButton("Where calls go…")
        self.places.setObjectName("provider_places")
        self.places.setToolTip("Address, API, model and price of each target.")
        self.places.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(plain_label("Provider", role="heading"))
        for widget in (self.simulated, self.real, self.told, self.places):
            layout.addWidget(widget)
        self.real.toggled.connect(self._on_chosen)
        self.places.clicked.connect(self.places_wanted)
        switchboard.changed.connect(self._show)

    @property
    def wants_real(self) -> bool:
        """Whether the next run is to make real calls."""
        return self.real.isChecked()

    def forget(self) -> None:
        """Another scenario is open: whatever was chosen was for the one before it."""
        self.simulated.setChecked(True)

    def set_running(self, running: bool) -> None:
        """Whether a run goes: its provider cannot change."""
        for widget in (self.simulated, self.real, self.places):
            widget.setEnabled(not running)
            widget.setToolTip(_BUSY if running else "")

    @Slot(bool)
    def _on_chosen(self, real: bool) -> None:
        self._show()
        self.real_chosen.emit(real)

    @Slot()
    def _show(self) -> None:
        real = self.wants_real
        self.places.setVisible(real)
        if not real or not self._switchboard.loaded:
            self.told.setText(_SIMULATED)
            return
        scenario = self._switchboard.scenario
        open_ones = unplaced(scenario)
        if open_ones:
            told = f"Say first where calls to {', '.join(open_ones)} go."
        else:
            told = "\n".join(f"{name}: {place}" for name, place in places(scenario).items())
            told += "\nThey cost money. You are asked before the first one is made."
        self.told.setText(breakable(told))


def places(scenario: Scenario) -> dict[str, str]:
    """By target: the model and the address that real calls to it go to."""
    return {
        name: f"{target.model} at {target.endpoint.base_url}"
        for name, target in scenario.targets.items()
        if target.endpoint is not None
    }


def unplaced(scenario: Scenario) -> list[str]:
    """The targets of which it is not known where calls go, or as which model."""
    return [name for name, target in scenario.targets.items() if target.endpoint is None or not target.model]
