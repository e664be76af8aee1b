"""A closed loop is called so wherever it is shown, and its variants are not set against each other request by request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.session_log import SessionLog
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow
from widgets.trial.request_model import open_text
from widgets.trial.request_turns import Place

SETTINGS = ("duration_s=20", "drain_s=20", "acts=[]", "changes=[]")
CLOSED = (
    *("traffic.arrivals=closed", "traffic.users.count=40", "traffic.users.think_s=5"),
    *("traffic.points=", "traffic.rate_per_s=", "traffic.level="),
)


@pytest.fixture
def window(qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    """The window with a closed loop (1) and an open one (2) in its log, and an open one as its scenario."""
    with SessionLog.open(tmp_path / "log.db") as log:
        for more in (CLOSED, ()):
            run_scenario(
                Order(open_scenario("support-assistant", (*SETTINGS, *more))), log, Control(), Listener()
            )
    with main_window(qtbot, appearance, tmp_path) as made:
        made.show()
        made.session.open_file(open_scenario("support-assistant", SETTINGS))
        yield made


def test_the_badge_is_the_run_s_that_is_shown(window: MainWindow, qtbot: QtBot) -> None:
    for run_id, badge in ((1, "SIMULATED, CLOSED LOOP"), (2, "SIMULATED")):
        window.session.show_run(run_id)
        qtbot.waitUntil(
            lambda run_id=run_id: (  # type: ignore[misc]
                window.session.picture is not None and window.session.picture.record.run_id == run_id
            ),
        )
        assert window.trial.top_bar.badge.text() == badge
        assert ("closed loop" in window.trial.summary.as_text()) == (run_id == 1)


def test_what_the_slower_variant_was_never_asked_is_not_said_to_be_lost() -> None:
    assert open_text(Place.ASKED, 0, over=True, closed_loop=True) == "Not asked"
    assert open_text(Place.ASKED, 0, over=True) == "No end"
    assert open_text(Place.ASKED, 1, over=True, closed_loop=True) == "–"


def test_the_compare_page_does_not_pair_its_variants(window: MainWindow, qtbot: QtBot) -> None:
    window.compare.compare([(1, None)])
    qtbot.waitUntil(lambda: window.compare.comparison is not None)
    findings = window.compare.findings
    assert "closed loop" in findings.pairing.text()
    assert not findings.saved.isVisibleTo(findings)
    assert "CLOSED LOOP" in findings.notes.text()
