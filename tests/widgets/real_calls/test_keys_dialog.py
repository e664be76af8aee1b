"""The dialog Keys with a real key store behind it: add, test, rename, delete, and where none can be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keyring.backends import fail
from pydantic import SecretStr
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QInputDialog, QLabel, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.providers.keys import Keys
from tests.providers.key_backends import DictBackend, FailingBackend, system_store
from tests.providers.model_list import listing
from widgets.real_calls.key_form import KeyForm
from widgets.real_calls.keys_dialog import KeysDialog

X = "https://api.x.example"
MARKED = "sk-marked-0815"


@pytest.fixture
def store() -> Iterator[DictBackend]:
    backend = DictBackend()
    with system_store(backend):
        yield backend


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    return widget


Open = Callable[[Keys], KeysDialog]


@pytest.fixture
def opened(parent: QWidget, qtbot: QtBot) -> Open:
    def open_dialog(keys: Keys) -> KeysDialog:
        dialog = KeysDialog(parent, keys)
        dialog.open()
        qtbot.waitUntil(lambda: bool(dialog.where.text()))
        return dialog

    return open_dialog


def form_of(dialog: KeysDialog, qtbot: QtBot) -> KeyForm:
    qtbot.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    form = dialog.findChild(KeyForm)
    assert form is not None
    return form


def fill(form: KeyForm, qtbot: QtBot, name: str, address: str, key: str) -> None:
    for field, text in ((form.name, name), (form.address, address), (form.key, key)):
        field.clear()
        qtbot.keyClicks(field, text)
    press(form, "A&dd", qtbot)


def press(dialog: QDialog, title: str, qtbot: QtBot) -> None:
    (button,) = [each for each in dialog.findChildren(QPushButton) if each.text() == title]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def rows(dialog: KeysDialog) -> list[tuple[str, ...]]:
    table = dialog.table
    cells = [[table.item(row, column) for column in range(3)] for row in range(table.rowCount())]
    return [tuple(cell.text() for cell in line if cell is not None) for line in cells]


def everything_said(dialog: QWidget) -> str:
    return " ".join([label.text() for label in dialog.findChildren(QLabel)] + [dialog.windowTitle()])


def test_a_key_is_added_tested_renamed_and_deleted(
    opened: Open, store: DictBackend, qtbot: QtBot, tmp_path: Path
) -> None:
    keys = Keys(tmp_path, {})
    with listing(MARKED) as server:
        # given the empty dialog, which says what keys are for
        dialog = opened(keys)
        assert dialog.empty.isVisible()
        assert not dialog.test.isEnabled()
        assert "system's key store" in dialog.where.text()
        # when a key is added
        fill(form_of(dialog, qtbot), qtbot, "mine", server.base_url, MARKED)
        qtbot.waitUntil(lambda: bool(rows(dialog)))
        # then it is listed, chosen, and stored
        assert rows(dialog) == [("mine", server.base_url, "the system's key store")]
        assert len(store.kept) == 1
        # and the provider accepts it
        qtbot.mouseClick(dialog.test, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: "accepts the key" in dialog.told.text())
        assert dialog.told.property("tone") == "ok"
    # when it is renamed
    qtbot.mouseClick(dialog.rename, Qt.MouseButton.LeftButton)
    asked = dialog.findChild(QInputDialog)
    assert asked is not None
    asked.setTextValue("ours")
    asked.accept()
    qtbot.waitUntil(lambda: [row[0] for row in rows(dialog)] == ["ours"])
    # and deleted, which is asked once more, with Cancel as the default
    qtbot.mouseClick(dialog.delete, Qt.MouseButton.LeftButton)
    box = dialog.findChild(QMessageBox)
    assert box is not None
    assert box.defaultButton().text().replace("&", "") == "Cancel"
    press(box, "&Delete", qtbot)
    qtbot.waitUntil(lambda: not rows(dialog))
    assert store.kept == {}
    assert dialog.empty.isVisible()


def test_no_part_of_the_key_is_shown(opened: Open, store: DictBackend, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(Keys(tmp_path, {}))
    form = form_of(dialog, qtbot)
    qtbot.keyClicks(form.key, MARKED)
    assert "marked" not in form.key.displayText()
    form.key.selectAll()
    form.key.copy()
    assert "marked" not in QApplication.clipboard().text()
    fill(form, qtbot, "mine", X, MARKED)
    qtbot.waitUntil(lambda: bool(rows(dialog)))
    assert "marked" not in everything_said(dialog) + str(rows(dialog))


@pytest.mark.parametrize(
    ("name", "address", "key", "said", "place"),
    [
        ("", X, MARKED, "needs a name", "name"),
        ("mine", "api.x.example", MARKED, "address", "address"),
        ("mine", "http://api.x.example", MARKED, "unencrypted", "address"),
        ("mine", X, "", "no key was given", "key"),
        ("mine", X, "two words", "signs that no key has", "key"),
        ("taken", X, MARKED, "a key 'taken' already", "name"),
    ],
)
def test_what_is_wrong_is_said_where_it_is_and_the_form_stays(
    opened: Open,
    store: DictBackend,
    qtbot: QtBot,
    tmp_path: Path,
    name: str,
    address: str,
    key: str,
    said: str,
    place: str,
) -> None:
    keys = Keys(tmp_path, {})
    keys.add("taken", X, SecretStr("sk-1"))
    dialog = opened(keys)
    form = form_of(dialog, qtbot)
    qtbot.waitActive(form)
    fill(form, qtbot, name, address, key)
    qtbot.waitUntil(lambda: said in form.problem.text())
    assert form.isVisible()
    assert form.focusWidget() is getattr(form, place)
    assert "two words" not in form.problem.text()
    form.reject()
    assert len(rows(dialog)) == 1


def test_without_a_store_it_says_that_it_forgets(opened: Open, qtbot: QtBot, tmp_path: Path) -> None:
    with system_store(fail.Keyring()):  # type: ignore[no-untyped-call]
        keys = Keys(tmp_path, {})
        dialog = opened(keys)
        assert "in memory until Seatrial ends" in dialog.where.text()
        form = form_of(dialog, qtbot)
        assert not form.store.isEnabled()
        assert "in memory until Seatrial ends" in everything_said(form)
        fill(form, qtbot, "mine", X, MARKED)
        qtbot.waitUntil(lambda: rows(dialog) == [("mine", X, "memory, until Seatrial ends")])
        assert list(tmp_path.iterdir()) == []


def test_a_store_that_fails_leaves_the_form_with_what_was_typed(
    opened: Open, qtbot: QtBot, tmp_path: Path
) -> None:
    with system_store(FailingBackend()):
        dialog = opened(Keys(tmp_path, {}))
        form = form_of(dialog, qtbot)
        fill(form, qtbot, "mine", X, MARKED)
        qtbot.waitUntil(lambda: "store fails" in form.problem.text())
        assert "marked" not in form.problem.text()
        # it can still be kept for this time
        form.store.setChecked(False)
        press(form, "A&dd", qtbot)
        qtbot.waitUntil(lambda: bool(rows(dialog)))


def test_a_key_from_the_environment_can_be_tested_and_not_changed(
    opened: Open, store: DictBackend, qtbot: QtBot, tmp_path: Path
) -> None:
    dialog = opened(Keys(tmp_path, {"SEATRIAL_KEY_CI": f"{X} {MARKED}"}))
    assert rows(dialog) == [("SEATRIAL_KEY_CI", X, "environment variable")]
    assert dialog.test.isEnabled()
    assert not dialog.rename.isEnabled()
    assert not dialog.delete.isEnabled()


def test_closed_while_it_asks_nothing_is_left(
    opened: Open, store: DictBackend, qtbot: QtBot, tmp_path: Path
) -> None:
    keys = Keys(tmp_path, {})
    with listing(MARKED) as server:
        keys.add("mine", server.base_url, SecretStr(MARKED))
        dialog = opened(keys)
        qtbot.mouseClick(dialog.test, Qt.MouseButton.LeftButton)
        dialog.reject()
