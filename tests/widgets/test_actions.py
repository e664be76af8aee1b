"""The table of actions, and the palette that finds them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QLabel, QLineEdit, QListWidget, QWidget
from pytestqt.qtbot import QtBot

from widgets.actions import ACTIONS, MENUS, Actions
from widgets.command_palette import CommandPalette


def test_every_action_has_a_name_a_menu_and_says_what_it_does() -> None:
    assert len({spec.id for spec in ACTIONS}) == len(ACTIONS)
    for spec in ACTIONS:
        assert spec.menu in MENUS
        assert spec.title
        assert spec.tip.endswith(".")


def test_no_key_does_two_things(qtbot: QtBot) -> None:
    keys = [QKeySequence(spec.keys).toString() for spec in ACTIONS if spec.keys]
    assert "" not in keys
    assert len(set(keys)) == len(keys)


def test_no_menu_has_two_entries_under_one_letter() -> None:
    for menu in MENUS:
        letters = [
            spec.title[spec.title.index("&") + 1].lower()
            for spec in ACTIONS
            if spec.menu == menu and "&" in spec.title
        ]
        assert len(set(letters)) == len(letters), (menu, letters)


class TestPalette:
    def test_a_few_letters_and_enter_do_it(self, qtbot: QtBot) -> None:
        # Given the palette over a window
        window = QWidget()
        qtbot.addWidget(window)
        actions = Actions(window)
        palette = CommandPalette(actions, window)
        palette.show()
        field = palette.findChild(QLineEdit)
        assert field is not None

        # When one types what the tip says, and Enter
        qtbot.keyClicks(field, "sqlite")
        assert palette.findChild(QListWidget).count() == 0  # type: ignore[union-attr]
        field.clear()
        qtbot.keyClicks(field, "whole run")

        # Then it happens
        with qtbot.waitSignal(actions["reset_view"].triggered):
            qtbot.keyClick(field, Qt.Key.Key_Return)

    def test_what_is_not_possible_now_is_not_offered(self, qtbot: QtBot) -> None:
        window = QWidget()
        qtbot.addWidget(window)
        actions = Actions(window)
        actions["stop"].setEnabled(False)
        palette = CommandPalette(actions, window)
        names = palette.findChild(QListWidget)
        assert names is not None
        offered = [names.item(row).data(Qt.ItemDataRole.UserRole) for row in range(names.count())]
        assert "stop" not in offered
        assert "run" in offered

    def test_where_nothing_is_found_it_says_so(self, qtbot: QtBot) -> None:
        # Given the palette
        window = QWidget()
        qtbot.addWidget(window)
        palette = CommandPalette(Actions(window), window)
        palette.show()
        said = [each for each in palette.findChildren(QLabel) if each.isVisible()]
        assert not said

        # When what is typed is the name of nothing, then it says so instead of showing an empty list
        qtbot.keyClicks(palette.findChild(QLineEdit), "qqqq")
        said = [each for each in palette.findChildren(QLabel) if each.isVisible()]
        assert [each.text() for each in said] == ["Nothing that can be done now is called that."]

    def test_arrows_move_in_the_list_while_the_field_has_the_focus(self, qtbot: QtBot) -> None:
        window = QWidget()
        qtbot.addWidget(window)
        palette = CommandPalette(Actions(window), window)
        palette.show()
        field, names = palette.findChild(QLineEdit), palette.findChild(QListWidget)
        assert field is not None
        assert names is not None
        qtbot.keyClick(field, Qt.Key.Key_Down)
        qtbot.keyClick(field, Qt.Key.Key_Down)
        qtbot.keyClick(field, Qt.Key.Key_Up)
        assert names.currentRow() == 1
