"""The window on a small screen, such as 1280×800 at 200 %: nothing sticks out, and what matters most has the room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.session_log import SessionLog
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow

SHORT = ["duration_s=20", "changes=[]"]


@pytest.fixture
def window(qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    """The window with a run in it."""
    path = tmp_path / "log.db"
    with SessionLog.open(path) as log:
        run_id = run_scenario(Order(open_scenario("support-assistant", SHORT)), log, Control(), Listener())
    with main_window(qtbot, appearance, tmp_path) as made:
        made.resize(1280, 800)
        made.show()
        made.session.open_file(open_scenario("support-assistant", SHORT))
        made.session.show_run(run_id)
        qtbot.waitUntil(lambda: made.trial.table.model.rowCount() > 0)
        yield made
        if made.trial.presenter.presenting:
            made.present(False)


def rows_in_view(window: MainWindow) -> int:
    view = window.trial.table.view
    return view.viewport().height() // view.verticalHeader().defaultSectionSize()


def test_with_a_request_opened_the_table_still_shows_a_few_rows(window: MainWindow, qtbot: QtBot) -> None:
    window.trial.show_request(3)
    qtbot.waitUntil(window.trial.detail_dock.isVisible)
    qtbot.waitUntil(lambda: rows_in_view(window) >= 4)
    assert window.trial.board.height() > 250


def test_a_small_window_is_as_small_as_it_was_asked_to_be_and_whole_again_later(
    window: MainWindow, qtbot: QtBot
) -> None:
    trial = window.trial
    window.resize(640, 400)
    qtbot.waitUntil(lambda: window.width() == 640 and window.height() == 400)
    # the summary is brief, and the table makes room for the charts
    qtbot.waitUntil(
        lambda: "With safeguards" in [label.text() for label in trial.summary.findChildren(QLabel)]
    )
    assert not trial.table_dock.isVisible()
    qtbot.waitUntil(lambda: trial.board.height() >= 120)
    window.resize(1280, 800)
    qtbot.waitUntil(trial.table_dock.isVisible)
    qtbot.waitUntil(trial.top_bar.seed.isVisible)


def test_presenting_on_a_small_screen_shows_charts(window: MainWindow, qtbot: QtBot) -> None:
    trial = window.trial
    window.resize(640, 400)
    window.present(True)
    window.showNormal()
    window.resize(640, 400)
    qtbot.waitUntil(lambda: window.width() == 640 and window.height() == 400)
    qtbot.waitUntil(lambda: trial.board.height() >= 150)
    qtbot.waitUntil(lambda: trial.board._scroller.height() >= 90)
    assert trial.presenter.title.isVisible()
    assert trial.top_bar.badge.isVisible()
    assert not trial.replay.isVisible()
    window.present(False)
    window.resize(1280, 800)
    qtbot.waitUntil(trial.table_dock.isVisible)
