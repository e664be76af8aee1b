"""Run → Calibrate…: nothing is sent before it is agreed to; the fit beside the data; into the scenario and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.scenario.files import open_scenario
from tests.calibration.rig import loopback, scenario_in
from tests.engine.loopback import Loopback, Play, fails, hangs, says
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.calibration.dialog import CalibrationDialog
from widgets.calibration.distribution_plot import DistributionPlot
from widgets.main_window import MainWindow

TEXT = "This mail is about an order."


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    with main_window(qtbot, appearance, tmp_path) as made:
        made.show()
        yield made


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Answers of 10, 11, 12 … tokens."""
    n = count(10)
    with loopback(lambda _: says(TEXT, usage=(33, next(n)))) as there:
        yield there


def opened(window: MainWindow, folder: Path, base_url: str) -> CalibrationDialog:
    window.session.open_file(scenario_in(folder, base_url))
    window.actions_table["calibrate"].trigger()
    dialog = window.findChild(CalibrationDialog)
    assert dialog is not None
    return dialog


def reckoned(dialog: CalibrationDialog, qtbot: QtBot, calls: int = 8) -> None:
    dialog.form.calls.setValue(calls)
    dialog.form.cap.setValue(1)
    dialog.reckon.click()
    qtbot.waitUntil(dialog.call.isEnabled)


def finished(dialog: CalibrationDialog, qtbot: QtBot) -> None:
    dialog.call.click()
    qtbot.waitUntil(lambda: dialog.calibration is not None)


def calibrated(window: MainWindow, folder: Path, base_url: str, qtbot: QtBot) -> CalibrationDialog:
    """The dialog, after the calls that it proposes."""
    dialog = opened(window, folder, base_url)
    reckoned(dialog, qtbot)
    finished(dialog, qtbot)
    return dialog


def test_what_it_would_do_is_said_before_anything_is_sent(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, server: Loopback
) -> None:
    dialog = opened(window, tmp_path, server.base_url)

    assert (dialog.form.base_url.text(), dialog.form.model.text()) == (server.base_url, "small-model")
    assert not dialog.reckon.isEnabled()
    assert "Give an address, a model and a cap." in dialog.announced.text()
    dialog.form.cap.setValue(1)
    assert dialog.reckon.isEnabled()
    assert not dialog.call.isEnabled()
    reckoned(dialog, qtbot)
    announced = dialog.announced.text().replace("\u200b", "")
    assert f"REAL CALLS to http://127.0.0.1:{server.port} as small-model" in announced
    assert "8 calls, one at a time. Estimate $0.0081 (price: assumed), cap $1.00." in announced
    assert dialog.call.text().replace("&", "") == "Make 8 real calls"
    # Whatever is changed has to be reckoned anew.
    dialog.form.calls.setValue(9)
    assert not dialog.call.isEnabled()
    assert server.heard == []


def test_the_fit_is_shown_beside_the_data_and_used_and_taken_back(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, server: Loopback
) -> None:
    dialog = calibrated(window, tmp_path, server.base_url, qtbot)

    assert len(server.heard) == 8
    titles = [dialog.tabs.tabText(place) for place in range(dialog.tabs.count())]
    assert titles[:4] == ["Calls", "First token", "Answer", "Whole answer"]
    assert titles[-1].startswith("Doubts (")
    assert dialog.found is not None
    table = dialog.found.tables["Answer"]
    cells = [[table.item(row, column) for column in range(4)] for row in range(table.rowCount())]
    median = [cell.text() for cell in cells[1] if cell is not None]
    assert median[:2] == ["p50", "13"]
    assert dialog.focusWidget() is dialog.tabs.tabBar()
    # and the axis has the numbers of the table, whatever the scheme
    dialog._appearance.choose("dark")
    axes = [each.plot.getPlotItem().getAxis("bottom") for each in dialog.findChildren(DistributionPlot)]
    assert [axis.autoSIPrefixScale for axis in axes] == [1.0] * 3
    dialog._appearance.choose("light")
    assert "8 calls, 8 answered" in dialog.told.text().replace("\u200b", "")

    before = window.session.scenario()
    dialog.use.click()
    after = window.session.scenario()
    assert after.tokens.output_tokens == pytest.approx(13, abs=1)
    assert "calibrated against" in after.assumptions["tokens.output_tokens"]
    assert "# the one that we rent" in window.session.switchboard.base_text()
    window.actions_table["undo"].trigger()
    assert window.session.scenario() == before


def test_another_address_is_called_and_becomes_the_scenarios(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, server: Loopback
) -> None:
    dialog = opened(window, tmp_path, "http://127.0.0.1:9/v1")
    dialog.form.base_url.setText(server.base_url)
    dialog.form.model.setText("another")
    reckoned(dialog, qtbot, calls=5)
    finished(dialog, qtbot)

    assert {heard.body["model"] for heard in server.heard} == {"another"}
    dialog.save_to(tmp_path / "nowhere" / "calibrated.toml")
    assert "cannot be written" in dialog.error.what.text()
    assert dialog.tabs.currentIndex() == 0
    dialog.save_to(tmp_path / "calibrated.toml")
    dialog.use.click()
    for scenario in (window.session.scenario(), open_scenario(str(tmp_path / "calibrated.toml")).scenario):
        target = scenario.targets["primary"]
        assert target.endpoint is not None
        assert (target.endpoint.base_url, target.model) == (server.base_url, "another")


def test_a_stop_keeps_what_was_measured(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    def script(n: int) -> Play:
        return says(TEXT, usage=(33, 12)) if n < 6 else hangs()

    with loopback(script) as server:
        dialog = opened(window, tmp_path, server.base_url)
        reckoned(dialog, qtbot, calls=30)
        dialog.call.click()
        qtbot.waitUntil(lambda: dialog.progress.value() == 6)
        assert "6 calls made, " in dialog.told.text()
        dialog.stop.click()
        qtbot.waitUntil(lambda: dialog.calibration is not None)

    assert dialog.calibration is not None
    assert dialog.calibration.fits.answered == 6
    assert dialog.use.isEnabled()


def test_closing_it_ends_the_calls(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    with loopback(lambda n: says(TEXT, usage=(33, 12)) if n < 2 else hangs()) as server:
        dialog = opened(window, tmp_path, server.base_url)
        reckoned(dialog, qtbot, calls=30)
        dialog.call.click()
        qtbot.waitUntil(lambda: dialog.progress.value() == 2)
        dialog.close()
    assert len(server.heard) <= 3


def test_what_is_wrong_is_said_in_the_dialog(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = opened(window, tmp_path, "http://127.0.0.1:9/v1")
    dialog.form.base_url.setText("ftp://nowhere")
    dialog.form.cap.setValue(1)
    dialog.reckon.click()
    assert not dialog.error.isHidden()
    dialog.form.base_url.setText("http://127.0.0.1:9/v1")
    dialog.form.calls.setValue(1)
    dialog.form.cap.setValue(0.01)
    dialog.reckon.click()
    qtbot.waitUntil(dialog.call.isEnabled)
    assert dialog.error.isHidden()


def test_where_nothing_can_be_fitted_nothing_can_be_used(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    with loopback(lambda _: fails(401)) as server:
        dialog = calibrated(window, tmp_path, server.base_url, qtbot)

    assert not dialog.use.isEnabled()
    assert not dialog.save.isEnabled()
    assert [dialog.tabs.tabText(place) for place in range(dialog.tabs.count())] == [
        "Calls",
        "Other figures",
        "Doubts (2)",
    ]


def test_a_result_is_not_taken_into_another_scenario(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, server: Loopback
) -> None:
    dialog = calibrated(window, tmp_path, server.base_url, qtbot)
    window.session.open_scenario("retry-storm")
    assert not dialog.use.isEnabled()
    assert dialog.save.isEnabled()
