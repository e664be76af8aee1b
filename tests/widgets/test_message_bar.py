"""The message bar: errors stay, notices go, foreign text is plain text."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.errors import UserError
from widgets.message_bar import MessageBar


@pytest.fixture
def bar(qtbot: QtBot) -> MessageBar:
    made = MessageBar()
    qtbot.addWidget(made)
    return made


def test_an_error_says_what_where_and_what_to_do(bar: MessageBar) -> None:
    bar.show_error(UserError("no column fits", where="mails.csv", do="Name the column."))
    for part in ("no column fits", "mails.csv", "Name the column."):
        assert part in bar.text
        assert part in bar.accessibleName()


def test_a_notice_does_not_push_an_error_aside(bar: MessageBar) -> None:
    bar.show_error(UserError("broken"))
    bar.show_notice("by the way")
    assert "broken" in bar.text
    bar.clear()
    bar.show_notice("by the way")
    assert bar.text == "by the way"
    bar.clear()


def test_several_notices_stand_together_once_each(bar: MessageBar) -> None:
    for text in ("one", "two", "one"):
        bar.show_notice(text)
    assert bar.text == "one\ntwo"
    bar.clear()


def test_an_error_that_is_past_goes_and_a_notice_stays(bar: MessageBar) -> None:
    bar.show_error(UserError("The engine ended unexpectedly"))
    bar.clear_error()
    assert bar.text == ""
    bar.show_notice("Saved.")
    bar.clear_error()
    assert bar.text == "Saved."


def test_escape_closes_it(bar: MessageBar, qtbot: QtBot) -> None:
    bar.show_error(UserError("broken"))
    qtbot.keyClick(bar, Qt.Key.Key_Escape)
    assert bar.text == ""


def test_text_of_others_is_not_read_as_markup(bar: MessageBar) -> None:
    bar.show_error(UserError("<b>bold</b><img src='x'>"))
    labels = bar.findChildren(QLabel)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels if "<b>" in label.text())
    assert "<b>" in bar.text


def test_an_endless_text_is_cut(bar: MessageBar) -> None:
    bar.show_error(UserError("x" * 100_000))
    assert len(bar.text) < 2_000
