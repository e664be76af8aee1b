"""The dialog "Will it recover?": the settings' answer, what a run did, and switches that change the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.session_log import SessionLog
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow
from widgets.stability_dialog import StabilityDialog

SHORT = ["duration_s=100"]


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    """The window with the scenario open; its log holds a run of it, which is not shown."""
    with SessionLog.open(tmp_path / "log.db") as log:
        run_scenario(Order(open_scenario("retry-storm", SHORT)), log, Control(), Listener())
    with main_window(qtbot, appearance, tmp_path) as made:
        made.show()
        made.session.open_file(open_scenario("retry-storm", SHORT))
        yield made


def opened(window: MainWindow, qtbot: QtBot) -> StabilityDialog:
    window.actions_table["stability"].trigger()
    dialog = window.findChild(StabilityDialog)
    assert dialog is not None
    wait(qtbot, lambda: dialog.table.rowCount() > 0)
    return dialog


def wait(qtbot: QtBot, happens: Callable[[], bool]) -> None:
    qtbot.waitUntil(happens)


def row(dialog: StabilityDialog, title: str) -> list[str]:
    """The texts of the row that begins so, one for each variant; none if there is no such row."""
    table = dialog.table
    for place in range(table.rowCount()):
        first = table.item(place, 0)
        if first is not None and first.text().startswith(title):
            cells = [table.item(place, column) for column in range(1, table.columnCount())]
            return [cell.text() for cell in cells if cell is not None]
    return []


def test_both_variants_stand_side_by_side_and_every_number_has_its_formula(
    window: MainWindow, qtbot: QtBot
) -> None:
    dialog = opened(window, qtbot)

    assert row(dialog, "At this load it") == ["may never come back", "comes back from any outage"]
    assert row(dialog, "Recovers below") == ["6.81 per s", "22.70 per s"]
    assert dialog.verdicts.text().splitlines()[0] == "Prototype, 10 requests/s: may never come back."
    tips = [
        dialog.table.item(place, column).toolTip()  # type: ignore[union-attr]
        for place in range(1, dialog.table.rowCount())
        for column in range(dialog.table.columnCount())
    ]
    assert all(tips)
    # Whoever uses no mouse reads the formula of the row they are in.
    dialog.table.setFocus()
    dialog.table.setCurrentCell(1, 0)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Down)
    assert dialog.formula.text().startswith("Offered load: Requests per second")


def test_a_switch_changes_what_is_expected_and_undo_changes_it_back(window: MainWindow, qtbot: QtBot) -> None:
    dialog = opened(window, qtbot)
    window.session.switchboard.flip([("variants.prototype.safeguards.retry.on", False)], "No retries")
    wait(qtbot, lambda: row(dialog, "At this load it")[:1] == ["comes back from any outage"])
    window.actions_table["undo"].trigger()
    wait(qtbot, lambda: row(dialog, "At this load it")[:1] == ["may never come back"])


def test_a_run_that_ends_brings_what_it_did(window: MainWindow, qtbot: QtBot) -> None:
    # Given the dialog, open before anything runs
    dialog = opened(window, qtbot)
    assert row(dialog, "Attempts per request") == []

    # When a run goes to its end, then what happened stands below what was expected
    window.actions_table["speed_max"].trigger()
    window.actions_table["run"].trigger()
    wait(qtbot, lambda: bool(row(dialog, "Attempts per request")))
    (bare, _) = row(dialog, "Back after: The provider stands still (45")
    assert bare == "not in 35 s (expected: never)"
    assert "run 2" in dialog.windowTitle()

    # And a switch that is flipped afterwards changes what is expected, and not what happened
    window.session.switchboard.flip([("variants.prototype.safeguards.retry.on", False)], "No retries")
    wait(qtbot, lambda: row(dialog, "At this load it")[:1] == ["comes back from any outage"])
    assert row(dialog, "Back after: The provider stands still (45")[0] == bare


def test_a_saved_run_of_another_scenario_is_asked_about_with_its_own_settings(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.session.open_file(open_scenario("provider-outage"))
    dialog = opened(window, qtbot)
    assert row(dialog, "Offered load")[0] == "5.00 per s"
    window.session.show_run(1)
    wait(qtbot, lambda: row(dialog, "Offered load")[:1] == ["10.00 per s"])
    assert row(dialog, "Back after: The provider stands still (45")


def test_asking_again_brings_the_one_that_is_open_and_a_closed_one_anew(
    window: MainWindow, qtbot: QtBot
) -> None:
    dialog = opened(window, qtbot)
    assert opened(window, qtbot) is dialog
    dialog.reject()
    again = [each for each in window.findChildren(StabilityDialog) if each.isVisible()]
    assert again == []
    window.actions_table["stability"].trigger()
    (anew,) = [each for each in window.findChildren(StabilityDialog) if each.isVisible()]
    wait(qtbot, lambda: anew.table.rowCount() > 0)


def test_what_cannot_be_told_is_said(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    # Given traffic whose rate only a run knows
    trace = tmp_path / "requests.csv"
    trace.write_text("timestamp\n1\n2\n3\n", encoding="utf-8")
    window.session.open_file(
        open_scenario(
            "retry-storm",
            ["traffic.arrivals=trace", f"traffic.trace.path={trace}", "traffic.rate_per_s="],
        )
    )
    window.actions_table["stability"].trigger()
    dialog = window.findChild(StabilityDialog)
    assert dialog is not None
    wait(qtbot, lambda: "recorded trace" in dialog.verdicts.text())
    assert dialog.table.rowCount() == 0
