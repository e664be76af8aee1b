"""A run of real calls on its way: the calls go their course in a thread of their own, and this one keeps the log.

A write to the log may take as long as fifty milliseconds, and a request must not be late by that. So the event loop has a
thread to itself; what has happened comes from there in batches (`live_turn`), and is written and told here.

Variants take turns, each with its own clock from 0, and each sees the same requests, faults and changes; or they run side by
side, if that is wanted. Either way they share an account and a network, and are not independent of each other.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from app.engine.attempt_plans import MICRO
from app.engine.closed_traffic import ClosedTraffic
from app.engine.control import Control
from app.engine.desk import desk_for
from app.engine.draws import Draws
from app.engine.live import LiveWorld
from app.engine.live_calls import LiveCalls
from app.engine.live_rows import LiveRows
from app.engine.live_traffic import Move, planned_moves
from app.engine.live_turn import AbandonedError, Batch, LiveTurn
from app.engine.open_traffic import OpenTraffic
from app.engine.punctuality import Punctuality
from app.engine.questions import QuestionBook
from app.engine.real_calls import RealCalls, endpoints_of
from app.engine.run import Listener, Progress, RealProgress
from app.engine.spending import PICO_PER_USD, SpendingLedger
from app.engine.wire_faults import WireFaults
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs
from app.providers.calls import open_transport
from app.scenario.model import variant_title
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.vocabulary import REAL_CALLS_FACT, key_of
from app.sessions.writer import Observation, RealAttempt, RunWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

_REPORT_S: Final = 0.1
_SWITCH_S: Final = 0.0005
"""How long one thread may keep the other waiting; Python's own 5 ms would make requests late."""


class LiveCourse:
    """A run of real calls, and its log."""

    def __init__(
        self,
        real: RealCalls,
        inputs: Inputs,
        questions: QuestionBook,
        worker: BoundedWorker,
        writer: RunWriter,
        names: Mapping[str, int],
        control: Control,
        listener: Listener,
        run_id: int,
    ) -> None:
        self.virtual_us = 0
        self._real = real
        self._scenario = inputs.scenario
        self._inputs = inputs
        self._questions = questions
        self._worker = worker
        self._writer = writer
        self._control = control
        self._listener = listener
        self._run_id = run_id
        self._variants = list(inputs.scenario.variants)
        self._endpoints = endpoints_of(inputs.scenario, real.key_for)
        self._spending = SpendingLedger(int(real.max_usd * PICO_PER_USD))
        self._rows = [LiveRows(key_of(run_id, index, 0), names) for index in range(len(self._variants))]
        self._arrived = [0] * len(self._variants)
        self._passed_us = [0] * len(self._variants)
        self._punctuality: list[tuple[list[str], Punctuality]] = []
        self._stopped = ""
        self._end_us = 0
        self._batches: queue.SimpleQueue[tuple[list[str], Batch] | BaseException | None] = queue.SimpleQueue()
        self._abandoned = threading.Event()
        self._reported_s = 0.0

    def sail(self) -> None:
        """Make the calls, until all is done."""
        self._keep_facts(ended=False)
        thread = threading.Thread(target=self._drive, name="real calls")
        with _quick_switches():
            thread.start()
            try:
                self._keep_log()
            finally:
                self._abandoned.set()
                thread.join()
                with suppress(UserError):  # a log that cannot be written has been told of
                    self._keep_facts(ended=True)
        limited = [names for names, each in self._punctuality if each.client_limited]
        variants = self._scenario.variants
        for names in limited:
            titles = ", ".join(variant_title(name, variants[name]) for name in names)
            self._listener.notice(
                f"{titles}: this machine could not keep up, and its requests were late; "
                "the times tell of it as well as of the provider"
            )
        self._writer.end(
            "stopped" if self._stopped else "finished", self.virtual_us, drain_end_us=self._end_us
        )

    # -- the log, in the thread that opened it -----------------------------------------------------------------

    def _keep_log(self) -> None:
        """Write and tell what comes, until the calls are over. Raises what went wrong with them."""
        while True:
            try:
                came = self._batches.get(timeout=_REPORT_S)
            except queue.Empty:
                self._write_if_due()
                continue
            if came is None:
                return
            if isinstance(came, BaseException):
                raise came
            self._collect(*came)
            self._write_if_due()

    def _write_if_due(self) -> None:
        if self._writer.due():
            self._writer.flush(self.virtual_us, self._passed_us)

    def _collect(self, names: list[str], batch: Batch) -> None:
        """Hand a batch over to the writer, and tell of it."""
        writer = self._writer
        writer.add_data_rows(batch.data_rows)
        for index, taken in batch.taken.items():
            maker = self._rows[index]
            if taken.arrived_us:
                writer.add_own_offered(index, np.asarray(taken.arrived_us, dtype=np.int64))
                self._arrived[index] += len(taken.arrived_us)
            if taken.faults:
                writer.add_faults(index, [(at_us, writer.name(kind)) for at_us, kind in taken.faults])
            attempts = [maker.attempt(ended) for ended in taken.attempts]
            requests = request_rows(map(maker.request, taken.requests))
            writer.add(index, requests, attempt_rows(attempts))
            writer.add_real_attempts(
                [
                    RealAttempt(row[0] or 0, ended.estimated, ended.text if self._real.keep_answers else "")
                    for row, ended in zip(attempts, taken.attempts, strict=True)
                ]
            )
        writer.observe(batch.observed)
        for event in batch.events:
            writer.event(
                event.at_us, event.kind, event.label, variant=event.variant, details=dict(event.details)
            )
            self._listener.happened(event)
        for error in batch.refused:
            self._listener.refused(error)
        for index, passed_us in batch.passed_us.items():
            self._passed_us[index] = passed_us
            self.virtual_us = max(self.virtual_us, passed_us)
        self._end_us = max(self._end_us, batch.end_us + round(self._scenario.drain_s * MICRO))
        if time.monotonic() - self._reported_s >= _REPORT_S:
            self._reported_s = time.monotonic()
            self._tell(names, batch)

    def _tell(self, names: list[str], batch: Batch) -> None:
        late = sum(each.sends.late for _, each in self._punctuality)
        self._listener.progress(
            Progress(
                self._run_id,
                batch.now_us,
                batch.end_us,
                max(self._arrived[self._variants.index(name)] for name in names),
                batch.in_flight,
                batch.state,
                1.0,
                RealProgress(self._spending.spent_usd, self._spending.cap_usd, tuple(names), late),
            )
        )

    def _keep_facts(self, *, ended: bool) -> None:
        """What the run says of itself: where its calls went, what they might cost, how punctual they were."""
        told: dict[str, Any] = {
            "endpoints": {
                name: {"origin": endpoint.origin, "api": endpoint.api, "model": endpoint.model}
                for name, endpoint in self._endpoints.items()
            },
            "cap_usd": self._spending.cap_usd,
            "side_by_side": self._real.side_by_side,
            "keeps_answers": self._real.keep_answers,
            "independent": False,
        }
        if ended:
            told |= {
                "spent_usd": self._spending.spent_usd,
                "stopped_by": self._stopped,
                "punctuality": [{"variants": names, **each.as_json()} for names, each in self._punctuality],
            }
        self._writer.fact(REAL_CALLS_FACT, told)

    # -- the calls, in a thread of their own -------------------------------------------------------------------

    def _drive(self) -> None:
        try:
            asyncio.run(self._voyage())
        except AbandonedError:
            pass
        except BaseException as error:
            # A group of one is how a task group tells of what went wrong in it.
            alone = isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1
            self._batches.put(error.exceptions[0] if alone else error)  # type: ignore[attr-defined]
        self._batches.put(None)

    async def _voyage(self) -> None:
        """One turn after the other."""
        all_at_once = self._real.side_by_side
        turns = [self._variants] if all_at_once else [[name] for name in self._variants]
        moves: list[Move] = planned_moves(self._scenario)
        with ThreadPoolExecutor(1, "seatrial-desk") as thread:
            for place, names in enumerate(turns):
                if self._control.stopping:
                    self._stopped = "stopped"
                    return
                if place:
                    loop = asyncio.get_running_loop()
                    await loop.run_in_executor(thread, self._begin_anew)
                punctuality = Punctuality()
                self._punctuality.append((names, punctuality))
                made = await self._turn(names, moves, punctuality, thread, first=not place)
                if self._stopped:
                    return
                if not place:
                    moves = made

    def _begin_anew(self) -> None:
        """The questions as they were before anything was changed."""
        self._questions.configure(self._scenario)
        self._questions.treat(self._scenario)

    async def _turn(
        self,
        names: list[str],
        moves: list[Move],
        punctuality: Punctuality,
        thread: ThreadPoolExecutor,
        *,
        first: bool,
    ) -> list[Move]:
        scenario = self._scenario
        observed: list[Observation] = []
        refused: list[Any] = []
        connections = punctuality.connections
        desk = desk_for(self._inputs, self._questions, self._worker)

        def observe(now: int, number: int, command: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
            observed.append((now, number, command, outcome))

        def waited(seconds: float) -> None:
            connections.add(round(seconds * MICRO))

        async with open_transport(waited=waited) as transport:
            worlds = []
            for name in names:
                calls = LiveCalls(
                    scenario,
                    self._endpoints,
                    transport=transport,
                    desk=desk,
                    faults=WireFaults(scenario, name, Draws(scenario.seed)),
                    spending=self._spending,
                    sent=connections.count,
                )
                worlds.append(LiveWorld(scenario, name, calls, observe, punctuality.sends))
            kind = ClosedTraffic if scenario.traffic.users else OpenTraffic
            traffic = kind(
                scenario, self._questions, desk, thread, worlds, moves, self._real.key_for, refused.append
            )
            turn = LiveTurn(
                scenario,
                worlds,
                traffic,
                self._spending,
                self._control,
                observed,
                refused,
                lambda batch: self._batches.put((names, batch)),
                self._abandoned,
                first=first,
            )
            try:
                await turn.run(thread)
            finally:
                self._stopped = turn.stopped
            return traffic.made


@contextmanager
def _quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
