"""What a test of the Runs page asks of its log."""

from __future__ import annotations

from pathlib import Path

from app.sessions.reader import runs
from app.sessions.session_log import SessionLog


def logged(path: Path) -> list[int]:
    with SessionLog.open(path) as log:
        return [record.run_id for record in runs(log)]
