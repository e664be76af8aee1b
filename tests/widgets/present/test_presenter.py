"""Presenting: acts flip their switches, time waits for the presenter, and a saved run can stand in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.scenario.files import open_scenario
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    with main_window(qtbot, appearance, tmp_path) as made:
        made.resize(1280, 800)
        made.show()
        made.session.open_file(open_scenario("support-assistant"))
        yield made
        appearance.present(False)


def test_acts_flip_their_switches_and_time_waits_between_them(window: MainWindow, qtbot: QtBot) -> None:
    # Given a window in which nothing was run, when one presents
    session, presenter, actions = window.session, window.trial.presenter, window.actions_table
    session.set_speed(60)
    actions["present"].trigger()

    # Then the first act plays as long as it says, and time waits
    assert presenter.title.text() == "A calm morning"
    qtbot.waitUntil(lambda: session.state == "paused")
    qtbot.waitUntil(lambda: session.picture is not None and session.picture.until_s >= 60)
    assert "waits for Next" in presenter.place.text()
    assert session.scenario().targets["primary"].rpm is None

    # When one goes on, the next act's switches are flipped and time goes on
    actions["next_act"].trigger()
    assert presenter.title.text() == "The provider's limits"
    assert session.scenario().targets["primary"].rpm == 500
    assert session.state == "running"
    qtbot.waitUntil(lambda: session.state == "paused")

    # And going back takes them back
    actions["previous_act"].trigger()
    assert presenter.title.text() == "A calm morning"
    assert session.scenario().targets["primary"].rpm is None

    # And Escape ends the presentation; the run is still there
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not presenter.isVisible()
    assert not window.isFullScreen()
    assert window.trial.left_dock.isVisible()
    assert session.busy
    session.stop()
    qtbot.waitUntil(lambda: session.state == "idle")


def test_type_is_large_and_what_names_files_is_hidden(
    window: MainWindow, qtbot: QtBot, appearance: Appearance
) -> None:
    window.session.set_speed(None)
    window.actions_table["present"].trigger()
    assert appearance.theme.scale > 1
    assert window.isFullScreen()
    for hidden in (
        window.menuBar(),
        window.trial.left_dock,
        window.trial.table_dock,
        window.trial.detail_dock,
    ):
        assert not hidden.isVisible()
    assert not window.trial.presenter.notes.isVisible()
    window.actions_table["present"].trigger()
    assert appearance.theme.scale == 1
    assert window.menuBar().isVisible()
    window.session.stop()
    qtbot.waitUntil(lambda: window.session.state == "idle")


def test_a_saved_run_stands_in(window: MainWindow, qtbot: QtBot) -> None:
    # Given a run that ended
    session = window.session
    session.set_speed(None)
    session.start()

    def over() -> bool:
        return (
            session.state == "idle" and session.picture is not None and bool(session.picture.record.ended_at)
        )

    qtbot.waitUntil(over)
    run_id = session.run_id

    # When one presents, then each act shows it up to its own end, and nothing new is run
    window.actions_table["present"].trigger()
    qtbot.waitUntil(lambda: session.picture is not None and 50 <= session.picture.until_s <= 60)
    window.actions_table["next_act"].trigger()
    qtbot.waitUntil(lambda: session.picture is not None and 150 <= session.picture.until_s <= 160)
    assert session.run_id == run_id
    assert not session.busy

    # After the presentation all of it is shown again
    window.actions_table["present"].trigger()
    qtbot.waitUntil(lambda: session.picture is not None and session.picture.until_s > 300)
    window.actions_table["present"].trigger()

    # And it can be played live at any time
    window.trial.presenter.live.click()
    qtbot.waitUntil(lambda: session.run_id not in (None, run_id))
    session.stop()
    qtbot.waitUntil(lambda: session.state == "idle")
    window.actions_table["present"].trigger()


def test_a_run_of_another_scenario_is_shown_without_acts(window: MainWindow, qtbot: QtBot) -> None:
    # Given a run, and another scenario that has been opened since
    session, presenter = window.session, window.trial.presenter
    session.open_file(open_scenario("messy-data", ["duration_s=5"]))
    session.set_speed(None)
    session.start()
    qtbot.waitUntil(lambda: session.state == "idle" and session.picture is not None)
    session.open_file(open_scenario("retry-storm"))

    # When one presents, then no act speaks over charts that it is not about, and it can be played live
    window.actions_table["present"].trigger()
    assert presenter.title.text() == ""
    assert "of another scenario" in presenter.text.text()
    assert presenter.live.isVisibleTo(presenter)
    window.actions_table["present"].trigger()


def test_a_scenario_without_acts_says_so(window: MainWindow, qtbot: QtBot) -> None:
    window.session.open_file(open_scenario("messy-data", ["duration_s=5"]))
    window.session.set_speed(None)
    window.actions_table["present"].trigger()
    assert "no acts" in window.trial.presenter.text.text()
    assert not window.actions_table["next_act"].isEnabled()
    qtbot.waitUntil(lambda: window.session.state == "idle")
    window.actions_table["present"].trigger()


def test_afterwards_the_desk_is_as_it_was(window: MainWindow, qtbot: QtBot) -> None:
    # Given a maximised window, and a column of switches that is as wide as it needs to be
    window.session.open_file(open_scenario("messy-data", ["duration_s=5"]))
    window.session.set_speed(None)
    window.showMaximized()
    qtbot.waitUntil(window.isMaximized)
    wide = window.trial.left_dock.width()

    # When one presents in large type, and ends that
    window.actions_table["present"].trigger()
    qtbot.waitUntil(window.isFullScreen)
    qtbot.waitUntil(lambda: window.session.state == "idle")
    window.actions_table["present"].trigger()

    # Then it is maximised again, and the column no wider than before
    assert window.isMaximized()
    qtbot.waitUntil(lambda: abs(window.trial.left_dock.width() - wide) <= 4)
