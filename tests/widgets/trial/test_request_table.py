"""The request table: every request with its variants side by side, found by filter, followed, held, picked, copied."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.analysis.curves import RunPicture
from app.sessions.filters import Filter, parse_filter
from app.sessions.reader import RunReader
from app.sessions.search import matching
from app.sessions.session_log import SessionLog
from tests.widgets.trial.request_runs import LoggedRun, logged_run, paused_first_turn, paused_run
from widgets.appearance import Appearance
from widgets.theme import OUTCOME_MARKS
from widgets.trial.request_model import LEADING, PAGE, PAGES_KEPT, PER_VARIANT, RequestModel
from widgets.trial.request_table import RequestTable


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoggedRun:
    return logged_run(tmp_path_factory.mktemp("table"))


@pytest.fixture
def table(run: LoggedRun, appearance: Appearance, qtbot: QtBot) -> RequestTable:
    return _shown(RequestTable(run.path, appearance), run, qtbot)


def _shown(table: RequestTable, run: LoggedRun, qtbot: QtBot) -> RequestTable:
    qtbot.addWidget(table)
    table.resize(900, 320)
    table.show()
    table.show_run(run.run_id, run.variants, run.prompts)
    table.run_grew(run.offered, running=False)
    _read(table, qtbot)
    return table


def _read(table: RequestTable, qtbot: QtBot) -> None:
    """What is in view has been read."""

    def there() -> bool:
        row = table.view.rowAt(0)
        return bool(not table.looking and row >= 0 and table.model.line_at(row) is not None)

    qtbot.waitUntil(there)


def _filtered(table: RequestTable, qtbot: QtBot, text: str) -> list[int]:
    table.set_filter_text(text)
    qtbot.waitUntil(lambda: not table.looking)
    return list(table.model.numbers)


def _cells(table: RequestTable, row: int) -> list[str]:
    model = table.model
    return [model.data(model.index(row, column)) for column in range(model.columnCount())]


def _expected(run: LoggedRun, text: str) -> list[int]:
    with SessionLog.open(run.path) as log:
        return list(matching(log, run.run_id, parse_filter(text)))


# -- rows -----------------------------------------------------------------------------------------------


def test_each_request_has_a_row_with_both_variants_side_by_side(
    table: RequestTable, run: LoggedRun, qtbot: QtBot
) -> None:
    number = run.number(prototype_outcome="failed", safeguarded_served_by="fallback")

    table.select(number)
    _read(table, qtbot)

    row = table.model.row_of(number)
    assert row is not None
    cells = _cells(table, row)
    record = run.rows["prototype"][number]
    assert cells[0] == f"{number:,}"
    assert cells[2] == run.prompts[record.prompt].name
    assert cells[LEADING : LEADING + PER_VARIANT] == ["Failed", "no answer", "nobody"]
    assert cells[LEADING + PER_VARIANT] == OUTCOME_MARKS[run.rows["safeguarded"][number].outcome].title
    assert cells[-1] == "fallback"
    assert table.model.rowCount() == run.offered
    assert table.bar.count.text() == f"{run.offered:,} requests"


def test_headings_name_the_variants_and_say_what_is_meant(table: RequestTable, run: LoggedRun) -> None:
    titles = [table.model.headerData(i, Qt.Orientation.Horizontal) for i in range(table.model.columnCount())]

    assert titles[LEADING] == run.variants[0].title
    assert titles[LEADING + PER_VARIANT] == run.variants[1].title
    spoken = table.model.headerData(
        LEADING + 1, Qt.Orientation.Horizontal, Qt.ItemDataRole.AccessibleTextRole
    )
    assert spoken == f"{run.variants[0].title}: answered in"


def test_outcomes_carry_a_mark_as_well_as_a_word(table: RequestTable) -> None:
    row = table.view.rowAt(0)

    icon = table.model.data(table.model.index(row, LEADING), Qt.ItemDataRole.DecorationRole)

    assert not icon.isNull()


def test_rows_not_read_yet_say_so_and_are_read_when_they_come_into_view(
    table: RequestTable, qtbot: QtBot
) -> None:
    table.model.set_numbers(np.arange(100_000))

    assert _cells(table, 50_000)[1:] == ["…"] * (table.model.columnCount() - 1)

    table.select(50_000)
    qtbot.waitUntil(lambda: table.model.line_at(50_000) is not None)


@pytest.fixture
def model(run: LoggedRun, appearance: Appearance, qtbot: QtBot) -> Iterator[RequestModel]:
    """The model without a view that wants rows of its own."""
    owner = QObject()
    model = RequestModel(run.path, appearance, owner)
    model.show_run(run.run_id, run.variants, {})
    yield model
    owner.deleteLater()


def test_only_so_many_pages_are_kept(model: RequestModel, qtbot: QtBot) -> None:
    model.set_numbers(np.arange(PAGE * (PAGES_KEPT + 10)))

    for index in range(PAGES_KEPT + 5):
        with qtbot.waitSignal(model.loaded):
            model.want(index * PAGE, index * PAGE)

    assert model.line_at(0) is None
    assert model.line_at((PAGES_KEPT + 4) * PAGE) is not None


def test_rows_come_and_go_with_the_numbers_and_what_stays_is_not_read_again(
    model: RequestModel, qtbot: QtBot, qtmodeltester: ModelTester
) -> None:
    model.set_numbers(np.array([1, 2, 3, 4]))
    with qtbot.waitSignal(model.loaded):
        model.want(0, 3)

    model.set_numbers(np.array([1, 2, 7]))

    assert model.rowCount() == 3
    assert model.line_at(1) is not None
    assert model.line_at(2) is None
    assert (model.row_of(7), model.row_of(4)) == (2, None)
    qtmodeltester.check(model)


# -- a run that goes on ---------------------------------------------------------------------------------


def test_what_is_under_way_says_so_until_it_has_ended(
    tmp_path: Path, appearance: Appearance, qtbot: QtBot
) -> None:
    with paused_run(tmp_path, at_s=8) as (run, control):
        number = next(n for n in range(run.offered) if n not in run.rows["prototype"])
        table = RequestTable(run.path, appearance)
        qtbot.addWidget(table)
        table.resize(900, 320)
        table.show()
        table.show_run(run.run_id, run.variants, run.prompts)
        table.run_grew(run.offered, running=True)
        table.select(number)
        _read(table, qtbot)
        row = table.model.row_of(number)
        assert row is not None
        assert _cells(table, row)[LEADING : LEADING + PER_VARIANT] == ["Under way", "–", "–"]

        control.set_speed(None)
        control.resume()

        def ended() -> bool:
            table.run_grew(run.offered, running=True)
            return "Under way" not in _cells(table, row)

        qtbot.waitUntil(ended)


def test_where_variants_take_turns_the_one_whose_turn_has_not_come_says_so(
    tmp_path: Path, appearance: Appearance, qtbot: QtBot
) -> None:
    # given real calls in their first turn
    with paused_first_turn(tmp_path) as (run, _):
        with SessionLog.open(run.path) as log:
            passed_us = RunPicture(RunReader(log, run.run_id)).now().passed_us
        table = RequestTable(run.path, appearance)
        qtbot.addWidget(table)
        table.resize(900, 320)
        table.show()
        table.show_run(run.run_id, run.variants, run.prompts)
        table.run_grew(run.offered, running=True, passed_us=passed_us)
        table.select(3)
        _read(table, qtbot)
        # then nothing is said to be under way in the second one
        assert _cells(table, 3)[LEADING] == "Good"
        assert _cells(table, 3)[LEADING + PER_VARIANT :] == ["Turn to come", "–", "–"]
        # and when it has begun, its requests come one after the other
        record = run.rows["bare"][3]
        for mine_us, said in ((record.intended_us, "Not yet"), (record.intended_us + 1, "Under way")):
            table.run_grew(run.offered, running=True, passed_us=(passed_us[0], mine_us))
            assert _cells(table, 3)[LEADING + PER_VARIANT] == said
        # and nothing is to come when the run is over
        table.run_grew(run.offered, running=False, passed_us=passed_us)
        assert _cells(table, 3)[LEADING + PER_VARIANT] == "Not asked"


def test_a_filter_keeps_finding_while_the_run_grows(
    tmp_path: Path, appearance: Appearance, qtbot: QtBot
) -> None:
    with paused_run(tmp_path, at_s=8) as (run, control):
        table = RequestTable(run.path, appearance)
        qtbot.addWidget(table)
        table.show_run(run.run_id, run.variants, run.prompts)
        table.run_grew(run.offered, running=True)
        before = _filtered(table, qtbot, "prototype:failed")
        control.set_speed(None)
        control.resume()

        def all_found() -> bool:
            table.run_grew(run.offered, running=True)
            return list(table.model.numbers) == _expected(run, "prototype:failed")

        qtbot.waitUntil(lambda: _ended(run))
        qtbot.waitUntil(all_found)
        assert len(table.model.numbers) > len(before)


def _ended(run: LoggedRun) -> bool:
    with SessionLog.open(run.path) as log:
        (state,) = log.db.execute("select state from runs where id = ?", (run.run_id,)).fetchone()
    return bool(state != "running")


def test_the_newest_is_kept_in_view_until_someone_scrolls_up(table: RequestTable, run: LoggedRun) -> None:
    bar = table.view.verticalScrollBar()
    assert bar.value() == bar.maximum()

    table.view.wheelEvent(_wheel_up(table))

    assert not table.bar.follow.isChecked()
    at = bar.value()
    table.run_grew(run.offered + 50, running=True)
    assert bar.value() == at

    table.bar.follow.click()
    assert bar.value() == bar.maximum()


def _wheel_up(table: RequestTable) -> QWheelEvent:
    middle = QPointF(table.view.viewport().rect().center())
    return QWheelEvent(
        middle,
        table.view.viewport().mapToGlobal(middle),
        QPoint(0, 0),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


def test_a_held_table_stands_still_and_catches_up(table: RequestTable, run: LoggedRun) -> None:
    table.bar.pause.click()

    table.run_grew(run.offered + 7, running=True)

    assert table.model.rowCount() == run.offered
    table.bar.pause.click()
    assert table.model.rowCount() == run.offered + 7


# -- filtering ------------------------------------------------------------------------------------------


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_enter_applies_the_filter_and_esc_clears_it(
    table: RequestTable, run: LoggedRun, qtbot: QtBot
) -> None:
    expected = _expected(run, "prototype:failed")
    table.focus_filter()
    qtbot.keyClicks(table.bar.field, "prototype:failed")
    qtbot.keyClick(table.bar.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: table.model.rowCount() == len(expected))

    assert table.model.numbers.tolist() == expected
    assert table.bar.count.text() == f"{len(expected):,} of {run.offered:,} requests"
    assert table.bar.first_failed.isChecked()
    qtbot.keyClick(table.bar.field, Qt.Key.Key_Escape)
    assert table.model.rowCount() == run.offered
    assert table.bar.field.text() == ""


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_a_filter_applies_by_itself_once_one_pauses(table: RequestTable, qtbot: QtBot) -> None:
    qtbot.keyClicks(table.bar.field, "prototype:failed")
    qtbot.waitUntil(lambda: table.bar.wanted != Filter() and not table.looking)
    assert table.bar.first_failed.isChecked()
    assert table.bar.field.text() == "prototype:failed"


@pytest.mark.parametrize(
    ("button", "text"), [("first_failed", "prototype:failed"), ("saved", "saved"), ("lost", "lost")]
)
def test_the_shortcuts_are_filters(
    table: RequestTable, run: LoggedRun, qtbot: QtBot, button: str, text: str
) -> None:
    getattr(table.bar, button).click()
    qtbot.waitUntil(lambda: not table.looking)

    assert table.model.numbers.tolist() == _expected(run, text)
    assert table.bar.field.text() == text
    assert getattr(table.bar, button).isChecked()
    table.bar.all.click()
    assert table.model.rowCount() == run.offered
    assert not getattr(table.bar, button).isChecked()


def test_a_filter_from_elsewhere_is_shown_as_it_would_be_written(
    table: RequestTable, run: LoggedRun, qtbot: QtBot
) -> None:
    table.set_filter(Filter(variant="safeguarded", from_us=5_000_000, to_us=8_500_000))
    qtbot.waitUntil(lambda: not table.looking)

    assert table.bar.field.text() == "safeguarded:0:05-0:08.5"
    rows = run.rows["safeguarded"].values()
    assert table.model.numbers.tolist() == [
        row.number for row in rows if 5_000_000 <= row.finished_us < 8_500_000
    ]


def test_a_wrong_word_is_said_and_the_rows_stay(table: RequestTable, run: LoggedRun, qtbot: QtBot) -> None:
    table.set_filter_text("fialed")

    assert "Did you mean 'failed'?" in table.bar.message.text()
    assert table.bar.message.isVisible()
    assert table.model.rowCount() == run.offered
    qtbot.keyClicks(table.bar.field, "x")
    assert not table.bar.message.isVisible()


def test_a_fault_that_the_run_has_not_is_said(table: RequestTable, qtbot: QtBot) -> None:
    def said() -> bool:
        table.set_filter_text("fault:outge")  # the run's names are read meanwhile
        return "fault:outage" in table.bar.message.text()

    qtbot.waitUntil(said)


def test_nothing_found_says_what_to_do(table: RequestTable, run: LoggedRun, qtbot: QtBot) -> None:
    assert _filtered(table, qtbot, "#0 >1000s prototype:cache") == []

    empty = table.findChild(QLabel, "requests_empty")
    assert empty is not None
    assert empty.isVisible()
    assert "No request matches" in empty.text()
    everything = table.findChild(QPushButton, "requests_show_all")
    assert everything is not None
    everything.click()
    assert table.model.rowCount() == run.offered
    assert table.view.isVisible()


def test_without_a_run_it_says_how_to_get_one(run: LoggedRun, appearance: Appearance, qtbot: QtBot) -> None:
    table = RequestTable(run.path, appearance)
    qtbot.addWidget(table)
    table.show()

    empty = table.findChild(QLabel, "requests_empty")
    assert empty is not None

    assert "Press Run" in empty.text()
    table.run_grew(5, running=True)  # of a run that is not shown
    assert table.model.rowCount() == 0


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
def test_words_are_completed_after_words(table: RequestTable, qtbot: QtBot) -> None:
    table.show()
    qtbot.keyClicks(table.bar.field, "failed sav")
    completer = table.bar.field.completer()

    assert completer.currentCompletion() == "failed saved"
    popup = completer.popup()
    assert popup is not None
    popup.hide()


# -- picking and copying --------------------------------------------------------------------------------


def test_arrows_pick_once_they_rest_and_enter_at_once(table: RequestTable, qtbot: QtBot) -> None:
    table.select(10)
    picked: list[object] = []
    table.request_picked.connect(picked.append)

    for _ in range(3):
        qtbot.keyClick(table.view, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: picked == [13])

    qtbot.keyClick(table.view, Qt.Key.Key_Return)
    assert picked == [13, 13]


def test_a_click_picks(table: RequestTable, qtbot: QtBot) -> None:
    with qtbot.waitSignal(table.request_picked) as picked:
        qtbot.mouseClick(
            table.view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, table.view.rowHeight(0) + 3)
        )

    assert picked.args == [int(table.model.numbers[table.view.rowAt(0) + 1])]


def test_steps_go_through_the_filtered_rows_and_stop_at_the_ends(
    table: RequestTable, run: LoggedRun, qtbot: QtBot
) -> None:
    numbers = _filtered(table, qtbot, "prototype:failed")
    table.select(numbers[0])
    picked: list[object] = []
    table.request_picked.connect(picked.append)

    table.step(1)
    table.step(-1)
    table.step(-1)

    assert picked == [numbers[1], numbers[0], numbers[0]]
    assert not table.select(run.number(prototype_outcome="good"))  # not among the rows


def test_the_current_request_stays_current_when_others_are_filtered_away(
    table: RequestTable, qtbot: QtBot
) -> None:
    numbers = _filtered(table, qtbot, "prototype:failed")
    table.set_filter_text("")
    table.select(numbers[5])

    _filtered(table, qtbot, "prototype:failed")

    assert table.view.currentIndex().row() == 5
    assert numbers[5] == int(table.model.numbers[5])


def test_selected_rows_are_copied_for_a_spreadsheet(
    table: RequestTable, run: LoggedRun, qtbot: QtBot
) -> None:
    table.select(3)
    qtbot.keyClick(table.view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    table.view.setFocus()
    qtbot.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: "2 rows copied" in table.bar.message.text())

    head, *rows = QGuiApplication.clipboard().text().splitlines()
    assert head.split("\t")[:5] == ["number", "arrived_s", "prompt", "row", "prototype outcome"]
    assert [row.split("\t")[0] for row in rows] == ["3", "4"]
    record = run.rows["prototype"][3]
    assert rows[0].split("\t")[1] == f"{record.intended_us / 1e6:.3f}"
    assert rows[0].split("\t")[4] == record.outcome


def test_a_log_that_has_gone_is_said(
    run: LoggedRun, appearance: Appearance, tmp_path: Path, qtbot: QtBot
) -> None:
    table = RequestTable(tmp_path / "gone.db", appearance)
    qtbot.addWidget(table)
    table.show()
    table.show_run(run.run_id, run.variants, run.prompts)
    table.run_grew(10, running=False)

    qtbot.waitUntil(lambda: "no session log" in table.bar.message.text())


@pytest.mark.parametrize(("width", "rows"), [(320, 3), (560, 2), (1_400, 1)])
def test_the_bar_fits_where_there_is_little_room_and_where_there_is_much(
    table: RequestTable, qtbot: QtBot, width: int, rows: int
) -> None:
    bar = table.bar
    table.resize(width, 300)

    def tops() -> set[int]:
        return {each.mapTo(bar, QPoint()).y() // 12 for each in (bar.field, bar.all, bar.pause)}

    qtbot.waitUntil(lambda: len(tops()) == rows)
    for each in (bar.field, bar.lost, bar.pause):
        assert each.mapTo(bar, QPoint()).x() + each.width() <= bar.width()


def test_selecting_from_elsewhere_picks_nothing(table: RequestTable, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(table.request_picked, wait=250):
        assert table.select(10)


def test_rows_grow_with_the_type(table: RequestTable, appearance: Appearance, qtbot: QtBot) -> None:
    before = table.view.verticalHeader().defaultSectionSize()

    appearance.present(True)
    qtbot.waitUntil(lambda: table.view.verticalHeader().defaultSectionSize() > before)
    appearance.present(False)
    qtbot.waitUntil(lambda: table.view.verticalHeader().defaultSectionSize() == before)


def test_down_goes_from_the_filter_to_the_rows(table: RequestTable, qtbot: QtBot) -> None:
    table.activateWindow()
    table.focus_filter()
    qtbot.waitUntil(table.bar.field.hasFocus)
    qtbot.keyClick(table.bar.field, Qt.Key.Key_Down)
    assert table.view.hasFocus()
    assert table.view.currentIndex().isValid()


def test_what_is_typed_while_a_run_starts_is_kept(table: RequestTable, run: LoggedRun, qtbot: QtBot) -> None:
    # Given one run, and another that starts; when words are typed, and applied or not, before it is shown
    for enter in (False, True):
        table.show_run(None)
        table.bar.field.setText("failed")
        if enter:
            qtbot.keyClick(table.bar.field, Qt.Key.Key_Return)
        _shown(table, run, qtbot)
        # Then they are still there, and in force if they were applied
        assert table.bar.field.text() == "failed"
        assert (table.bar.wanted != Filter()) == enter
    qtbot.waitUntil(lambda: not table.looking)
    assert list(table.model.numbers) == _expected(run, "failed")
    # A filter in force is the last run's alone
    table.show_run(None)
    assert table.bar.field.text() == ""
