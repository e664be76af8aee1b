"""For how long the window does not answer while a run goes as fast as it can, with charts, cards and a request table that
follows; beside an event loop that has nothing else to do while the same engine works."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from app.scenario.files import open_scenario
from app.sessions.session_log import SessionLog
from tests.benchmarks.line import Line
from tests.benchmarks.window import BEAT_MS, Heart, Pauses, opened_window, the_application, until
from widgets.engine_link import EngineLink, EngineOrder

SETTINGS = ["duration_s=3000"]
WANTED_S = 0.05


def lines() -> list[Line]:
    """The bare loop first: what it is late by is the machine's doing."""
    with TemporaryDirectory() as folder:
        bare = _bare(Path(folder) / "bare.db")
    with TemporaryDirectory() as folder:
        ours = _ours(Path(folder))
    own_s = np.array(ours.late_s) - np.array(ours.waited_s)
    return [
        Line("an idle event loop beside the engine", _told(np.array(bare.late_s))),
        _line("the window in a run at full speed: p99 / 50 ms", np.array(ours.late_s)),
        # Neither too kind nor too harsh by itself: of this wait a part is for the run's own engine and reader.
        _line("the same without its waits for a processor: p99 / 50 ms", np.maximum(own_s, 0)),
    ]


def _bare(log_path: Path) -> Pauses:
    the_application()
    SessionLog.open(log_path).close()
    file = open_scenario("support-assistant", SETTINGS)
    link = EngineLink()
    heart = Heart()
    link.start(EngineOrder(file.name, text=file.text, log=log_path))
    until(lambda: not link.running)
    return heart.stop()


def _ours(folder: Path) -> Pauses:
    with opened_window(folder, folder / "log.db", SETTINGS) as window:
        session = window.session
        session.set_speed(None)
        assert window.trial.board.isVisible()
        assert window.trial.table.isVisible()
        assert window.trial.table.bar.follow.isChecked()
        heart = Heart()
        session.start()
        until(lambda: session.picture is not None and session.picture.record.ended_at is not None)
        return heart.stop()


def _line(what: str, late_s: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Line:
    return Line(what, _told(late_s), float(np.percentile(late_s, 99)) / WANTED_S, "<= 1")


def _told(late_s: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    p99_ms, longest_ms = np.percentile(late_s, 99) * 1000, late_s.max() * 1000
    return f"p99 {p99_ms:.0f} ms, longest {longest_ms:.0f} ms late, of {len(late_s):,} beats of {BEAT_MS} ms"
