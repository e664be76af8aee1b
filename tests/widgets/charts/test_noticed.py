"""Who noticed trouble, as the window shows it: marks on the charts, and a sentence above them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from app.analysis.curves import Picture, RunPicture
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from widgets.appearance import Appearance, Choice
from widgets.charts.board import ChartBoard
from widgets.trial.summary_strip import SummaryStrip

SETTINGS = ("duration_s=200", "complaints.mean_delay_s=60", "faults.drift.rate=0")


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Picture]:
    with SessionLog.open(tmp_path_factory.mktemp("noticed") / "log.db") as log:
        order = Order(open_scenario("unwatched", SETTINGS))
        yield RunPicture(RunReader(log, run_scenario(order, log, Control(), Listener()))).now()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_alert_has_its_mark_on_the_strip_of_its_variant_and_is_told_in_words(
    qtbot: QtBot, appearance: Appearance, unwatched: Picture, scheme: Choice
) -> None:
    appearance.choose(scheme)
    board = ChartBoard(appearance)
    qtbot.addWidget(board)
    board.resize(760, 560)
    board.show_picture(unwatched)
    assert board.charts is not None
    bare, watched = board.charts.strips
    marked = {
        plot.variant: [note.at_s for note in plot.annotations.notes if note.concerns(plot.variant)]
        for plot in (bare, watched)
    }
    told = {event.variant: event.at_us / 1e6 for event in reversed(unwatched.events) if event.kind == "alert"}
    assert marked["safeguarded"][0] == told["safeguarded"]
    assert told["safeguarded"] not in marked["prototype"]
    assert (
        "With monitoring: alert, more than 10 % of the answers fail a check"
        in board.strip.accessibleDescription()
    )
    assert "Unwatched: customers complain" in board.strip.accessibleDescription()
    assert not board.grab().isNull()
    appearance.choose("light")


def test_the_summary_tells_who_noticed(qtbot: QtBot, unwatched: Picture) -> None:
    strip = SummaryStrip()
    qtbot.addWidget(strip)
    strip.show_picture(unwatched)
    bare, watched = (line for line in strip.as_text().splitlines() if "Trouble was noticed after" in line)
    assert bare.startswith("Unwatched: ")
    assert "by complaints: " in bare
    assert watched.startswith("With monitoring: ")
    assert "by an alert: " in watched
