"""How long a run of a million requests in two variants takes from being asked for to being on the charts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget

from app.scenario.files import open_scenario
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import OUTCOMES, SEQUENCE_BITS, SERVED_BY, key_of
from app.sessions.writer import NewRun, NewVariant, RunWriter
from tests.benchmarks.line import Line
from tests.benchmarks.window import opened_window, until
from widgets.main_window import MainWindow

REQUESTS = 1_000_000
DURATION_S = 36_000.0
"""Ten hours: drawn from 600 rollups for each variant, about as many as it can be."""
VARIANTS = (NewVariant("prototype", "Prototype"), NewVariant("safeguarded", "With safeguards"))
SLICE = 10_000
ROUNDS = 5
WANTED_S = 1.0

Rows = list[tuple[int | None, ...]]


def lines() -> list[Line]:
    """The log is made first, and its making not counted."""
    with TemporaryDirectory() as folder:
        log_path = Path(folder) / "log.db"
        run_id = _make(log_path)
        with opened_window(Path(folder), log_path, []) as window:
            painted = _Painted(window.trial.board.axis)
            took_s = [_open(window, run_id, painted) for _ in range(ROUNDS)]
    told = f"{took_s[0]:.2f} s the first time, {min(took_s):.2f} s the best of {ROUNDS}"
    return [Line(f"open a run of {REQUESTS:,} x 2: the first time / 1 s", told, took_s[0] / WANTED_S, "<= 1")]


def _open(window: MainWindow, run_id: int, painted: _Painted) -> float:
    window.session.show_run(None)
    until(lambda: not window.trial.board.axis.isVisible())
    painted.forget()
    began = perf_counter()
    window.session.show_run(run_id)
    until(lambda: painted.at_s is not None)
    assert painted.at_s is not None
    return painted.at_s - began


class _Painted(QObject):
    """`at_s` is when the widget was painted first since `forget`. The lowest of a page is the last that is painted."""

    def __init__(self, watched: QWidget) -> None:
        super().__init__(watched)
        self.at_s: float | None = None
        watched.installEventFilter(self)

    def forget(self) -> None:
        """Wait for the next time."""
        self.at_s = None

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Note the moment, and let the event pass."""
        if event.type() == QEvent.Type.Paint and self.at_s is None:
            self.at_s = perf_counter()
        return False


def _make(log_path: Path) -> int:
    """Through the writer, for the charts are drawn from its rollups; no attempts, for nothing here reads them."""
    file = open_scenario("support-assistant", [f"duration_s={DURATION_S:.0f}"])
    with SessionLog.open(log_path) as log:
        writer = RunWriter(log)
        run = NewRun(
            file.name, "Large", file.text, 7, "virtual", DURATION_S, VARIANTS, ("primary", "fallback")
        )
        run_id = writer.start(run)
        writer.add_offered(_intended_us())
        slices = [_slices(run_id, variant) for variant in range(len(VARIANTS))]
        for parts in zip(*slices, strict=True):
            for variant, rows in enumerate(parts):
                writer.add(variant, request_rows(rows), attempt_rows())
            writer.flush(min(int(rows[-1][6] or 0) for rows in parts))
        end_us = int(DURATION_S * 1e6) + 60_000_000
        writer.end("finished", end_us, drain_end_us=end_us)
    return run_id


def _intended_us() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(REQUESTS, dtype=np.int64) * round(DURATION_S * 1e6 / REQUESTS)


def _slices(run_id: int, variant: int) -> Iterator[Rows]:
    """A variant's rows in the order in which they ended."""
    random = np.random.default_rng(variant)
    intended_us = _intended_us()
    outcome = random.choice(len(OUTCOMES), REQUESTS, p=(0.1, 0.03, 0.05, 0.02, 0.8))
    failed = outcome == OUTCOMES.index("failed")
    served_by = np.where(failed, SERVED_BY.index("nobody"), SERVED_BY.index("primary"))
    finished_us = intended_us + (random.lognormal(0.8, 0.7, REQUESTS) * 1e6).astype(np.int64)
    order = np.argsort(finished_us, kind="stable")
    keys = key_of(run_id, variant, 0) + (np.arange(REQUESTS, dtype=np.int64) << SEQUENCE_BITS)
    columns = [each[order].tolist() for each in (keys, intended_us, finished_us, served_by, outcome)]
    for first in range(0, REQUESTS, SLICE):
        yield [
            (key, 0, 0, at, at, None, end, server, got, 0, 1, 0, 700, 150, 195_000_000, 0, 0, end - at, 0)
            for key, at, end, server, got in zip(
                *(each[first : first + SLICE] for each in columns), strict=True
            )
        ]
