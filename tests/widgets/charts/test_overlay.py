"""Runs over one another, aligned at their start."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.analysis.curves import Picture
from widgets.appearance import Appearance
from widgets.charts.overlay import OverlayBoard


def test_each_is_named_at_its_line_and_read_under_the_crosshair(
    qtbot: QtBot, appearance: Appearance, whole: Picture
) -> None:
    # given a board with both variants of a run
    board = OverlayBoard(appearance)
    qtbot.addWidget(board)
    board.resize(700, 420)
    board.show_curves([(each.title, whole.curves[each.name]) for each in whole.variants])
    # then all three charts have both lines, in styles of their own
    for plot in (board.good, board.times, board.cost):
        assert {line.label for line in plot.lines} == {"Prototype", "With safeguards"}
        assert len({line.style for line in plot.lines}) == 2
    rates = {line.label: line.values for line in board.good.lines}
    assert np.nanmax(rates["Prototype"]) <= 100
    # and what is told of itself is the last bin with arrivals, and not the drain after it
    assert board.readout.time == "Last arrivals: 4:55 to 5:00"
    assert all("% of" in words and " 0/s" not in words for _, words in board.readout.lines)
    # and the keys move through time
    qtbot.keyClick(board, Qt.Key.Key_Home)
    assert board.readout.time == "0:00 to 0:05"
    assert "Prototype" in board.accessibleDescription()
    assert not board.grab().isNull()


def test_it_can_be_emptied(qtbot: QtBot, appearance: Appearance, whole: Picture) -> None:
    board = OverlayBoard(appearance)
    qtbot.addWidget(board)
    board.show_curves([("A", whole.curves["prototype"])])
    board.show_curves([])
    assert board.good.lines == ()
    assert board.readout.lines == ()
