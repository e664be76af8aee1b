"""The alert toggle of the card "Unwatched": monitoring on or off, for each variant."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.safeguards.matrix import ROWS
from app.scenario.model import Scenario, variant_title
from widgets.focus import put_last
from widgets.trial.flow import FlowLayout
from widgets.trial.labels import plain_label
from widgets.trial.safeguards_panel import SafeguardCell
from widgets.trial.switchboard import Switchboard


class AlertSwitches(QWidget):
    """Attribute: `cells` (SafeguardCell by variant). `before` is the widget of `parent` that Tab comes from."""

    def __init__(self, switchboard: Switchboard, before: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("alert_switches")
        self._switchboard = switchboard
        self._before = before
        self._row = next(row for row in ROWS if row.kind == "monitoring")
        self._titles: list[tuple[str, str]] = []
        self.cells: dict[str, SafeguardCell] = {}
        switches = QWidget()
        self._flow = FlowLayout(switches, gap=6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(plain_label("Alerts, which monitoring gives, for:", role="caption", wraps=True))
        layout.addWidget(switches)
        switchboard.changed.connect(self.show_scenario)
        if switchboard.loaded:
            self.show_scenario(switchboard.scenario)

    @Slot(object)
    def show_scenario(self, scenario: Scenario) -> None:
        """Show which variants have monitoring at work; the switches are made anew where the variants are others."""
        titles = [(name, variant_title(name, variant)) for name, variant in scenario.variants.items()]
        if titles != self._titles:
            self._titles = titles
            self._rebuild()
        for cell in self.cells.values():
            cell.show_scenario(scenario)

    def _rebuild(self) -> None:
        for old in self.cells.values():
            self._flow.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.cells = {}
        for name, title in self._titles:
            cell = self.cells[name] = SafeguardCell(self._row, name, title, self._switchboard)
            cell.setObjectName(f"alerts_{name}")
            cell.setText(title.replace("&", "&&"))
            self._flow.addWidget(cell)
        put_last([self._before], list(self.cells.values()))
