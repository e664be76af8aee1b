"""Replay: a click on the slider goes there, keys go in steps that can be seen, and the whole run comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.widgets.trial.runs import picture_of_a_run
from widgets.appearance import Appearance
from widgets.session import Session
from widgets.trial.replay_bar import ReplayBar


@pytest.fixture
def session(qapp: QApplication, tmp_path: Path) -> Iterator[Session]:
    """With a log of one run of 20 s, which ended."""
    path = tmp_path / "log.db"
    picture_of_a_run(path, "support-assistant", ["duration_s=20", "drain_s=0", "changes=[]"])
    made = Session(path, qapp)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def bar(qtbot: QtBot, appearance: Appearance, session: Session) -> ReplayBar:
    made = ReplayBar(session)
    qtbot.addWidget(made)
    made.resize(800, 40)
    session.show_run(1)
    qtbot.waitUntil(lambda: made.slider.value() == made.slider.maximum())
    assert made.isVisible()
    return made


def place_at(bar: ReplayBar, share: float) -> QPoint:
    return QPoint(round(share * bar.slider.width()), bar.slider.height() // 2)


def shown_s(session: Session) -> float:
    return -1.0 if session.picture is None else session.picture.until_s


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_click_on_the_slider_goes_there(
    bar: ReplayBar, session: Session, qtbot: QtBot, share: float
) -> None:
    qtbot.mouseClick(bar.slider, Qt.MouseButton.LeftButton, pos=place_at(bar, share))
    assert bar.slider.value() == pytest.approx(share * bar.slider.maximum(), abs=20)
    qtbot.waitUntil(lambda: shown_s(session) == pytest.approx(20 * share, abs=0.5))


def test_what_was_pressed_can_be_dragged_on(bar: ReplayBar, qtbot: QtBot) -> None:
    qtbot.mousePress(bar.slider, Qt.MouseButton.LeftButton, pos=place_at(bar, 0.5))
    qtbot.mouseMove(bar.slider, place_at(bar, 0.25))
    qtbot.mouseRelease(bar.slider, Qt.MouseButton.LeftButton, pos=place_at(bar, 0.25))
    assert bar.slider.value() == pytest.approx(250, abs=20)


def test_keys_move_by_a_hundredth_and_a_tenth(bar: ReplayBar, qtbot: QtBot) -> None:
    bar.slider.setValue(500)
    qtbot.keyClick(bar.slider, Qt.Key.Key_Right)
    assert bar.slider.value() == 510
    qtbot.keyClick(bar.slider, Qt.Key.Key_PageUp)
    assert bar.slider.value() == 610


def test_it_stands_where_somebody_else_has_gone(bar: ReplayBar, session: Session, qtbot: QtBot) -> None:
    # Given a run that is shown to its end, when an act of a presentation shows 10 of its 20 seconds
    session.watch.show_at(10.0)
    qtbot.waitUntil(lambda: shown_s(session) == pytest.approx(10, abs=0.5))
    # Then the slider and the clock say so, and go to the end with it again
    assert bar.clock.text().startswith("0:10 of ")
    assert 0 < bar.slider.value() < bar.slider.maximum()
    session.watch.live()
    qtbot.waitUntil(lambda: shown_s(session) > 15)
    assert bar.slider.value() == bar.slider.maximum()


def test_a_narrow_one_goes_without_the_button_that_the_slider_s_end_replaces(bar: ReplayBar) -> None:
    assert bar.whole.isVisible()
    bar.resize(300, 40)
    assert not bar.whole.isVisible()
    assert bar.minimumSizeHint().width() <= 300
