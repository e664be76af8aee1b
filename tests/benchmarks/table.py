"""The request table over a run of a million requests in two variants: how long things take, and for how long the window
cannot answer meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from app.sessions.insertion import insert
from app.sessions.records import PromptRecord, VariantRecord
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import OUTCOMES, REQUEST_COLUMNS, SEQUENCE_BITS, SERVED_BY, key_of
from app.sessions.writer import NewRun, NewVariant, RunWriter
from tests.benchmarks.line import Line

REQUESTS = 1_000_000
VARIANTS = (("prototype", "Prototype"), ("safeguarded", "With safeguards"))
BEAT_MS = 2


def lines() -> list[Line]:
    """Seconds till the rows in view are read, and the longest time in which a timer of 2 ms was not heard."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        run_id = _make(path)
        return _measure(path, run_id)


def _make(path: Path) -> int:
    """Straight into the table: the writer's rollups are not what is measured."""
    with SessionLog.open(path) as log:
        run_id = RunWriter(log).start(
            NewRun(
                "large",
                "Large",
                'title = "Large"',
                1,
                "virtual",
                1000.0,
                tuple(NewVariant(*each) for each in VARIANTS),
                ("primary",),
            )
        )
        statement = insert("request_log", REQUEST_COLUMNS)
        for variant in range(len(VARIANTS)):
            with log.writing() as connection:
                connection.executemany(statement, _rows(key_of(run_id, variant, 0), variant))
        with log.writing() as connection:
            connection.execute(
                "update runs set state = 'finished', offered = ? where id = ?", (REQUESTS, run_id)
            )
    return run_id


def _rows(base: int, variant: int) -> Iterator[tuple[int | None, ...]]:
    nobody, primary = SERVED_BY.index("nobody"), SERVED_BY.index("primary")
    failed, good = OUTCOMES.index("failed"), OUTCOMES.index("good")
    for number in range(REQUESTS):
        at_us = number * 1_000
        fails = (number * 7 + variant * 3) % 10 == 0
        served_by, outcome = (nobody, failed) if fails else (primary, good)
        ends_us = at_us + 900_000 + number % 977
        head = (base + (number << SEQUENCE_BITS), number % 320, 0, at_us, at_us, None, ends_us)
        yield (*head, served_by, outcome, 0, 1, 0, 700, 150, 12_345_678, 0, 0, 900_000, 0)


def _measure(path: Path, run_id: int) -> list[Line]:
    # Qt is imported here, so that the other benchmarks start without it.
    from PySide6.QtCore import QEventLoop, QObject, QTimer, Slot
    from PySide6.QtWidgets import QApplication

    from widgets.appearance import Appearance
    from widgets.trial.request_table import RequestTable

    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)

    class Heart(QObject):
        """Beats as often as the event loop lets it, and keeps the longest silence."""

        def __init__(self) -> None:
            super().__init__()
            self.longest_s = 0.0
            self._last = perf_counter()
            self._timer = QTimer(self)
            self._timer.timeout.connect(self.beat)
            self._timer.start(BEAT_MS)

        @Slot()
        def beat(self) -> None:
            now = perf_counter()
            self.longest_s = max(self.longest_s, now - self._last)
            self._last = now

        def silence(self) -> float:
            """The longest since last asked."""
            self.beat()
            longest, self.longest_s = self.longest_s, 0.0
            return longest

    table = RequestTable(path, Appearance(application, "light"))
    table.resize(900, 300)
    table.show()
    heart = Heart()
    loop = QEventLoop()
    table.model.loaded.connect(loop.quit)

    def timed(what: str, act: Callable[[], object]) -> Line:
        heart.silence()
        began = perf_counter()
        act()
        while not _in_view(table):
            loop.exec()
        took_s = perf_counter() - began
        stuck_s = heart.silence()
        return Line(what, f"{took_s:.2f} s; the window stood still for {stuck_s * 1e3:.0f} ms at most")

    def open_run() -> None:
        variants = tuple(VariantRecord(i, *each, {}) for i, each in enumerate(VARIANTS))
        table.show_run(run_id, variants, [PromptRecord(0, "answer", None)])
        table.run_grew(REQUESTS, running=False)

    found = [
        timed("open a run of 1,000,000 x 2", open_run),
        timed("jump to the middle", lambda: table.select(REQUESTS // 2)),
        timed("filter by outcome", lambda: table.set_filter_text("failed")),
        timed("filter: saved", lambda: table.set_filter_text("saved")),
        timed("all again", lambda: table.set_filter_text("")),
    ]
    table.close()
    table.deleteLater()
    return found


def _in_view(table: object) -> bool:
    """Whether what the table shows is what was asked for, and read."""
    from widgets.trial.request_table import RequestTable

    assert isinstance(table, RequestTable)
    first = table.view.rowAt(0)
    return not table.looking and first >= 0 and table.model.line_at(first) is not None
