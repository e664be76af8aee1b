"""The form of a calibration: which target, where its calls go, how many, and for how much at the most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QLineEdit, QSpinBox, QWidget

from app.calibration.calibration import CALLS, MAX_CALLS, MAX_CONCURRENCY
from app.providers.profile import Target
from widgets.real_calls.target_form import ADDRESS_TIP, APIS

_MAX_USD: Final = 10_000.0
_NO_CAP: Final = "give a cap"


class CalibrationForm(QWidget):
    """Attributes: the fields `target`, `base_url`, `api`, `model`, `calls`, `concurrency`, `cap`. `changed()` comes when any
    of them does. `fields` has all of them, from the top."""

    changed = Signal()

    def __init__(self, targets: Mapping[str, Target], parent: QWidget) -> None:
        super().__init__(parent)
        self._targets = dict(targets)
        self.fields: list[QWidget] = []
        self.target = QComboBox()
        self.target.addItems(list(targets))
        self.base_url = QLineEdit()
        self.base_url.setPlaceholderText("https://api.example.com/v1")
        self.api = QComboBox()
        for api, title in APIS.items():
            self.api.addItem(title, api)
        self.model = QLineEdit()
        self.calls = QSpinBox()
        self.calls.setRange(1, MAX_CALLS)
        self.calls.setValue(CALLS)
        self.concurrency = QSpinBox()
        self.concurrency.setRange(1, MAX_CONCURRENCY)
        self.cap = QDoubleSpinBox()
        self.cap.setRange(0, _MAX_USD)
        self.cap.setDecimals(2)
        self.cap.setSingleStep(0.1)
        self.cap.setPrefix("$")
        self.cap.setSpecialValueText(_NO_CAP)
        layout = QFormLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for title, name, tip in (
            ("&Target", "target", "Whose profile is to be measured."),
            ("&Address", "base_url", ADDRESS_TIP),
            ("AP&I", "api", "How the endpoint is spoken to."),
            ("&Model", "model", "The model that is asked for."),
            (
                "&Calls",
                "calls",
                "Thirty say something of the median, and hundreds of the slowest in a hundred.",
            ),
            (
                "At a tim&e",
                "concurrency",
                "Calls under way at once. Several are quicker, and may slow one another.",
            ),
            ("Ca&p", "cap", "What all calls together may cost at the most."),
        ):
            field = getattr(self, name)
            self.fields.append(field)
            field.setObjectName(f"calibration_{name}")
            field.setToolTip(tip)
            label = QLabel(title)
            label.setBuddy(field)
            field.setAccessibleName(title.replace("&", ""))
            layout.addRow(label, field)
        self.target.currentTextChanged.connect(self._show_target)
        for signal in (
            self.base_url.textChanged,
            self.api.currentTextChanged,
            self.model.textChanged,
            self.calls.valueChanged,
            self.concurrency.valueChanged,
            self.cap.valueChanged,
        ):
            signal.connect(self._tell)
        self._show_target(self.target.currentText())

    @property
    def complete(self) -> bool:
        """Whether there is enough to reckon with: an address, a model and a cap."""
        return bool(self.base_url.text().strip() and self.model.text().strip() and self.cap.value() > 0)

    def overrides(self) -> list[tuple[str, Any]]:
        """What the form has otherwise than the scenario, as settings of it."""
        name = self.target.currentText()
        target = self._targets[name]
        path = f"targets.{name}"
        address = target.endpoint
        given: list[tuple[str, Any]] = []
        if address is None or address.base_url != self.base_url.text().strip():
            given.append((f"{path}.endpoint.base_url", self.base_url.text().strip()))
        if self.api.currentData() != ("openai-chat" if address is None else address.api):
            given.append((f"{path}.endpoint.api", self.api.currentData()))
        if target.model != self.model.text().strip():
            given.append((f"{path}.model", self.model.text().strip()))
        return given

    @Slot(str)
    def _show_target(self, name: str) -> None:
        target = self._targets[name]
        address = target.endpoint
        self.base_url.setText("" if address is None else address.base_url)
        self.api.setCurrentIndex(self.api.findData("openai-chat" if address is None else address.api))
        self.model.setText(target.model)
        self.changed.emit()

    @Slot()
    def _tell(self) -> None:
        self.changed.emit()
