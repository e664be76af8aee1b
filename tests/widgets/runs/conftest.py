"""Real runs for the Runs page, made once and copied for each test that changes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.maintenance import annotate
from app.sessions.session_log import SessionLog
from widgets.actions import Actions
from widgets.appearance import Appearance
from widgets.runs.page import RunsPage


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1: the first day; 2: named, tagged and noted; 3: another seed."""
    path = tmp_path_factory.mktemp("runs") / "log.db"
    with SessionLog.open(path) as log:
        for settings in (["duration_s=20"], ["duration_s=15"], ["duration_s=10", "seed=8"]):
            run_scenario(Order(open_scenario("support-assistant", settings)), log, Control(), Listener())
        annotate(log, 2, name="Before the launch", tags="demo, board", note="Shown on Monday")
        log.db.execute("pragma wal_checkpoint(truncate)")
    return path


@pytest.fixture
def log_path(made_once: Path, tmp_path: Path) -> Path:
    """A log of three runs that a test may change."""
    return Path(shutil.copy(made_once, tmp_path / "log.db"))


@pytest.fixture
def page(log_path: Path, appearance: Appearance, qapp: QApplication, qtbot: QtBot) -> Iterator[RunsPage]:
    actions = Actions(qapp)
    made = RunsPage(log_path, actions, appearance)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitUntil(lambda: made.shown.rowCount() == 3)
    yield made
    made.close()
    actions.deleteLater()
