"""For how long the window does not answer while a run goes as fast as it can, with charts, cards and a request table that
follows; beside an event loop that has nothing else to do while the same engine works."""

from __future__ import annotations

from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from app.scenario.files import open_scenario
from app.sessions.session_log import SessionLog
from tests.benchmarks.line import Line
from tests.benchmarks.window import Heart, opened_window, the_application, until
from widgets.engine_link import EngineLink, EngineOrder

SETTINGS = ["duration_s=3000"]
WANTED_S = 0.05


def lines() -> list[Line]:
    """The bare loop first; what it is late by is the machine's doing."""
    with TemporaryDirectory() as folder:
        bare = _bare(Path(folder) / "bare.db")
    with TemporaryDirectory() as folder:
        ours = _ours(Path(folder))
    p99_s = _p99(ours)
    return [
        Line("an idle event loop beside the engine", _told(bare)),
        Line("the window in a run at full speed: p99 / 50 ms", _told(ours), p99_s / WANTED_S, "<= 1"),
    ]


def _bare(log_path: Path) -> list[float]:
    the_application()
    SessionLog.open(log_path).close()
    file = open_scenario("support-assistant", SETTINGS)
    link = EngineLink()
    heart = Heart()
    link.start(EngineOrder(file.name, text=file.text, log=log_path))
    until(lambda: not link.running)
    heart.stop()
    return heart.take()


def _ours(folder: Path) -> list[float]:
    with opened_window(folder, folder / "log.db", SETTINGS) as window:
        session = window.session
        session.set_speed(None)
        until(lambda: window.trial.board.isVisible())
        assert window.trial.table.bar.follow.isChecked()
        heart = Heart()
        session.start()
        until(lambda: session.picture is not None and session.picture.record.ended_at is not None)
        heart.stop()
        return heart.take()


def _p99(pauses_s: list[float]) -> float:
    return quantiles(pauses_s, n=100)[98]


def _told(pauses_s: list[float]) -> str:
    p99_ms, longest_ms = _p99(pauses_s) * 1000, max(pauses_s) * 1000
    return f"p99 {p99_ms:.0f} ms, longest {longest_ms:.0f} ms, {len(pauses_s):,} beats in {sum(pauses_s) + 0.005 * len(pauses_s):.1f} s"
