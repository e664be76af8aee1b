"""The key beside a title wraps, and what has no room is elided and told by its tooltip."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from widgets.appearance import Appearance
from widgets.charts.elided import ElidedText
from widgets.charts.key import Entry, Heading, Key
from widgets.theme import OUTCOME_MARKS


def test_the_key_wraps_where_it_is_narrow(qtbot: QtBot, appearance: Appearance) -> None:
    key = Key(appearance)
    qtbot.addWidget(key)
    key.set_entries([Entry(mark.title, mark) for mark in OUTCOME_MARKS.values()])
    one_row = key.heightForWidth(2000)
    assert key.heightForWidth(key.sizeHint().width()) == one_row
    assert key.heightForWidth(120) >= 3 * one_row
    assert "Stand-in" in key.accessibleName()
    key.resize(120, key.heightForWidth(120))
    assert not key.grab().isNull()


def test_a_heading_tells_its_formula(qtbot: QtBot, appearance: Appearance) -> None:
    heading = Heading("Cost", "Spent / good * 1,000", appearance)
    qtbot.addWidget(heading)
    heading.set_corner("Spent so far: $1.00")
    assert heading.accessibleDescription() == "Spent / good * 1,000"


def test_text_without_room_is_told_by_its_tooltip(qtbot: QtBot, appearance: Appearance) -> None:
    text = ElidedText(appearance)
    qtbot.addWidget(text)
    text.resize(40, 20)
    text.set_text("<b>quite</b> a long line of words")
    assert "&lt;b&gt;quite" in text.toolTip()
    text.resize(600, 20)
    text.show()
    assert text.toolTip() == ""
