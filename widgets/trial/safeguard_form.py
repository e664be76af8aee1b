"""The settings of one safeguard as a form: a control for each, made from what its settings type says of it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from PySide6.QtCore import QLocale, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QLineEdit, QWidget

from app.safeguards.base import Safeguard
from app.safeguards.fields import SettingField, fields_of
from widgets.trial.labels import plain_label
from widgets.wheel import scroll_past

_UNBOUNDED: Final = 1e9


class SafeguardForm(QWidget):
    """`edited(key, value, words)` comes when the user has changed a setting; nothing is set here. A value of None leaves
    the setting out. Attributes: `on` (check box), `controls` (by key)."""

    edited = Signal(str, object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("safeguard_form")
        self._kind = ""
        self._shown: Safeguard | None = None
        self.controls: dict[str, QWidget] = {}
        self.on = QCheckBox("On")
        self.on.setObjectName("safeguard_on")
        self.on.clicked.connect(self._flip)
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 4, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.addRow(self.on)

    def show_safeguard(self, safeguard: Safeguard) -> None:
        """Show the settings as they are. The controls stay while the safeguard is of the same kind."""
        fields = fields_of(safeguard.kind)
        if safeguard.kind != self._kind:
            self._rebuild(safeguard.kind, fields)
        self._shown = safeguard
        self.on.setChecked(safeguard.on)
        for field in fields:
            if field.key in self.controls:
                _show(self.controls[field.key], field, getattr(safeguard, field.key))

    def _rebuild(self, kind: str, fields: tuple[SettingField, ...]) -> None:
        while self._form.rowCount() > 1:
            self._form.removeRow(1)
        self._kind, self.controls = kind, {}
        before: QWidget = self.on
        for field in fields:
            control = self._control(field)
            if control is None:
                self._form.addRow(
                    plain_label(f"{field.title}: in the scenario's file.", role="caption", wraps=True)
                )
                continue
            control.setObjectName(f"setting_{field.key}")
            control.setAccessibleName(field.title)
            control.setAccessibleDescription(field.about)
            control.setToolTip(field.about.replace("<", "‹") or field.key)
            self.controls[field.key] = control
            label = plain_label(field.title)
            label.setBuddy(control)
            self._form.addRow(label, control)
            QWidget.setTabOrder(before, control)
            before = control

    def _control(self, field: SettingField) -> QWidget | None:
        match field.control:
            case "number":
                box = NumberField(field)
                box.valueChanged.connect(partial(self._number, field, box))
                scroll_past(box)
                return box
            case "switch":
                switch = QCheckBox()
                switch.clicked.connect(partial(self._switch, field, switch))
                return switch
            case "choice":
                choice = QComboBox()
                if field.optional:
                    choice.addItem("none", None)
                for words, value in field.choices:
                    choice.addItem(words, value)
                choice.activated.connect(partial(self._choice, field, choice))
                scroll_past(choice)
                return choice
            case "text" | "names":
                line = QLineEdit()
                if field.control == "names":
                    line.setPlaceholderText("names, parted by commas")
                line.editingFinished.connect(partial(self._text, field, line))
                return line
            case _:
                return None

    @Slot(bool)
    def _flip(self, on: bool) -> None:
        self.edited.emit("on", on, "on" if on else "off")

    def _number(self, field: SettingField, box: NumberField, *_value: float) -> None:
        value = box.number()
        self._edit(field, value, "none" if value is None else f"{value:,.10g} {field.unit}".strip())

    def _switch(self, field: SettingField, switch: QCheckBox, *_checked: bool) -> None:
        on = switch.isChecked()
        self._edit(field, on, "yes" if on else "no")

    def _choice(self, field: SettingField, box: QComboBox, *_place: int) -> None:
        self._edit(field, box.currentData(), box.currentText())

    def _text(self, field: SettingField, line: QLineEdit) -> None:
        text = line.text().strip()
        if field.control == "names":
            names = [each for each in (part.strip() for part in text.split(",")) if each]
            self._edit(field, names or (None if field.optional else []), ", ".join(names) or "none")
        else:
            self._edit(field, text or (None if field.optional else ""), "changed")

    def _edit(self, field: SettingField, value: Any, words: str) -> None:
        now = getattr(self._shown, field.key)
        if value != (list(now) if isinstance(now, tuple) else now):
            self.edited.emit(field.key, value, f"{field.title[:1].lower()}{field.title[1:]} {words}")


class NumberField(QDoubleSpinBox):
    """A number with its unit. One that may be left out has a place below its least for that, which reads "none"."""

    def __init__(self, field: SettingField, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        locale = QLocale()
        locale.setNumberOptions(QLocale.NumberOption.OmitGroupSeparator)
        self.setLocale(locale)
        least = -_UNBOUNDED if field.least is None else field.least
        self.setDecimals(0 if field.whole else 6)
        self.setRange(
            least - 1 if field.optional else least, _UNBOUNDED if field.most is None else field.most
        )
        if field.optional:
            self.setSpecialValueText("none")
        if field.unit == "$":
            self.setPrefix("$ ")
        elif field.unit:
            self.setSuffix(f" {field.unit}")
        if not field.whole and field.most is not None and field.most <= 1:
            self.setSingleStep(0.05)
        else:
            self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)

    def textFromValue(self, value: float) -> str:  # noqa: N802
        """Only as many digits as it takes."""
        return self.locale().toString(value, "g", 10)

    def number(self) -> float | int | None:
        """What it shows; None where that is left out."""
        value = self.value()
        if self._field.optional and value == self.minimum():
            return None
        return round(value) if self._field.whole else value

    def show_number(self, value: float | None) -> None:
        """Show it, without telling anybody."""
        with QSignalBlocker(self):
            self.setValue(self.minimum() if value is None else value)


def _show(control: QWidget, field: SettingField, value: Any) -> None:
    if isinstance(control, NumberField):
        control.show_number(value)
    elif isinstance(control, QCheckBox):
        control.setChecked(bool(value))
    elif isinstance(control, QComboBox):
        control.setCurrentIndex(control.findData(value))
    elif isinstance(control, QLineEdit):
        text = ", ".join(value or ()) if field.control == "names" else value or ""
        if control.text() != text:
            control.setText(text)
