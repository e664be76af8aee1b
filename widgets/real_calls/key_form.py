"""The small dialog that takes a new key: its name, where it may go, the key, and whether to store it."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import SecretStr
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.providers.key_rules import check_key_may_go, origin_of, sound_key
from widgets.trial.labels import plain_label

_WIDTH = 520


class NewKey(NamedTuple):
    """What was filled in."""

    name: str
    address: str
    key: SecretStr
    store: bool


class KeyForm(QDialog):
    """`filled(NewKey)` comes when everything in it is sound; it stays open until `done` or `show_problem` is called.

    Attributes: `name`, `address`, `key`, `store`, `problem`.
    """

    filled = Signal(object)

    def __init__(self, parent: QWidget, store_problem: str, address: str = "", name: str = "") -> None:
        """`store_problem` says why no key can be stored; empty where it can. `address` and `name` are filled in."""
        super().__init__(parent)
        self.setObjectName("key_form")
        self.setWindowTitle("Add a key")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.name = _field("key_name", name, "My account")
        self.address = _field("key_address", address, "https://api.example.com/v1")
        self.key = _field("key_secret", "", "Paste it here")
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.store = QCheckBox("&Store it in the system's key store, for the next time")
        self.store.setObjectName("key_store")
        self.store.setChecked(not store_problem)
        self.store.setEnabled(not store_problem)
        self.problem = plain_label(wraps=True)
        self.problem.setObjectName("key_problem")
        self.problem.setProperty("tone", "danger")
        self.problem.hide()
        self._lay_out(store_problem)

    def _lay_out(self, store_problem: str) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for title, field in (("&Name", self.name), ("&Address", self.address), ("&Key", self.key)):
            label = QLabel(title)
            label.setBuddy(field)
            field.setAccessibleName(title.replace("&", ""))
            form.addRow(label, field)
        told = plain_label(
            "The address is what the provider calls base URL. The key is sent there, and to no other host."
            + (f" It is kept in memory until Seatrial ends: {store_problem}." if store_problem else ""),
            role="caption",
            wraps=True,
        )
        buttons = QDialogButtonBox()
        buttons.addButton("A&dd", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self._check)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(told)
        layout.addWidget(self.store)
        layout.addWidget(self.problem)
        layout.addStretch()
        layout.addWidget(buttons)
        self.setMinimumWidth(_WIDTH)
        (self.key if self.address.text() and self.name.text() else self.name).setFocus()

    def show_problem(self, error: UserError) -> None:
        """Say what is wrong, and put the keyboard where it is."""
        self.problem.setText(str(error))
        self.problem.show()
        {"name": self.name, "endpoint": self.address}.get(error.where, self.key).setFocus()

    def done(self, result: int) -> None:
        """The key does not stay in the field."""
        self.key.clear()
        super().done(result)

    @Slot()
    def _check(self) -> None:
        self.problem.hide()
        if not self.name.text().strip():
            self.show_problem(
                UserError("the key needs a name", where="name", do="Any that you will know again.")
            )
            return
        try:
            check_key_may_go(origin_of(self.address.text()))
            key = sound_key(SecretStr(self.key.text()))
        except UserError as error:
            self.show_problem(error)
            return
        self.filled.emit(NewKey(self.name.text(), self.address.text(), key, self.store.isChecked()))


def _field(name: str, text: str, example: str) -> QLineEdit:
    field = QLineEdit(text)
    field.setObjectName(name)
    field.setPlaceholderText(example)
    return field
