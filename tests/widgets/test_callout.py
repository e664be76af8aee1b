"""Callouts lie beside what they point at, follow it, and go when it goes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from widgets.appearance import Appearance
from widgets.callout import Callout


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(1280, 800)
    made.show()
    return made


def a_target(window: QWidget, *, wide: bool) -> QLabel:
    target = QLabel("With safeguards", window)
    target.setGeometry(QRect(320, 340, 940 if wide else 200, 50))
    target.show()
    return target


@pytest.mark.parametrize("wide", [True, False])
def test_it_leaves_in_sight_what_it_points_at(
    window: QWidget, appearance: Appearance, qtbot: QtBot, wide: bool
) -> None:
    target = a_target(window, wide=wide)
    callout = Callout(appearance, window, target, "Look here", "It is this one.")
    qtbot.addWidget(callout)
    body = callout.childrenRect().translated(callout.pos())
    assert not body.intersects(target.geometry())
    assert window.rect().contains(callout.geometry())


def test_it_follows_its_target(window: QWidget, appearance: Appearance, qtbot: QtBot) -> None:
    target = a_target(window, wide=False)
    callout = Callout(appearance, window, target, "Look here", "It is this one.")
    qtbot.addWidget(callout)
    before = callout.pos()
    target.move(target.pos() + QPoint(0, 100))
    qtbot.waitUntil(lambda: callout.pos() == before + QPoint(0, 100))


def test_it_goes_when_its_target_goes(window: QWidget, appearance: Appearance, qtbot: QtBot) -> None:
    # Given a callout at a chart
    target = a_target(window, wide=True)
    callout = Callout(appearance, window, target, "Look here", "It is this one.")

    # When another run brings other charts
    with qtbot.waitSignal(callout.closed):
        target.deleteLater()

    # Then it is gone, too, and the window can change its size
    assert not callout.isVisible()
    window.resize(900, 700)


def test_it_is_closed_once_by_key_or_button(window: QWidget, appearance: Appearance, qtbot: QtBot) -> None:
    callout = Callout(appearance, window, a_target(window, wide=False), "Look here", "It is this one.")
    closed: list[bool] = []
    callout.closed.connect(lambda: closed.append(True))
    qtbot.keyClick(callout, Qt.Key.Key_Escape)
    callout.button.click()
    assert closed == [True]
