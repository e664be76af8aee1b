"""The Runs page with real runs: found, named, opened, compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QPushButton
from pytestqt.qtbot import QtBot

from app.sessions.process import token
from app.sessions.reader import RunReader
from app.sessions.records import RunRecord
from app.sessions.session_log import SessionLog
from app.sessions.writer import now_utc
from widgets.actions import Actions
from widgets.appearance import Appearance
from widgets.runs.page import RunsPage
from widgets.runs.run_table import COLUMNS, NAME


@pytest.fixture
def page(log_path: Path, appearance: Appearance, qapp: QApplication, qtbot: QtBot) -> Iterator[RunsPage]:
    actions = Actions(qapp)
    made = RunsPage(log_path, actions, appearance)
    qtbot.addWidget(made)
    made.resize(1280, 720)
    made.show()
    qtbot.waitUntil(lambda: "…" not in " ".join(column(made, "Good answers")) and made.shown.rowCount() == 3)
    yield made
    made.close()
    actions.deleteLater()


def column(page: RunsPage, name: str) -> list[str]:
    place = COLUMNS.index(name)
    return [str(page.shown.index(row, place).data()) for row in range(page.shown.rowCount())]


def choose(page: RunsPage, *run_ids: int) -> None:
    page.table.clearSelection()
    flags = QItemSelectionModel.SelectionFlag
    for run_id in run_ids:
        row = page.shown.row_of(run_id)
        assert row is not None
        page.table.selectionModel().select(page.shown.index(row, 0), flags.Select | flags.Rows)


def button(page: RunsPage, name: str) -> QPushButton:
    found = page.findChild(QPushButton, f"runs_{name}")
    assert isinstance(found, QPushButton)
    return found


def logged(path: Path, run_id: int) -> RunRecord:
    with SessionLog.open(path) as log:
        return RunReader(log, run_id).record()


def test_the_newest_run_stands_on_top_with_what_came_of_it(page: RunsPage) -> None:
    assert column(page, "Run") == ["3", "2", "1"]
    assert column(page, "Name") == ["Support assistant", "Before the launch", "Support assistant"]
    assert column(page, "State") == ["Finished"] * 3
    assert column(page, "Length") == ["10 s", "15 s", "20 s"]
    for text in column(page, "Good answers"):
        assert text.startswith("Prototype ")
        assert ", With safeguards " in text
    assert page.selected() == [3]
    assert "seed 8" in page.details.facts.text()
    assert page.details.clock.text() == "SIMULATED"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("launch", ["2"]),
        ("BOARD demo", ["2"]),
        ("monday", ["2"]),
        ("3", ["3"]),
        ("support", ["3", "2", "1"]),
        ("x", []),
    ],
)
def test_runs_are_found_by_name_tag_note_and_number(
    typed: str, found: list[str], page: RunsPage, qtbot: QtBot
) -> None:
    qtbot.keyClicks(page.search, typed)

    assert column(page, "Run") == found
    assert page.count.text() == ("3 runs" if len(found) == 3 else f"{len(found)} of 3 runs")


def test_a_click_on_a_column_sorts_by_its_numbers(page: RunsPage) -> None:
    page.table.sortByColumn(COLUMNS.index("Length"), Qt.SortOrder.AscendingOrder)

    assert column(page, "Length") == ["10 s", "15 s", "20 s"]


def test_without_a_mouse_the_menu_of_the_table_sorts(page: RunsPage) -> None:
    # Given the menu that the Menu key opens over the table
    def sort_by(name: str) -> None:
        menu = page.bar.menu()
        submenu = menu.actions()[-1].menu()
        assert isinstance(submenu, QMenu)
        next(each for each in submenu.actions() if each.text() == name).trigger()
        menu.deleteLater()

    # When one sorts by a column, then again, then the order is turned round
    sort_by("Requests")
    first = [int(each.replace(",", "")) for each in column(page, "Requests")]
    assert first == sorted(first)
    sort_by("Requests")
    assert [int(each.replace(",", "")) for each in column(page, "Requests")] == first[::-1]


def test_f2_renames_in_place(page: RunsPage, log_path: Path, qtbot: QtBot) -> None:
    # given the newest run, chosen by keyboard
    page.table.setFocus()
    page.table.selectRow(0)
    # when it is given a name
    qtbot.keyClick(page.table, Qt.Key.Key_F2)
    editor = page.table.findChild(QLineEdit)
    assert editor is not None
    qtbot.keyClicks(editor, "  <b>Board</b> demo ")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    # then table, panel and log have it, as plain text
    qtbot.waitUntil(lambda: column(page, "Name")[0] == "<b>Board</b> demo")
    assert page.details.title.text() == "<b>Board</b> demo"
    assert page.details.title.textFormat() == Qt.TextFormat.PlainText
    tip = page.shown.index(0, NAME).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;" in tip
    qtbot.waitUntil(lambda: logged(log_path, 3).name == "<b>Board</b> demo")


def test_tags_and_a_note_are_kept_when_the_field_is_left(
    page: RunsPage, log_path: Path, qtbot: QtBot
) -> None:
    page.select(1)
    page.details.tags.setFocus()
    qtbot.keyClicks(page.details.tags, "slow")
    page.details.note.setFocus()
    qtbot.keyClicks(page.details.note, "Too slow.")
    page.select(2)

    qtbot.waitUntil(lambda: (logged(log_path, 1).tags, logged(log_path, 1).note) == ("slow", "Too slow."))
    assert column(page, "Tags")[2] == "slow"
    assert page.details.note.toPlainText() == "Shown on Monday"
    assert logged(log_path, 2).note == "Shown on Monday"


def test_enter_and_a_double_click_open_a_run(page: RunsPage, qtbot: QtBot) -> None:
    page.select(2)
    page.table.setFocus()
    with qtbot.waitSignal(page.open_run) as by_key:
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
    with qtbot.waitSignal(page.open_run) as by_mouse:
        at = page.table.visualRect(page.shown.index(2, NAME)).center()
        qtbot.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
        qtbot.mouseDClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=at)

    assert (by_key.args, by_mouse.args) == ([2], [1])


def test_compare_takes_two_to_four_runs(page: RunsPage, qtbot: QtBot) -> None:
    choose(page, 1)
    assert not button(page, "compare").isEnabled()
    choose(page, 1, 3)
    assert not button(page, "open").isEnabled()
    assert page.details.title.text() == "2 runs selected"

    with qtbot.waitSignal(page.compare_runs) as compared:
        button(page, "compare").click()
    assert compared.args == [[1, 3]]


def test_run_again_names_the_run(page: RunsPage, qtbot: QtBot) -> None:
    page.select(1)
    with qtbot.waitSignal(page.run_again) as again:
        button(page, "again").click()
    assert again.args == [1]


def test_a_refresh_brings_new_runs_and_keeps_the_selection(
    page: RunsPage, log_path: Path, qtbot: QtBot
) -> None:
    page.select(1)
    with SessionLog.open(log_path) as log:
        log.db.execute("update runs set deleted_at = '2026-01-01' where id = 3")

    page.refresh()

    qtbot.waitUntil(lambda: column(page, "Run") == ["2", "1"])
    assert page.selected() == [1]


def test_an_interrupted_run_says_what_happened_to_it(page: RunsPage, log_path: Path, qtbot: QtBot) -> None:
    with SessionLog.open(log_path) as log:
        log.db.execute(
            "update runs set state = 'running', pid = 1, heartbeat_at = '2024-01-01T00:00:00+00:00' where id = 3"
        )

    page.refresh()

    qtbot.waitUntil(lambda: column(page, "State")[0] == "Interrupted")
    assert "The program ended before the run did" in page.details.facts.text()


def test_a_run_that_goes_on_cannot_be_deleted_and_the_page_says_so(
    page: RunsPage, log_path: Path, qtbot: QtBot
) -> None:
    with SessionLog.open(log_path) as log:
        log.db.execute(
            "update runs set state = 'running', pid = ?, process = ?, heartbeat_at = ? where id = 3",
            (os.getpid(), token(), now_utc()),
        )
    page.refresh()
    qtbot.waitUntil(lambda: column(page, "State")[0] == "Running")

    choose(page, 2, 3)
    with qtbot.waitSignal(page.problem) as problem:
        button(page, "delete").click()

    assert problem.args is not None
    assert str(problem.args[0]) == "Run 3 is still running. Stop it first, then delete it."
    assert column(page, "Run") == ["3", "1"]


def test_a_run_that_goes_on_is_followed_to_its_end(page: RunsPage, log_path: Path, qtbot: QtBot) -> None:
    # Given the page with a run that this process is at
    with SessionLog.open(log_path) as log:
        log.db.execute(
            "update runs set state = 'running', pid = ?, process = ?, heartbeat_at = ? where id = 3",
            (os.getpid(), token(), now_utc()),
        )
    page.refresh()
    qtbot.waitUntil(lambda: column(page, "State")[0] == "Running")

    # When the run ends while the page is shown, then the page says so unasked
    with SessionLog.open(log_path) as log:
        log.db.execute("update runs set state = 'finished' where id = 3")
    qtbot.waitUntil(lambda: column(page, "State")[0] == "Finished")


def test_without_runs_the_page_says_what_to_do(
    tmp_path: Path, appearance: Appearance, qapp: QApplication, qtbot: QtBot
) -> None:
    actions = Actions(qapp)
    page = RunsPage(tmp_path / "none.db", actions, appearance)
    qtbot.addWidget(page)
    page.show()

    qtbot.waitUntil(page.empty.isVisible)
    assert not page.splitter.isVisible()
    go = page.findChild(QPushButton, "runs_empty_go_trial")
    assert isinstance(go, QPushButton)
    with qtbot.waitSignal(actions["go_trial"].triggered):
        go.click()
    assert not (tmp_path / "none.db").exists()  # looking makes no log
    actions.deleteLater()


def test_a_damaged_log_is_told_once(
    tmp_path: Path, appearance: Appearance, qapp: QApplication, qtbot: QtBot
) -> None:
    path = tmp_path / "log.db"
    path.write_text("no database at all, but long enough to be taken for one" * 100)
    actions = Actions(qapp)
    page = RunsPage(path, actions, appearance)
    qtbot.addWidget(page)

    with qtbot.waitSignal(page.problem) as problem:
        page.show()

    assert problem.args is not None
    assert "not a session log" in str(problem.args[0])
    actions.deleteLater()


def test_everything_can_be_reached_by_keyboard_and_has_a_name(page: RunsPage) -> None:
    for widget in (page.search, page.table):
        assert widget.accessibleName()
    assert page.search.nextInFocusChain() is not None
    assert all(each.focusPolicy() & Qt.FocusPolicy.TabFocus for each in page.bar.buttons.values())


def test_it_fits_a_small_window(page: RunsPage) -> None:
    page.resize(640, 400)

    assert (page.width(), page.height()) == (640, 400)  # 1280 by 800 at 200 %
