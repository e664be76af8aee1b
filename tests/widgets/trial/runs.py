"""A short real run, and what the window shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.analysis.curves import Picture, RunPicture
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog


def picture_of_a_run(path: Path, scenario: str, settings: Sequence[str]) -> Picture:
    """The picture of a run of a ready-made scenario, kept in a log at `path`."""
    with SessionLog.open(path) as log:
        run_id = run_scenario(Order(open_scenario(scenario, settings)), log, Control(), Listener())
        return RunPicture(RunReader(log, run_id)).now()
