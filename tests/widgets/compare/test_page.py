"""The Compare page with real runs: settings, numbers, curves, requests, and every way to choose and to give up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.analysis.comparison import Side
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.engine.real_runs import SCENARIO, run_real, servers
from widgets.appearance import Appearance
from widgets.compare.grid import Grid
from widgets.compare.page import ComparePage


@pytest.fixture
def page(log_path: Path, appearance: Appearance, qtbot: QtBot) -> Iterator[ComparePage]:
    made = ComparePage(log_path, appearance)
    qtbot.addWidget(made)
    made.resize(1280, 720)
    made.show()
    qtbot.waitUntil(lambda: len(made.sides.choices) == 3)
    yield made
    made.close()
    appearance.choose("light")


def compared(page: ComparePage, qtbot: QtBot, *wanted: tuple[int, str | None]) -> None:
    page.compare(wanted)
    qtbot.waitUntil(lambda: not page.tasks.busy)


def cells(grid: Grid, column: int) -> list[str]:
    model = grid.grid
    return [str(model.index(row, column).data()) for row in range(model.rowCount())]


def row(grid: Grid, name: str) -> list[str]:
    place = cells(grid, 0).index(name)
    return [str(grid.grid.index(place, column).data()) for column in range(1, grid.grid.columnCount())]


def test_two_runs_show_what_was_set_differently_and_what_came_of_it(page: ComparePage, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, "prototype"), (2, "prototype"))

    findings = page.findings
    assert findings.isVisible()
    assert not page.empty.isVisible()
    assert cells(findings.settings, 0) == ["faults.everyday_errors.rate"]
    assert row(findings.settings, "faults.everyday_errors.rate") == ["0.004", "0.5"]
    assert findings.same.text().startswith("1 setting differs, ")
    good = row(findings.metrics, "Good answers")
    assert "▲ best" in good[0]
    assert "▼ worst" in good[1]
    assert "points)" in good[1]
    assert row(findings.metrics, "Requests")[0].isdecimal()
    assert "SIMULATED" in findings.notes.text()


def test_all_settings_can_be_shown_and_those_that_differ_stand_out(page: ComparePage, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, None), (2, None))
    before = cells(page.findings.settings, 0)

    page.findings.everything.setChecked(True)

    paths = cells(page.findings.settings, 0)
    assert before == ["faults.everyday_errors.rate", "safeguards.cache.on"]
    assert "traffic.rate_per_s" in paths
    bold = [
        path
        for place, path in enumerate(paths)
        if page.findings.settings.grid.index(place, 0).data(Qt.ItemDataRole.FontRole) is not None
    ]
    assert bold == before


def test_saved_and_lost_requests_are_listed_and_a_click_opens_one(
    page: ComparePage, log_path: Path, qtbot: QtBot
) -> None:
    # given two runs, and the requests that were good in each, read one by one
    compared(page, qtbot, (1, "prototype"), (2, "prototype"))
    with SessionLog.open(log_path) as log:
        good = [
            {
                each.number
                for each in RunReader(log, run_id).each_request("prototype")
                if each.outcome == "good"
            }
            for run_id in (1, 2)
        ]
    lost = sorted(good[0] - good[1])

    listed = page.findings.lost
    assert listed.heading.text() == f"Lost: {len(lost)} were good in A and not in B"
    assert [listed.numbers.number(place) for place in range(listed.numbers.rowCount())] == lost

    # when one is clicked, or chosen by key, then that request of the second run is asked for
    listed.list.setFocus()
    listed.list.setCurrentIndex(listed.numbers.index(1))
    with qtbot.waitSignal(page.request_picked) as by_key:
        qtbot.keyClick(listed.list, Qt.Key.Key_Return)
    page.findings.ensureWidgetVisible(listed.list)
    at = listed.list.visualRect(listed.numbers.index(0)).center()
    with qtbot.waitSignal(page.request_picked) as by_mouse:
        qtbot.mouseClick(listed.list.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert (by_key.args, by_mouse.args) == ([2, lost[1]], [2, lost[0]])


def test_other_seeds_say_why_no_request_can_be_called_saved(page: ComparePage, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, None), (3, None))

    assert page.findings.pairing.text().startswith("B and A cannot be paired. The seeds differ (7 and 8)")
    assert not page.findings.saved.isVisible()
    assert not page.findings.lost.isVisible()


def test_three_sides_let_one_choose_whom_to_set_beside_the_first(page: ComparePage, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, "prototype"), (1, "safeguarded"), (3, "safeguarded"))

    assert page.findings.beside.isVisibleTo(page)
    assert page.findings.beside.itemText(1) == "C: Run 3, With safeguards"
    page.findings.beside.setCurrentIndex(1)
    page.findings.beside.activated.emit(1)
    assert page.findings.pairing.text().startswith("C and A cannot be paired.")


def test_the_sides_can_be_chosen_on_the_page(page: ComparePage, qtbot: QtBot) -> None:
    # given the variants of the newest run
    page.newest.click()
    qtbot.waitUntil(lambda: page.comparison is not None and not page.tasks.busy)
    assert page.sides.sides() == [Side(3, "prototype"), Side(3, "safeguarded")]
    # when another run is chosen for side A
    first = page.sides.pickers[0]
    first.run.setCurrentIndex(2)
    first.run.activated.emit(2)
    # then it keeps its variant, and both are compared
    qtbot.waitUntil(lambda: not page.tasks.busy)
    assert shown(page) == [Side(1, "prototype"), Side(3, "safeguarded")]
    # when a third side is added, and the first removed
    page.sides.add.click()
    third = page.sides.pickers[2]
    third.run.setCurrentIndex(1)
    third.run.activated.emit(1)
    qtbot.waitUntil(lambda: len(shown(page)) == 3)
    qtbot.waitUntil(lambda: not page.tasks.busy)
    first.remove.click()
    qtbot.waitUntil(lambda: shown(page) == [Side(3, "safeguarded"), Side(2, "safeguarded")])
    qtbot.waitUntil(lambda: not page.tasks.busy)


def shown(page: ComparePage) -> Sequence[Side]:
    return [] if page.comparison is None else [each.side for each in page.comparison.sides]


def test_the_same_side_twice_is_refused_in_words(page: ComparePage, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, "prototype"), (1, "prototype"))

    assert page.status.isVisible()
    assert (
        page.status.text() == "The same variant of the same run is named twice. Compare it with another one."
    )
    assert page.comparison is None
    assert page.empty.isVisible()


def test_a_comparison_can_be_given_up(page: ComparePage, qtbot: QtBot) -> None:
    page.compare([(1, None)])
    assert page.progress.isVisible()

    page.cancel_button.click()

    assert not page.progress.isVisible()
    assert not page.tasks.busy
    assert page.status.text() == "Cancelled."
    assert page.comparison is None


def test_the_comparison_is_copied_as_text(page: ComparePage, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, None))

    page.copy.click()

    lines = QApplication.clipboard().text().splitlines()
    assert lines[0] == "A  Run 1, Prototype: Support assistant, seed 7"
    assert any(line.startswith("Good answers") for line in lines)
    assert page.status.text() == "Copied."


def test_the_curves_lie_over_one_another(page: ComparePage, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, None))

    titles = [title for title, _ in page.findings.board.readout.lines]
    assert titles == ["A: Prototype", "B: With safeguards"]


def test_an_empty_log_says_what_to_do(tmp_path: Path, appearance: Appearance, qtbot: QtBot) -> None:
    page = ComparePage(tmp_path / "none.db", appearance)
    qtbot.addWidget(page)
    page.show()

    qtbot.waitUntil(lambda: "Start one on the Trial page" in page.empty.text.text())
    assert page.empty.isVisible()
    assert not page.newest.isEnabled()
    assert not page.copy.isEnabled()


def test_it_fits_a_small_window_in_dark(page: ComparePage, appearance: Appearance, qtbot: QtBot) -> None:
    compared(page, qtbot, (1, None), (2, None))
    appearance.choose("dark")
    page.resize(640, 400)

    assert page.width() == 640  # at 200 % of 1280
    assert page.findings.horizontalScrollBar().maximum() == 0
    good = page.findings.metrics.grid.index(1, 1)
    assert good.data(Qt.ItemDataRole.ForegroundRole) == appearance.theme.colour("ok")


def test_real_calls_beside_simulated_ones_are_a_difference(
    tmp_path: Path, appearance: Appearance, qtbot: QtBot
) -> None:
    # given one scenario, once with real calls and once simulated
    path = tmp_path / "log.db"
    with SessionLog.open(path) as log, servers() as there:
        file = there.file(tmp_path, SCENARIO, "duration_s=0.3")
        real = run_real(log, file).run_id
        simulated = run_scenario(Order(file), log, Control(), Listener())
        place = there.urls[0].removesuffix("/v1")
    page = ComparePage(path, appearance)
    qtbot.addWidget(page)
    page.show()
    compared(page, qtbot, (real, "safe"), (simulated, "safe"))
    # then the table of settings says which is which, and where the calls went
    settings = page.findings.settings
    assert cells(settings, 0) == ["calls", "calls.primary", "calls.fallback"]
    assert row(settings, "calls") == ["real", "simulated"]
    assert row(settings, "calls.primary") == [f"first-model at {place}", "–"]
    assert page.findings.same.text().startswith("3 settings differ, ")
    assert "SIMULATED beside REAL CALLS" in page.findings.notes.text()
    page.close()
