"""One real run for all tests of charts: a support assistant that meets its limits at 80 s and an outage at 180 s."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.analysis.curves import Picture, RunPicture
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog


@pytest.fixture(scope="package")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunPicture]:
    """Pictures of the run at any moment; its bins are 5 s long."""
    path: Path = tmp_path_factory.mktemp("charts") / "log.db"
    log = SessionLog.open(path, create=True)
    run_id = run_scenario(Order(open_scenario("support-assistant")), log, Control(), Listener())
    yield RunPicture(RunReader(log, run_id))
    log.close()


@pytest.fixture(scope="package")
def whole(past: RunPicture) -> Picture:
    """The run at its end."""
    return past.now()
