"""Real runs for the Compare page, made once: nothing here changes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.session_log import SessionLog


@pytest.fixture(scope="session")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1: the first day; 2: the same without the cache, half of the calls failing; 3: another seed."""
    path = tmp_path_factory.mktemp("compare") / "log.db"
    without = ["faults.everyday_errors.rate=0.5", "variants.safeguarded.safeguards.cache.on=false"]
    with SessionLog.open(path) as log:
        for settings in ([], without, ["seed=8"]):
            order = Order(open_scenario("support-assistant", ["duration_s=20", *settings]))
            run_scenario(order, log, Control(), Listener())
    return path
