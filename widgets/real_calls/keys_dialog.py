"""The dialog Keys: what keys for real calls there are, where they may go and where they are; add, test, rename, delete.

A key store may wait for a person to unlock it, so all that touches it is done off the GUI thread, one thing at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QInputDialog,
    QMessageBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.providers.key_trial import Verdict, try_key
from app.providers.keys import KeyEntry, Keys
from widgets.background import Job
from widgets.dialogs import message_box, push_button
from widgets.foreign_text import in_a_cell
from widgets.real_calls.key_form import KeyForm, NewKey
from widgets.tasks import Tasks
from widgets.trial.labels import plain_label

_SIZE: Final = QSize(720, 420)
_PLACES: Final = {
    "environment": "environment variable",
    "memory": "memory, until Seatrial ends",
    "store": "the system's key store",
}
_TONES: Final = {"accepted": "ok", "refused": "danger", "unreachable": "danger", "unclear": "warn"}
_EMPTY: Final = "There are no keys. Real calls to most providers need one; a simulation needs none."


class _Found(NamedTuple):
    """What there is after something was done, and what to say of it."""

    entries: list[KeyEntry]
    where: str
    store_problem: str
    told: str
    tone: str


class KeysDialog(QDialog):
    """Attributes: `table`, `told` (what came of the last thing done), `where`, and the buttons `add`, `test`, `rename` and
    `delete`."""

    def __init__(self, parent: QWidget, keys: Keys) -> None:
        super().__init__(parent)
        self.setObjectName("keys")
        self.setWindowTitle("Keys for real calls")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._keys = keys
        self._entries: list[KeyEntry] = []
        self._store_problem = ""
        self._form: KeyForm | None = None
        self._tasks = Tasks(self)
        self._tasks.failed.connect(self._show_failure)
        self._lay_out()
        self._do(lambda: ("", ""))

    def _lay_out(self) -> None:
        intro = plain_label(
            "Each key goes to the one host that it was given for, and to no other. No part of a key is shown, or kept in "
            "scenarios, runs and reports.",
            wraps=True,
        )
        self.table = QTableWidget(0, 3)
        self.table.setObjectName("keys_table")
        self.table.setAccessibleName("Keys")
        self.table.setHorizontalHeaderLabels(["Name", "Goes to", "Is kept in"])
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.itemSelectionChanged.connect(self._show_buttons)
        self.empty = plain_label(_EMPTY, role="caption", wraps=True)
        self.told = plain_label(wraps=True)
        self.told.setObjectName("keys_told")
        self.where = plain_label(role="caption", wraps=True)
        self.where.setObjectName("keys_where")
        row = QHBoxLayout()
        self.add = push_button("keys_add", "&Add…", self._ask_for_one)
        self.test = push_button("keys_test", "&Test", self._test)
        self.rename = push_button("keys_rename", "&Rename…", self._ask_for_name)
        self.delete = push_button("keys_delete", "&Delete…", self._ask_whether)
        for button in (self.add, self.test, self.rename, self.delete):
            row.addWidget(button)
        row.addStretch()
        self.test.setToolTip("Asks the address for its list of models, which costs nothing.")
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(intro)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.empty, 1, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(row)
        layout.addWidget(self.told)
        layout.addWidget(self.where)
        layout.addWidget(close)
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))

    def done(self, result: int) -> None:
        """What is under way ends unheard."""
        self._tasks.cancel()
        super().done(result)

    # -- doing ------------------------------------------------------------------------------------------

    def _do(self, what: Callable[[], tuple[str, str]], busy: str = "") -> None:
        """Do it off the GUI thread, and show what there is then. It returns what to say, and in which tone."""
        keys = self._keys

        def work(_job: Job) -> _Found:
            told, tone = what()
            return _Found(keys.entries(), keys.where, keys.store_problem, told, tone)

        self._say(busy)
        self._tasks.start(work, self._show)
        self._show_buttons()

    def _change(self, change: Callable[[], object], told: str) -> None:
        """Change something of the keys, and tell of it when it is done."""

        def work() -> tuple[str, str]:
            change()
            return told, ""

        self._do(work)

    @Slot(object)
    def _show(self, found: _Found) -> None:
        chosen = self._chosen()
        self._entries = found.entries
        self._store_problem = found.store_problem
        self.table.setRowCount(len(found.entries))
        for row, entry in enumerate(found.entries):
            place = _PLACES[entry.where]
            texts = (entry.name, entry.address, place if entry.used else f"{place}; another one goes first")
            for column, text in enumerate(texts):
                item = QTableWidgetItem(in_a_cell(text))
                item.setToolTip(in_a_cell(text))
                self.table.setItem(row, column, item)
        names = [entry.name for entry in found.entries]
        if names:
            self.table.selectRow(names.index(chosen.name) if chosen and chosen.name in names else 0)
        self.table.setVisible(bool(names))
        self.empty.setVisible(not names)
        self.where.setText(found.where)
        self._say(found.told, found.tone)
        if self._form is not None:
            self._form.accept()
            self._form = None
        self._show_buttons()

    @Slot(object)
    def _show_failure(self, error: UserError) -> None:
        if self._form is not None:
            self._form.show_problem(error)
            self._say("")
        else:
            self._say(str(error), "danger")
        self._show_buttons()

    @Slot()
    def _show_buttons(self) -> None:
        idle = not self._tasks.busy
        entry = self._chosen()
        self.add.setEnabled(idle)
        self.test.setEnabled(idle and entry is not None)
        ours = entry is not None and entry.where != "environment"
        for button in (self.rename, self.delete):
            button.setEnabled(idle and ours)
            button.setToolTip("" if ours or entry is None else "It comes from a variable of the environment.")

    def _say(self, text: str, tone: str = "") -> None:
        self.told.setText(text)
        self.told.setProperty("tone", tone or "muted")
        self.told.style().polish(self.told)

    def _chosen(self) -> KeyEntry | None:
        row = self.table.currentRow()
        return self._entries[row] if 0 <= row < len(self._entries) else None

    # -- what the buttons do ----------------------------------------------------------------------------

    @Slot()
    def _ask_for_one(self) -> None:
        self._form = KeyForm(self, self._store_problem)
        self._form.filled.connect(self._add)
        self._form.rejected.connect(self._forget_form)
        self._form.open()

    @Slot()
    def _forget_form(self) -> None:
        self._form = None

    @Slot(object)
    def _add(self, new: NewKey) -> None:
        keys = self._keys

        def add() -> tuple[str, str]:
            entry = keys.add(new.name, new.address, new.key, store=new.store)
            return f"'{entry.name}' was added. Test it to see whether {entry.origin} accepts it.", ""

        self._do(add)

    @Slot()
    def _test(self) -> None:
        entry = self._chosen()
        if entry is not None:
            keys = self._keys

            def test() -> tuple[str, str]:
                verdict: Verdict = try_key(entry.address, keys.key(entry.name))
                return verdict.told, _TONES[verdict.answered]

            self._do(test, f"Asking {entry.origin}…")

    @Slot()
    def _ask_for_name(self) -> None:
        entry = self._chosen()
        if entry is None:
            return
        asked = QInputDialog(self)
        asked.setObjectName("key_rename")
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.setWindowTitle("Rename a key")
        asked.setLabelText("New name:")
        asked.setTextValue(entry.name)
        asked.textValueSelected.connect(self._rename)
        asked.open()

    @Slot(str)
    def _rename(self, name: str) -> None:
        entry = self._chosen()
        if entry is not None and name.strip() != entry.name:
            self._change(
                partial(self._keys.rename, entry.name, name),
                f"'{entry.name}' is called '{name.strip()}' now.",
            )

    @Slot()
    def _ask_whether(self) -> None:
        entry = self._chosen()
        if entry is None:
            return
        box = message_box(
            self,
            "key_delete",
            "Delete a key",
            f"Delete '{in_a_cell(entry.name)}'?",
            f"Calls to {entry.origin} will have no key. It still works for whoever else has it: "
            "revoke it at the provider if that may be somebody.",
        )
        delete = box.addButton("&Delete", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        delete.clicked.connect(self._delete)
        box.open()

    @Slot()
    def _delete(self) -> None:
        entry = self._chosen()
        if entry is not None:
            self._change(partial(self._keys.delete, entry.name), f"'{entry.name}' was deleted.")
