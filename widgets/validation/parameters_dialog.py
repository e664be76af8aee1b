"""The parameters of one known result, to be changed: the keys that `seatrial validate NAME --set` takes."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.analysis.validation.base import KnownResult
from app.analysis.validation.parameters import Parameter, parameters_of, settings_of
from app.analysis.validation.results import cases_of
from app.errors import UserError
from widgets.inputs.error_box import ErrorBox
from widgets.trial.labels import plain_label

_CHARS: Final = 16


class ParametersDialog(QDialog):
    """Shows a case. `confirmed(KnownResult)` comes for values that fit; others are refused with the reason.

    Attributes: `fields` (by key), `error`.
    """

    confirmed = Signal(object)

    def __init__(self, case: KnownResult, parent: QWidget) -> None:
        super().__init__(parent)
        self._case = case
        self.setObjectName("validation_parameters")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Parameters: {case.title}")
        self.fields: dict[str, QLineEdit | QComboBox] = {}
        inside = QWidget()
        form = QFormLayout(inside)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        now = settings_of(case)
        for each in parameters_of(type(case)):
            self._add(form, each, now.get(each.key, ""))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        self.error = ErrorBox(self)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        run = buttons.addButton("&Run this one", QDialogButtonBox.ButtonRole.AcceptRole)
        run.setObjectName("validation_run_one")
        run.setProperty("role", "primary")
        buttons.accepted.connect(self._confirm)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        about = " ".join((type(case).__doc__ or "").split())
        layout.addWidget(plain_label(about, wraps=True))
        layout.addWidget(area, 1)
        layout.addWidget(self.error)
        layout.addWidget(buttons)
        self.resize(QSize(560, 440).boundedTo(parent.size()).expandedTo(QSize(320, 240)))

    def _add(self, form: QFormLayout, parameter: Parameter, value: str) -> None:
        field: QLineEdit | QComboBox
        if parameter.choices:
            field = QComboBox()
            field.addItems(parameter.choices)
            field.setCurrentText(value)
        else:
            field = QLineEdit(value)
            field.setMaximumWidth(self.fontMetrics().averageCharWidth() * _CHARS)
        field.setObjectName(f"parameter_{parameter.key}")
        field.setAccessibleName(parameter.key)
        self.fields[parameter.key] = field
        label = QLabel(parameter.key)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setBuddy(field)
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(field)
        row.addWidget(plain_label(parameter.bounds, role="caption"), 1)
        form.addRow(label, line)

    def value(self, key: str) -> str:
        """What a field holds."""
        field = self.fields[key]
        return field.currentText() if isinstance(field, QComboBox) else field.text().strip()

    @Slot()
    def _confirm(self) -> None:
        settings = [f"{key}={value}" for key in self.fields if (value := self.value(key))]
        try:
            (case,) = cases_of(self._case.name, settings or [f"seed={self._case.seed}"])
        except UserError as error:
            self.error.tell(error)
            return
        self.confirmed.emit(case)
        self.accept()
