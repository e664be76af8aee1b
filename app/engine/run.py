"""One run from its scenario to its end in the session log: prepares, advances the simulation, writes, obeys.

It decides when to advance and when to write, and nothing about what happens: that is the simulation's.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from app.engine.attempt_plans import MICRO
from app.engine.control import Control
from app.engine.draws import BLOCK, Draws
from app.engine.events import Event
from app.engine.plan import FIRST_BLOCK
from app.engine.questions import QuestionBook
from app.engine.run_record import Names, begin_record
from app.engine.simulation import Simulation
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs, prepare_inputs
from app.scenario.files import ScenarioFile
from app.scenario.rehearsal import rehearse_changes
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import key_of
from app.sessions.writer import RunWriter

if TYPE_CHECKING:
    from app.engine.real_calls import RealCalls

_POLL_S = 0.02
_REPORT_S = 0.1
_STRETCH_S = 0.15
"""How long a simulation may go on, at full speed, before it is asked whether it is to stop or change, and its rows are
written."""
_LEAST_STRETCH = 64


@dataclass(frozen=True)
class RealProgress:
    """Of a run of real calls: what is spent and what may be, whose turn it is, and how many requests were let in late."""

    spent_usd: float
    cap_usd: float
    variants: tuple[str, ...]
    late_sends: int


@dataclass(frozen=True)
class Progress:
    """How far a run is. Times are virtual, in microseconds; `per_s` is virtual seconds a second, measured. With real calls
    they are those of the turn that goes on."""

    run_id: int
    virtual_us: int
    end_us: int
    offered: int
    in_flight: int
    state: str
    per_s: float
    real: RealProgress | None = None


@dataclass
class Listener:
    """Who is told what while a run goes; each may be left out."""

    reading: Callable[[int, int], None] = lambda _done, _total: None
    """Bytes of the data read, and in all."""
    notice: Callable[[str], None] = lambda _text: None
    started: Callable[[int], None] = lambda _run_id: None
    progress: Callable[[Progress], None] = lambda _progress: None
    happened: Callable[[Event], None] = lambda _event: None
    refused: Callable[[UserError], None] = lambda _error: None
    """A switch could not be flipped; the run goes on."""


@dataclass(frozen=True)
class Order:
    """What to run: a scenario, and what the user named in place of its prompts and data."""

    file: ScenarioFile
    prompts: Path | None = None
    data: Path | None = None
    columns: dict[str, str] = field(default_factory=dict)
    real: RealCalls | None = None
    """Leave to make real calls; without it the run is simulated."""


class StoppedEarlyError(Exception):
    """Stopped while its inputs were being read: there is no run."""

    def __init__(self) -> None:
        super().__init__("stopped before the run began; nothing was kept")


def run_scenario(order: Order, log: SessionLog, control: Control, listener: Listener) -> int:
    """Run to the end, or until stopped; returns the run's id.

    Raises UserError for input or a log that cannot be used, StoppedEarlyError if stopped before it began.
    """

    def reading(done: int, total: int) -> None:
        _not_stopped(control)
        listener.reading(done, total)

    with BoundedWorker() as worker:
        inputs = prepare_inputs(
            order.file,
            worker,
            prompts=order.prompts,
            data=order.data,
            columns=order.columns,
            progress=reading,
        )
        for notice in inputs.notices:
            listener.notice(notice)
        real: RealCalls | None = None
        if order.real is not None:
            # Imported here, because what speaks to the network takes long to import.
            from app.engine.real_calls import check_real

            real = replace(order.real, key_for=cache(order.real.key_for))
            check_real(inputs.scenario, real.key_for)
        draws = Draws(inputs.scenario.seed)
        questions = QuestionBook(inputs, draws, worker)
        for doubt in questions.doubts() if real is None else ():
            listener.notice(doubt)
        _not_stopped(control)
        # Before there is a run in the log: a change may need what the data had no column for.
        rehearse_changes(inputs.scenario)
        writer = RunWriter(log)
        run_id = begin_record(writer, order, inputs, questions.expected_values)
        if real is not None:
            _run_real(real, inputs, questions, worker, writer, control, listener, run_id)
            return run_id
        simulation = Simulation(
            inputs.scenario, questions, draws, Names(writer), lambda variant: key_of(run_id, variant, 0)
        )
        listener.started(run_id)
        try:
            with seldom_collecting():
                _Course(simulation, questions, writer, control, listener, run_id).sail()
        except BaseException:
            # Whatever went wrong, the log says so if it still can.
            with contextlib.suppress(UserError):
                writer.end("failed", max(simulation.now_us, 0))
            raise
        return run_id


def _run_real(
    real: RealCalls,
    inputs: Inputs,
    questions: QuestionBook,
    worker: BoundedWorker,
    writer: RunWriter,
    control: Control,
    listener: Listener,
    run_id: int,
) -> None:
    from app.engine.live_run import LiveCourse

    course = LiveCourse(real, inputs, questions, worker, writer, Names(writer), control, listener, run_id)
    listener.started(run_id)
    try:
        with seldom_collecting():
            course.sail()
    except BaseException:
        with contextlib.suppress(UserError):
            writer.end("failed", course.virtual_us)
        raise


def _not_stopped(control: Control) -> None:
    if control.stopping:
        raise StoppedEarlyError


@contextlib.contextmanager
def seldom_collecting() -> Iterator[None]:
    """Have the garbage collector look seldom: what a run makes is freed by reference counts, and what was there before
    it stays. Saves an eighth of a run's time. Half a million objects of a cycle that nobody freed are some tens of
    megabytes, so that it still looks."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class _Course:
    """A simulation on its way, and its log."""

    def __init__(
        self,
        simulation: Simulation,
        questions: QuestionBook,
        writer: RunWriter,
        control: Control,
        listener: Listener,
        run_id: int,
    ) -> None:
        self._simulation = simulation
        self._questions = questions
        self._writer = writer
        self._control = control
        self._listener = listener
        self._run_id = run_id
        self._stopped = False
        self._stretch = FIRST_BLOCK
        """So many requests should take about `_STRETCH_S`."""
        self._reported = (time.monotonic(), 0)

    def sail(self) -> None:
        """Advance until all is done."""
        simulation, control = self._simulation, self._control
        anchor: tuple[float, int, float] | None = None
        while not simulation.done:
            self._obey()
            if control.paused:
                anchor = None
                self._note_pause()
                continue
            speed = None if self._stopped else control.speed
            if speed is None:
                anchor = None
                self._advance_for_a_stretch()
                continue
            if anchor is None or anchor[2] != speed:
                anchor = (time.monotonic(), simulation.now_us, speed)
            began, from_us, _ = anchor
            target_us = from_us + int((time.monotonic() - began) * speed * MICRO)
            if target_us > simulation.now_us:
                self._advance(min(target_us, self._landmark_us()))
            if simulation.now_us >= target_us:
                control.wait(_POLL_S)
        # The last requests may have ended on the way to a landmark: the run is over there, at any speed.
        if simulation.now_us > simulation.last_arrival_us:
            simulation.advance(self._landmark_us(simulation.now_us - 1))
        simulation.finish()
        self._collect()
        self._tell("ended")
        state = "stopped" if self._stopped else "finished"
        self._writer.end(state, max(simulation.now_us, 0), drain_end_us=simulation.end_us)

    def _landmark_us(self, after_us: int | None = None) -> int:
        """The next time to advance to at the most; once arrivals have ended these are a second apart.

        Planned changes are among them: one may move the end of the run.
        """
        simulation = self._simulation
        now_us = simulation.now_us if after_us is None else after_us
        last_us = simulation.last_arrival_us
        if now_us < last_us:
            changes = (round(change.at_s * MICRO) for change in simulation.scenario.changes)
            horizon_us = simulation.horizon_us(self._stretch)
            return min([horizon_us, *(at_us for at_us in changes if at_us > now_us)])
        return min(last_us + ((now_us - last_us) // MICRO + 1) * MICRO, simulation.end_us)

    def _advance_for_a_stretch(self) -> None:
        began_s, offered = time.monotonic(), self._simulation.offered
        self._advance(self._landmark_us())
        if came := self._simulation.offered - offered:
            each_s = (time.monotonic() - began_s) / came
            self._stretch = max(_LEAST_STRETCH, min(BLOCK, int(_STRETCH_S / max(each_s, 1e-6))))

    def _advance(self, until_us: int) -> None:
        self._simulation.advance(until_us)
        self._collect()
        self._write_if_due()

    def _write_if_due(self) -> None:
        if self._writer.due():
            self._writer.flush(max(self._simulation.now_us, 0))
        if time.monotonic() - self._reported[0] >= _REPORT_S:
            self._tell("running")

    def _note_pause(self) -> None:
        """Stand still, with a heartbeat."""
        self._write_if_due()
        self._tell("paused")
        self._control.wait(_REPORT_S)

    def _obey(self) -> None:
        """Flip the switches, and stop if asked to."""
        for flip in self._control.take_flips():
            try:
                self._simulation.change(flip.path, flip.value, flip.label)
            except UserError as error:
                self._listener.refused(error)
        if self._control.stopping and not self._stopped:
            self._stopped = True
            # Arrivals end here and now; a run that is repeated from the log ends them at the same instant.
            now_s = max(self._simulation.now_us + 1, 1) / MICRO
            if now_s < self._simulation.scenario.duration_s:
                self._simulation.change("duration_s", now_s, "Stopped")

    def _collect(self) -> None:
        """Hand over to the writer what the worlds have gathered."""
        simulation, writer = self._simulation, self._writer
        if simulation.arrived_us:
            writer.add_offered(np.asarray(simulation.arrived_us, dtype=np.int64))
            simulation.arrived_us.clear()
        rows = self._questions.take_new_rows()
        if rows:
            writer.add_data_rows(rows)
        for index, world in enumerate(simulation.worlds):
            writer.add(index, world.request_rows, world.attempt_rows)
            world.request_rows.clear()
            world.attempt_rows.clear()
            if world.users is not None and world.users.arrived_us:
                writer.add_own_offered(index, np.asarray(world.users.arrived_us, dtype=np.int64))
                world.users.arrived_us.clear()
            faults = world.take_faults()
            if faults:
                writer.add_faults(index, [(at_us, writer.name(kind)) for at_us, kind in faults])
        for event in simulation.events:
            writer.event(
                event.at_us, event.kind, event.label, variant=event.variant, details=dict(event.details)
            )
            self._listener.happened(event)
        simulation.events.clear()

    def _tell(self, state: str) -> None:
        now, virtual_us = time.monotonic(), max(self._simulation.now_us, 0)
        then, before_us = self._reported
        self._reported = (now, virtual_us)
        per_s = (virtual_us - before_us) / MICRO / max(now - then, 1e-9)
        in_flight = max(len(world.in_flight) for world in self._simulation.worlds)
        self._listener.progress(
            Progress(
                self._run_id,
                virtual_us,
                self._simulation.last_arrival_us,
                self._simulation.offered,
                in_flight,
                state,
                per_s,
            )
        )
