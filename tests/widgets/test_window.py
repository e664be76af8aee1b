"""The real window with the real engine: start, flip, undo, stop, reopen, drop files, and what happens when things die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.analysis.summary import summary
from app.errors import UserError
from app.scenario.files import open_scenario, ready_made
from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow
from widgets.ready_made import ReadyMadeDialog

OUTAGE = {"kind": "outage", "targets": ["primary"], "hang_share": 0}
QUIET = ["duration_s=120", "drain_s=20", "faults.outage.on=false"]
"""The sample scenario with nothing planned before its limits at 80 s."""
FOR_HOURS = [*QUIET, "duration_s=36000"]
"""The same for runs that a test steers: on the busiest machine they do not end by themselves before the test is done."""


@pytest.fixture
def log_path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def window(
    qapp: QApplication, qtbot: QtBot, appearance: Appearance, tmp_path: Path, log_path: Path
) -> Iterator[MainWindow]:
    """The window with a scenario open, and nothing running."""
    with main_window(qtbot, appearance, tmp_path) as made:
        made.show()
        made.session.open_file(open_scenario("support-assistant", QUIET))
        yield made


def wait(qtbot: QtBot, happens: Callable[[], bool]) -> None:
    qtbot.waitUntil(happens)


def begin_a_long_run(window: MainWindow, qtbot: QtBot, speed: float) -> None:
    """Start a run that ends only when it is told to, and wait until there is something to see of it."""
    session = window.session
    session.open_file(open_scenario("support-assistant", FOR_HOURS))
    session.set_speed(speed)
    window.actions_table["run"].trigger()
    wait(qtbot, lambda: session.picture is not None and session.picture.record.offered > 20)


def run_to_the_end(window: MainWindow, qtbot: QtBot) -> int:
    """Run as fast as it goes; the run's id."""
    window.actions_table["speed_max"].trigger()
    window.actions_table["run"].trigger()
    wait(qtbot, lambda: window.session.state == "idle" and ended(window))
    assert window.session.run_id is not None
    return window.session.run_id


def ended(window: MainWindow) -> bool:
    picture = window.session.picture
    return picture is not None and picture.record.ended_at is not None


def logged(log_path: Path, run_id: int) -> dict[str, object]:
    with SessionLog.open(log_path) as log:
        return summary(RunReader(log, run_id))


def failed(window: MainWindow, variant: str) -> int:
    picture = window.session.picture
    return 0 if picture is None else int(picture.summary["variants"][variant]["outcomes"]["failed"])


def test_a_fault_that_is_flipped_makes_the_prototype_fail_and_can_be_undone(
    window: MainWindow, qtbot: QtBot, log_path: Path
) -> None:
    # Given a run that goes on
    session, board = window.session, window.session.switchboard
    begin_a_long_run(window, qtbot, 30)
    before = failed(window, "prototype")

    # When its provider is switched off
    board.flip([("faults.card_outage", OUTAGE)], "Provider out")
    wait(qtbot, lambda: failed(window, "prototype") > before + 5)

    # Then the change is on the charts, and the other variant does better
    picture = session.picture
    assert picture is not None
    assert "Provider out" in [event.label for event in picture.events]
    assert failed(window, "safeguarded") < failed(window, "prototype")

    # When it is undone, that is a change, too
    assert window.actions_table["undo"].isEnabled()
    window.actions_table["undo"].trigger()
    wait(qtbot, lambda: any("Undone" in event.label for event in picture_of(window).events))

    # And when the run is stopped, it is kept, and says the same when it is opened again
    window.actions_table["stop"].trigger()
    wait(qtbot, lambda: session.state == "idle" and ended(window))
    shown, run_id = picture_of(window).summary, session.run_id
    assert run_id is not None
    assert shown["state"] == "stopped"
    session.show_run(None)
    window.runs.open_run.emit(run_id)
    wait(qtbot, lambda: session.picture is not None)
    assert picture_of(window).summary == shown == logged(log_path, run_id)


def picture_of(window: MainWindow):  # type: ignore[no-untyped-def]
    picture = window.session.picture
    assert picture is not None
    return picture


def test_pause_holds_virtual_time(window: MainWindow, qtbot: QtBot) -> None:
    session = window.session
    begin_a_long_run(window, qtbot, 20)
    window.actions_table["pause"].trigger()
    assert session.state == "paused"
    with qtbot.waitSignals([session.progressed] * 3):
        pass
    seen: list[float] = []
    session.progressed.connect(lambda progress: seen.append(progress.virtual_s))
    wait(qtbot, lambda: len(seen) >= 3)
    assert len(set(seen)) == 1
    window.actions_table["pause"].trigger()
    wait(qtbot, lambda: seen[-1] > seen[0])
    window.actions_table["stop"].trigger()
    wait(qtbot, lambda: session.state == "idle")


def test_a_run_that_ended_shows_the_numbers_of_the_log(
    window: MainWindow, qtbot: QtBot, log_path: Path
) -> None:
    run_id = run_to_the_end(window, qtbot)
    assert picture_of(window).summary == logged(log_path, run_id)
    text = window.trial.summary.as_text()
    assert "Prototype" in text
    assert "Simulated, seed 7" in text
    window.actions_table["copy_summary"].trigger()
    assert QApplication.clipboard().text() == text


def test_a_spike_that_is_clicked_lists_exactly_its_requests(
    window: MainWindow, qtbot: QtBot, log_path: Path
) -> None:
    # Given a run that ended
    run_id = run_to_the_end(window, qtbot)
    wait(qtbot, lambda: window.trial.table.model.rowCount() == picture_of(window).record.offered)

    # When a bin of the prototype's strip is picked
    window.trial.board.range_picked.emit(90.0, 92.0, "prototype")

    # Then the table has the requests that ended in it
    with SessionLog.open(log_path) as log:
        every = RunReader(log, run_id).each_request("prototype")
        numbers = [each.number for each in every if 90_000_000 <= each.finished_us < 92_000_000]
    assert numbers
    wait(qtbot, lambda: list(window.trial.table.model.numbers) == numbers)

    # And picking one opens it
    window.trial.show_request(numbers[0])
    with qtbot.waitSignal(window.trial.detail.shown):
        pass
    assert window.trial.detail_dock.isVisible()


def test_a_finished_run_can_be_replayed(window: MainWindow, qtbot: QtBot) -> None:
    run_to_the_end(window, qtbot)
    bar = window.trial.replay
    assert bar.isVisible()

    # When the slider goes back to the middle
    bar.slider.setValue(500)
    wait(qtbot, lambda: picture_of(window).until_s < 80)

    # Then the picture is that of the middle; and playing goes on to the end
    assert picture_of(window).summary["variants"]["prototype"]["requests"] < picture_of(window).record.offered
    bar.speed.setCurrentIndex(bar.speed.count() - 1)
    bar.play.click()
    wait(qtbot, lambda: not bar.play.isChecked())
    wait(qtbot, lambda: picture_of(window).until_s >= 120)


def test_an_engine_that_dies_is_told_and_what_it_wrote_is_kept(
    window: MainWindow, qtbot: QtBot, log_path: Path
) -> None:
    # Given a run that goes on
    session = window.session
    begin_a_long_run(window, qtbot, 20)
    (pid,) = engine_pids(log_path)

    # When its process is killed
    os.kill(pid, signal.SIGKILL)
    wait(qtbot, lambda: session.state == "idle")

    # Then the window says so, shows what there is, and can start again
    assert window.messages.text == (
        "The engine ended unexpectedly (signal 9). What it had written is kept and shown. Press Run to start again."
    )
    wait(qtbot, lambda: picture_of(window).record.state == "interrupted")
    assert picture_of(window).summary["variants"]["prototype"]["requests"] > 0
    assert window.actions_table["run"].isEnabled()
    first = session.run_id
    session.open_file(open_scenario("support-assistant", QUIET))
    assert run_to_the_end(window, qtbot) != first
    assert "engine" not in window.messages.text


def test_it_opens_no_larger_than_the_screen(window: MainWindow) -> None:
    room = window.screen().availableSize()
    assert window.width() <= room.width()
    assert window.height() <= room.height()


def test_run_shows_what_it_starts_wherever_one_is(window: MainWindow, qtbot: QtBot) -> None:
    window.go_to(2)
    run_to_the_end(window, qtbot)
    assert window.page_index == 0


def test_escape_takes_away_first_the_callout_and_then_the_message(window: MainWindow, qtbot: QtBot) -> None:
    # Given the tour's first callout, the focus elsewhere, and a message on top
    window.session.set_speed(60)
    window.begin_tour()
    wait(qtbot, lambda: window.first_run.callout is not None)
    window.session.stop()
    wait(qtbot, lambda: window.session.state == "idle")
    window.messages.show_error(UserError("Something was wrong"))
    window.trial.board.setFocus()

    # When Escape is pressed, then one goes after the other
    qtbot.keyClick(window.trial.board, Qt.Key.Key_Escape)
    assert window.first_run.callout is None
    assert window.messages.text
    qtbot.keyClick(window.trial.board, Qt.Key.Key_Escape)
    assert not window.messages.text


def engine_pids(log_path: Path) -> list[int]:
    with SessionLog.open(log_path) as log:
        return [pid for (pid,) in log.db.execute("select pid from runs where state = 'running'")]


def test_a_window_that_closes_in_mid_run_leaves_a_whole_run(
    window: MainWindow, qtbot: QtBot, log_path: Path
) -> None:
    begin_a_long_run(window, qtbot, 20)
    window.close()
    with SessionLog.open(log_path) as log:
        (record,) = runs(log)
        found = summary(RunReader(log, record.run_id))
    assert record.state == "stopped"
    for variant in found["variants"].values():
        assert sum(variant["outcomes"].values()) == found["offered"]


def test_every_page_opens_by_its_key(window: MainWindow, qtbot: QtBot) -> None:
    run_to_the_end(window, qtbot)
    for index, name in enumerate(("go_trial", "go_runs", "go_compare")):
        window.actions_table[name].trigger()
        assert window.page_index == index
        assert window.actions_table[name].isChecked()
    window.actions_table["go_runs"].trigger()
    wait(qtbot, lambda: window.runs.table.model().rowCount() == 1)


def test_two_runs_are_compared_from_the_runs_page(window: MainWindow, qtbot: QtBot) -> None:
    one = run_to_the_end(window, qtbot)
    two = run_to_the_end(window, qtbot)
    window.runs.compare_runs.emit([one, two])
    assert window.page_index == 2


class TestDrops:
    def drop(self, window: MainWindow, *paths: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        none = Qt.KeyboardModifier.NoModifier
        left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
        window.dropEvent(QDropEvent(QPointF(5, 5), copy, mime, left, none))

    def test_prompts_and_data_are_taken_together(
        self, window: MainWindow, qtbot: QtBot, tmp_path: Path
    ) -> None:
        prompt, data = tmp_path / "mine.j2", tmp_path / "mine.csv"
        prompt.write_text("Answer {{ body }}", encoding="utf-8")
        data.write_text("Body,Kind\nhello,a\nwhere is it,b\n", encoding="utf-8")
        with qtbot.waitSignal(window.session.inputs_changed):
            self.drop(window, prompt, data)
        assert window.session.inputs.prompts == prompt
        assert window.session.inputs.data == data

        # And a run is made of them
        run_to_the_end(window, qtbot)
        assert picture_of(window).record.offered > 0

    def test_a_scenario_is_opened(self, window: MainWindow, tmp_path: Path) -> None:
        path = tmp_path / "own.toml"
        path.write_text(open_scenario("provider-outage").text, encoding="utf-8")
        self.drop(window, path)
        assert window.session.scenario().title == "Provider outage"

    def test_what_is_of_no_use_is_refused_in_words(self, window: MainWindow, tmp_path: Path) -> None:
        path = tmp_path / "film.mp4"
        path.write_bytes(bytes(range(256)) * 20)
        self.drop(window, path)
        assert "film.mp4" in window.messages.text


def test_a_scenario_that_is_opened_takes_the_place_of_another_ones_charts(
    window: MainWindow, qtbot: QtBot
) -> None:
    # Given a run that is shown
    run_to_the_end(window, qtbot)

    # When a ready-made scenario is chosen by keyboard
    def choose() -> None:
        dialog = window.findChild(ReadyMadeDialog)
        assert isinstance(dialog, ReadyMadeDialog)
        assert [
            dialog.list.item(row).data(Qt.ItemDataRole.UserRole) for row in range(dialog.list.count())
        ] == [*ready_made()]
        qtbot.keyClick(dialog.list, Qt.Key.Key_End)
        qtbot.keyClick(dialog.list, Qt.Key.Key_Return)

    QTimer.singleShot(0, choose)
    window.actions_table["ready_made"].trigger()

    # Then nothing on the page is of the scenario before it
    assert window.session.run_id is None
    assert window.windowTitle() == "Unwatched – Seatrial"
    assert window.trial.left_dock.windowTitle() == "Switches of Unwatched"


def test_a_broken_scenario_is_told_and_the_one_before_stays(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text("title = ", encoding="utf-8")
    window.files.open(path)
    assert "broken.toml" in window.messages.text
    assert window.session.scenario().title == "Support assistant"


def test_inputs_that_cannot_run_are_told_and_the_window_goes_on(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    path = tmp_path / "broken.j2"
    path.write_text("{{ nobody_has_this_column }} {{ nor_this_one }}", encoding="utf-8")
    from widgets.inputs.own_inputs import OwnInputs

    window.session.use_inputs(OwnInputs(prompts=path))
    window.actions_table["run"].trigger()
    wait(qtbot, lambda: window.messages.text != "" and window.session.state == "idle")
    assert "nobody_has_this_column" in window.messages.text


def test_the_window_remembers_its_shape(
    window: MainWindow, appearance: Appearance, qtbot: QtBot, log_path: Path
) -> None:
    window.trial.table_dock.hide()
    window.close()
    again = MainWindow(appearance, window.preferences, log_path)
    qtbot.addWidget(again)
    again.show()
    assert not again.trial.table_dock.isVisible()
    assert again.trial.left_dock.isVisible()
    again.close()


def test_a_saved_scenario_holds_the_switches(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtWidgets import QFileDialog

    path = tmp_path / "mine.toml"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(path), ""))
    window.session.switchboard.flip([("traffic.factor", 2.0)], "Twice the traffic")
    window.actions_table["save_scenario"].trigger()
    assert open_scenario(str(path)).scenario.traffic.factor == 2
    assert not window.session.switchboard.modified
