"""The top bar: traffic, seed, clock, and the actions as buttons."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QLabel, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.scenario.files import ScenarioFile, open_scenario, parse_scenario
from app.traffic.settings import LEVELS, Traffic
from tests.harness import simulation_of
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH
from tests.widgets.trial.boards import SUPPORT
from widgets.actions import Actions
from widgets.appearance import Appearance
from widgets.trial.flow import FlowLayout
from widgets.trial.switchboard import Switchboard
from widgets.trial.top_bar import TopBar, clock
from widgets.trial.traffic_panel import in_words, level_of, level_setting, rate_per_s

BY_LEVEL = parse_scenario(SMALL.replace("rate_per_s = 2", 'level = "demo"'), PATH)


@pytest.fixture
def bar(qtbot: QtBot, appearance: Appearance, board: Switchboard) -> TopBar:
    widget = TopBar(Actions(board), board)
    qtbot.addWidget(widget)
    widget.resize(1280, 60)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def pick(bar: TopBar, text: str) -> None:
    index = bar.traffic.level.findText(text)
    bar.traffic.level.setCurrentIndex(index)
    bar.traffic.level.activated.emit(index)


def test_buttons_do_what_the_actions_do(qtbot: QtBot, appearance: Appearance, board: Switchboard) -> None:
    actions = Actions(board)
    bar = TopBar(actions, board)
    qtbot.addWidget(bar)
    for name in ("run", "pause", "stop", "speed_1", "speed_10", "speed_max"):
        button = bar.findChild(QToolButton, f"{name}_button")
        assert button is not None
        with qtbot.waitSignal(actions[name].triggered):
            button.click()
    assert actions["speed_max"].isChecked()
    assert not actions["speed_1"].isChecked()


def test_with_real_calls_the_bar_is_one_row_and_says_whose_turn_it_is(bar: TopBar) -> None:
    # given a bar as wide as a small screen, and a run of real calls, which have no speed
    one_row = bar.heightForWidth(1280)
    bar.offer_speeds(False)
    bar.show_badge("REAL CALLS", real=True)
    # when it is told what was spent, and which turn it is
    bar.set_running(True)
    bar.show_spent(0.0061, 10, "turn 2 of 2", "With <safeguards>")
    # then there is room for it, and nothing in it is taken for markup
    assert bar.spent.text() == "$0.0061 of $10.00 spent, turn 2 of 2"
    assert "turn of With &lt;safeguards&gt;" in bar.spent.toolTip()
    assert bar.heightForWidth(1280) == one_row
    # and once it is over it is nobody's turn
    bar.set_running(False)
    assert bar.spent.text() == "$0.0061 of $10.00 spent"
    assert "turn" not in bar.spent.toolTip()
    bar.offer_speeds(True)
    speed = bar.findChild(QToolButton, "speed_10_button")
    assert speed is not None
    assert speed.isVisible()


@pytest.mark.parametrize(
    "file", [SUPPORT, open_scenario("launch-day"), BY_LEVEL], ids=["rate", "points", "level"]
)
@pytest.mark.parametrize("level", LEVELS)
def test_a_level_takes_the_place_of_a_rate_of_points_and_of_a_level_in_one_setting(
    file: ScenarioFile, level: str
) -> None:
    board = Switchboard()
    board.load(file)
    original = file.scenario.traffic
    board.begin_run()  # so that only what a run can take is accepted
    setting = level_setting(original, original, level)  # type: ignore[arg-type]
    assert board.flip([setting], level)
    now = board.scenario.traffic
    assert rate_per_s(now, 3.0) == pytest.approx(LEVELS[level].rate_per_s)  # type: ignore[index]
    if now != original:
        assert level_of(now, original) == level
    assert board.flip([level_setting(now, original, None)], "back")
    assert board.scenario.traffic == original
    assert level_of(original, original) is None


@pytest.mark.parametrize("name", ["support-assistant", "launch-day"])
def test_a_real_run_goes_over_to_the_level(name: str) -> None:
    file = open_scenario(name, ["duration_s=40", "changes=[]"])
    with simulation_of(file) as (simulation, _):
        simulation.advance(20_000_000)
        before = simulation.offered
        traffic = file.scenario.traffic
        simulation.change(*level_setting(traffic, traffic, "launch_day"))
        simulation.advance(40_000_000)
        assert simulation.offered - before == pytest.approx(20 * 25, rel=0.2)
        simulation.finish()


def test_picking_a_level_shows_it_and_its_rate(bar: TopBar, board: Switchboard) -> None:
    assert bar.traffic.level.currentText() == "As in scenario"
    assert bar.traffic.rate.text() == "8 requests a second"
    pick(bar, "Launch day")
    assert bar.traffic.rate.text() == "25 requests a second"
    assert bar.traffic.level.currentText() == "Launch day"
    pick(bar, "As in scenario")
    assert board.scenario == SUPPORT.scenario
    board.undo()
    assert bar.traffic.level.currentText() == "Launch day"


def test_the_slider_multiplies_the_traffic_and_its_moves_are_undone_together(
    bar: TopBar, board: Switchboard, qtbot: QtBot
) -> None:
    slider = bar.traffic.slider
    slider.setFocus()
    for _ in range(3):
        qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert board.scenario.traffic.factor == pytest.approx(7.94)
    assert bar.traffic.rate.text() == "64 requests a second"
    board.undo()
    assert board.scenario.traffic.factor == 1
    assert slider.value() == 0


def test_while_the_slider_is_dragged_the_rate_is_told_and_set_when_it_is_let_go(
    bar: TopBar, board: Switchboard
) -> None:
    slider = bar.traffic.slider
    slider.setSliderDown(True)
    slider.setSliderPosition(100)
    assert bar.traffic.rate.text() == "80 requests a second"
    assert board.scenario.traffic.factor == 1
    slider.setSliderDown(False)
    assert board.scenario.traffic.factor == 10


def test_a_rate_that_changes_over_time_is_told_as_it_is_now(bar: TopBar, board: Switchboard) -> None:
    board.load(open_scenario("launch-day"))
    assert bar.traffic.rate.text() == "2 requests a second"
    bar.show_progress(275, 480)
    assert bar.traffic.rate.text() == "50 requests a second"
    assert bar.clock.text() == "4:35 of 8:00"


def test_the_seed_is_set_between_runs_and_rests_during_one(
    bar: TopBar, board: Switchboard, qtbot: QtBot
) -> None:
    line = bar.seed.lineEdit()
    line.selectAll()
    qtbot.keyClicks(line, str(2**33 + 5))
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert board.scenario.seed == 2**33 + 5
    qtbot.keyClick(bar.seed, Qt.Key.Key_Up)
    assert board.scenario.seed == 2**33 + 6
    board.undo()
    assert bar.seed.value == 7
    bar.set_running(True)
    assert not bar.seed.isEnabled()
    bar.set_running(False)
    assert bar.seed.isEnabled()


@pytest.mark.parametrize(("typed", "seed"), [("", 7), ("-3", 3), ("abc", 7), (str(2**63), (2**63) // 10)])
def test_a_seed_that_cannot_be_is_not_taken(
    bar: TopBar, board: Switchboard, qtbot: QtBot, typed: str, seed: int
) -> None:
    line = bar.seed.lineEdit()
    line.selectAll()
    qtbot.keyClick(line, Qt.Key.Key_Delete)
    qtbot.keyClicks(line, typed)
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert board.scenario.seed == seed
    assert line.text() == str(seed)


def test_seed_stops_at_its_ends(bar: TopBar, qtbot: QtBot) -> None:
    bar.seed.show_value(0)
    bar.seed.stepBy(-1)
    assert bar.seed.value == 0
    bar.seed.show_value(2**63 - 1)
    bar.seed.stepBy(1)
    assert bar.seed.value == 2**63 - 1


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0:00"), (83.9, "1:23"), (3599, "59:59"), (3600, "1:00:00"), (90_061, "25:01:01")],
)
def test_the_clock(seconds: float, told: str) -> None:
    assert clock(seconds) == told


@pytest.mark.parametrize(
    ("per_s", "words"),
    [
        (0, "0 requests a second"),
        (1, "1 request a second"),
        (0.1, "6 requests a minute"),
        (2.5, "2.5 requests a second"),
        (1234.5, "1,234 requests a second"),
    ],
)
def test_a_rate_in_words(per_s: float, words: str) -> None:
    assert in_words(per_s) == words


def test_a_factor_of_nothing_stands_at_the_end(bar: TopBar, board: Switchboard) -> None:
    board.flip([("traffic.factor", 0)], "Nothing comes")
    assert bar.traffic.slider.value() == bar.traffic.slider.minimum()
    assert bar.traffic.rate.text() == "0 requests a second"


def test_it_stands_in_one_row_at_1280_and_wraps_without_clipping_below(bar: TopBar) -> None:
    one_row = bar.heightForWidth(1264)
    assert one_row < 60
    assert bar.heightForWidth(640) > one_row
    bar.resize(640, bar.heightForWidth(640))
    for child in bar.findChildren(QWidget):
        if child.isVisible() and isinstance(child, QLabel | QToolButton):
            corner = child.mapTo(bar, QPoint(0, 0))
            assert corner.x() + child.width() <= 640
            assert corner.y() + child.height() <= bar.height()
            assert child.width() >= child.minimumSizeHint().width()


def test_every_control_has_a_name(bar: TopBar) -> None:
    for control in (bar.traffic.level, bar.traffic.slider, bar.seed):
        assert control.accessibleName()
    for button in bar.findChildren(QToolButton):
        assert button.accessibleName()
    assert bar.badge.text() == "SIMULATED"


def test_a_flow_goes_on_below_where_the_width_ends(qtbot: QtBot) -> None:
    host = QWidget()
    qtbot.addWidget(host)
    flow = FlowLayout(host, gap=10)
    boxes = [QWidget() for _ in range(3)]
    for box in boxes:
        box.setFixedSize(QSize(100, 20))
        flow.addWidget(box)
    host.resize(215, 100)
    host.show()
    assert [(box.x(), box.y()) for box in boxes] == [(0, 0), (110, 0), (0, 30)]
    assert flow.heightForWidth(320) == 20
    assert flow.heightForWidth(100) == 80
    boxes[1].hide()
    assert flow.heightForWidth(215) == 20
    assert [
        flow.heightForWidth(wide) >= flow.heightForWidth(wider)
        for wide, wider in pairwise(range(100, 400, 50))
    ]
    flow.removeWidget(boxes[2])
    assert flow.count() == 2


def test_traffic_that_is_at_no_level_is_none_of_them() -> None:
    original = Traffic(rate_per_s=8)
    assert level_of(Traffic(rate_per_s=9), original) is None
    assert level_of(Traffic(rate_per_s=200), original) == "viral"


def test_the_clock_of_a_run_stays_when_a_switch_is_flipped_after_it(bar: TopBar, board: Switchboard) -> None:
    # Given a run that ended and is shown
    bar.show_run(True)
    bar.show_progress(300, 300)

    # When the next one is prepared, the clock is still that run's
    pick(bar, "Launch day")
    assert bar.clock.text() == "5:00 of 5:00"

    # And once no run is shown, the scenario's
    bar.show_run(False)
    assert bar.clock.text() == "0:00 of 5:00"


def test_after_stop_the_keyboard_is_at_run(qtbot: QtBot, appearance: Appearance, board: Switchboard) -> None:
    # Given a run that goes, and Stop that has the keyboard
    actions = Actions(board)
    bar = TopBar(actions, board)
    qtbot.addWidget(bar)
    bar.show()
    bar.activateWindow()
    qtbot.waitActive(bar)
    run, stop = (bar.findChild(QToolButton, f"{name}_button") for name in ("run", "stop"))
    assert run is not None
    assert stop is not None
    actions["run"].setEnabled(False)
    stop.setFocus()
    qtbot.waitUntil(stop.hasFocus)
    # When it is pressed, and the run ends a little later
    qtbot.keyClick(stop, Qt.Key.Key_Space)
    actions["stop"].setEnabled(False)
    qtbot.waitUntil(lambda: not stop.hasFocus())
    actions["run"].setEnabled(True)
    # Then Run has it
    qtbot.waitUntil(run.hasFocus)
