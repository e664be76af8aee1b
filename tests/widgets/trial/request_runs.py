"""Real short runs for the tests of the request table and the detail: one with an outage and mess, in a log of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.engine.control import Control
from app.engine.real_calls import RealCalls
from app.engine.run import Listener, Order, Progress, run_scenario
from app.scenario.files import open_scenario
from app.sessions.reader import RunReader
from app.sessions.records import PromptRecord, RequestRecord, VariantRecord
from app.sessions.session_log import SessionLog
from tests.engine.real_runs import SCENARIO, servers

SETTINGS = (
    "duration_s=20",
    "drain_s=60",
    "acts=[]",
    "changes=[]",
    "faults=[{kind = 'outage', id = 'outage', label = 'The primary is out', targets = ['primary'], from_s = 5, to_s = 12,"
    " hang_share = 0.5}, {kind = 'typos', rate = 0.5, severity = 0.4}]",
)


@dataclass(frozen=True)
class LoggedRun:
    """A run in a log: what the window is told of it."""

    path: Path
    run_id: int
    variants: tuple[VariantRecord, ...]
    prompts: tuple[PromptRecord, ...]
    offered: int
    rows: dict[str, dict[int, RequestRecord]]

    def number(self, **wanted: str) -> int:
        """The first request that has these values: `prototype_outcome='failed'`."""
        for number in range(self.offered):
            if all(self._value(number, name) == value for name, value in wanted.items()):
                return number
        raise AssertionError(f"no request with {wanted}")

    def _value(self, number: int, name: str) -> object:
        variant, _, attribute = name.partition("_")
        return getattr(self.rows[variant][number], attribute)


def logged_run(folder: Path) -> LoggedRun:
    """Run to the end, then read what the log has."""
    path = folder / "log.db"
    with SessionLog.open(path) as log:
        run_id = run_scenario(Order(open_scenario("support-assistant", SETTINGS)), log, Control(), Listener())
    return read_run(path, run_id)


def read_run(path: Path, run_id: int) -> LoggedRun:
    """What the log has of a run now."""
    with SessionLog.open(path, create=False) as log:
        reader = RunReader(log, run_id)
        return LoggedRun(
            path,
            run_id,
            tuple(reader.variants),
            tuple(reader.prompts()),
            reader.record().offered,
            {
                variant.name: {row.number: row for row in reader.each_request(variant.name)}
                for variant in reader.variants
            },
        )


@contextmanager
def paused_run(folder: Path, *, at_s: float) -> Iterator[tuple[LoggedRun, Control]]:
    """A run that stands still at about `at_s` of virtual time; `control.resume()` lets it go on to its end."""
    order = Order(open_scenario("support-assistant", SETTINGS))
    with _paused(folder, order, Control(speed=10.0), at_s) as paused:
        yield paused


@contextmanager
def paused_first_turn(folder: Path) -> Iterator[tuple[LoggedRun, Control]]:
    """A run of real calls that stands still in its first variant's turn: `bare` has some answers, `safe` was not asked."""
    with servers() as there:
        order = Order(there.file(folder, SCENARIO), real=RealCalls(10, False, True, lambda _origin: None))
        with _paused(folder, order, Control(), 0.7) as paused:
            yield paused


@contextmanager
def _paused(folder: Path, order: Order, control: Control, at_s: float) -> Iterator[tuple[LoggedRun, Control]]:
    path = folder / "growing.db"
    SessionLog.open(path).close()
    standing = threading.Event()
    runs: list[int] = []
    pauses: list[int] = []

    def progress(now: Progress) -> None:
        if now.virtual_us >= at_s * 1e6 and not standing.is_set():
            control.pause()
        if now.state == "paused":
            pauses.append(now.virtual_us)
            if len(pauses) > 4:  # told every tenth of a second; what is written is written after a quarter
                standing.set()

    def go() -> None:
        with SessionLog.open(path) as log:
            listener = Listener(started=runs.append, progress=progress)
            run_scenario(order, log, control, listener)
        standing.set()

    thread = threading.Thread(target=go, name="a run")
    thread.start()
    try:
        assert standing.wait(60)
        yield read_run(path, runs[0]), control
    finally:
        control.stop()
        control.resume()
        control.set_speed(None)
        thread.join(60)
