"""Deleting runs: hidden at once, undone for a while, then gone for good and their rows with them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.sessions.session_log import SessionLog
from tests.widgets.runs.logs import logged
from widgets.runs.page import RunsPage


def shown(page: RunsPage) -> list[int]:
    return [page.shown.run_id(row) for row in range(page.shown.rowCount())]


def rows_left(path: Path, run_id: int) -> int:
    tables = {"rollup_log": "run_id", "event_log": "run_id", "variants": "run_id", "runs": "id"}
    with SessionLog.open(path) as log:
        sqls = [f"select count(*) from {table} where {column} = ?" for table, column in tables.items()]
        return sum(int(log.db.execute(sql, (run_id,)).fetchone()[0]) for sql in sqls)


def test_del_hides_runs_and_undo_brings_them_back(page: RunsPage, log_path: Path, qtbot: QtBot) -> None:
    # given all runs but one selected
    page.table.setFocus()
    page.table.selectAll()
    page.table.selectionModel().select(
        page.shown.index(0, 0),
        page.table.selectionModel().SelectionFlag.Deselect | page.table.selectionModel().SelectionFlag.Rows,
    )
    # when they are deleted
    qtbot.keyClick(page.table, Qt.Key.Key_Delete)
    # then they are hidden, and nothing happened to them yet
    assert shown(page) == [3]
    assert page.undo_bar.isVisible()
    assert page.undo_bar.label.text() == "2 runs deleted."
    assert logged(log_path) == [3, 2, 1]
    # and undo brings them back
    page.undo_bar.button.click()
    assert shown(page) == [3, 2, 1]
    assert not page.undo_bar.isVisible()
    assert not page.deletion.waiting


def test_when_the_undo_has_timed_out_runs_are_gone_and_their_rows_follow(
    page: RunsPage, log_path: Path, qtbot: QtBot
) -> None:
    page.deletion.set_undo_ms(20)
    page.select(2)

    with qtbot.waitSignal(page.deletion.deleted):
        page.delete_selected()

    assert logged(log_path) == [3, 1]
    assert shown(page) == [3, 1]
    assert not page.undo_bar.isVisible()
    qtbot.waitUntil(lambda: rows_left(log_path, 2) == 0)
    assert rows_left(log_path, 1) > 0


def test_a_second_deletion_settles_the_first(page: RunsPage, log_path: Path, qtbot: QtBot) -> None:
    page.select(1)
    page.delete_selected()
    page.select(2)
    with qtbot.waitSignal(page.deletion.deleted):
        page.delete_selected()

    assert logged(log_path) == [3, 2]
    assert page.undo_bar.label.text() == "Run 2 deleted."
    page.deletion.undo()
    assert shown(page) == [3, 2]


def test_closing_the_window_deletes_what_waits(page: RunsPage, log_path: Path) -> None:
    page.select(2)
    page.delete_selected()

    page.close()

    assert logged(log_path) == [3, 1]


def test_the_last_run_deleted_leaves_the_empty_page_with_its_undo(page: RunsPage) -> None:
    page.table.selectAll()
    page.delete_selected()

    assert page.empty.isVisible()
    page.undo_bar.button.click()
    assert not page.empty.isVisible()
    assert shown(page) == [3, 2, 1]


def test_purging_can_be_stopped(page: RunsPage, log_path: Path, qtbot: QtBot) -> None:
    page.deletion.set_undo_ms(0)
    page.select(2)
    with qtbot.waitSignal(page.deletion.deleted):
        page.delete_selected()

    page.deletion.rest()
    page.close()

    assert rows_left(log_path, 2) > 0  # the next window goes on with it


def test_what_is_undone_is_selected_again(page: RunsPage) -> None:
    page.select(1)
    page.delete_selected()
    assert page.selected() != [1]
    page.undo_bar.button.click()
    assert page.selected() == [1]
    page.table.selectAll()
    page.delete_selected()
    page.undo_bar.button.click()
    assert sorted(page.selected()) == [1, 2, 3]
