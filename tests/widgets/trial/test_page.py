"""The Trial page with the real window: what its parts tell each other when runs come and go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.widgets.trial.runs import picture_of_a_run
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    """The window on a log of two runs of 20 s; the first is shown."""
    path = tmp_path / "log.db"
    for seed in (7, 8):
        picture_of_a_run(path, "support-assistant", ["duration_s=20", "changes=[]", f"seed={seed}"])
    with main_window(qtbot, appearance, tmp_path) as made:
        made.show()
        made.begin()
        show(made, qtbot, 1)
        yield made


def show(window: MainWindow, qtbot: QtBot, run_id: int) -> None:
    window.session.show_run(run_id)
    qtbot.waitUntil(lambda: shown_run(window) == run_id)


def shown_run(window: MainWindow) -> int | None:
    """The run that the charts show."""
    picture = window.trial.board.picture
    return None if picture is None else picture.record.run_id


def test_a_held_view_does_not_hide_the_next_run(window: MainWindow, qtbot: QtBot) -> None:
    # Given a view that is held
    window.actions_table["hold_view"].trigger()

    # When another run is shown, then it is shown, and nothing is held
    show(window, qtbot, 2)
    assert not window.trial.board.held
    assert not window.actions_table["hold_view"].isChecked()


def test_whole_run_is_all_of_the_time_axis_too(window: MainWindow, qtbot: QtBot) -> None:
    # Given a replay of which a part is in view
    trial = window.trial
    timeline = trial.board.timeline
    trial.replay.slider.setValue(800)
    qtbot.waitUntil(lambda: trial.board.picture is not None and trial.board.picture.until_s < 20)
    timeline.zoom(0.0, 0.5)
    assert timeline.to_s < timeline.end_s

    # When the whole run is wanted, then it is there
    trial.replay.whole.click()
    assert timeline.whole
    qtbot.waitUntil(lambda: trial.board.picture is not None and trial.board.picture.until_s >= 20)


def test_the_clock_stays_the_shown_runs_when_a_switch_is_flipped(window: MainWindow) -> None:
    assert window.trial.top_bar.clock.text() == "0:20 of 0:20"
    window.session.switchboard.flip([("traffic.factor", 2.0)], "Twice the traffic")
    assert window.trial.top_bar.clock.text() == "0:20 of 0:20"
    window.session.show_run(None)
    assert window.trial.top_bar.clock.text() == "0:00 of 5:00"
