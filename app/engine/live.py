"""The live driver: one variant's world against real endpoints, in real time.

The same lifecycles as in the virtual world, in one thread of asyncio. Everything that happens to a request
(it arrives, its call is over, its time has come) is entered in one agenda, and one loop works that off: it
reads the clock once for each entry, resumes at most one lifecycle, and tells `observe` what was delivered and
what was asked for. Calls run in tasks of their own and touch nothing but the agenda.

Real calls cost money: a run takes the arrivals it is given and no others, and ends by itself when they are
served, or `drain_s` after the last of them. Prompts are rendered ahead of the run. Answers are checked in a
thread of their own, one at a time, since the worker that checks them belongs to one thread; what an answer
waits there counts as the request's time.

Faults strike on the wire, the same calls as in the virtual world (`wire_faults`). What they keep from the provider
is not billed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop
from typing import Any

import httpx

from app.engine.agenda import Agenda
from app.engine.attempt_plans import MICRO
from app.engine.desk import Desk, Messages
from app.engine.observations import (
    Observe,
    Plain,
    Resumer,
    attempt_data,
    conclude,
    end,
    finish,
    pipeline_of,
    request_data,
)
from app.engine.plan import Plan, PlannedRequest
from app.engine.questions import Question
from app.engine.rows import Row, RowMaker, outcome_of
from app.engine.versions import Key
from app.engine.wire_faults import WireFaults
from app.errors import UserError
from app.inputs.treatment import Treatment
from app.providers.answers.kinds import FINISH_REASON, AnswerKind
from app.providers.calls import Call, CallOutcome
from app.providers.effects import dearer
from app.providers.endpoint import Endpoint
from app.providers.fault_transport import FaultTransport
from app.providers.prices import Tariff
from app.providers.struck import Struck
from app.providers.wires.limits import RateLimit
from app.safeguards.commands import (
    FOREVER_US,
    Answer,
    Attempt,
    Command,
    Flight,
    Outcome,
    Result,
    Sleep,
    WaitAny,
)
from app.safeguards.errors import CANCELLED, RUN_ENDED
from app.safeguards.lifecycle import Clock, lifecycle
from app.safeguards.request import Branch, Request
from app.scenario.model import Scenario

_AT_A_STRETCH_US = 500
"""How long entries of the agenda may be worked off before the network has its turn."""


def first_arrivals(plan: Plan, duration_s: float, most: int) -> list[PlannedRequest]:
    """The plan's first requests, `most` at the most, that arrive within `duration_s`.

    Raises UserError for a closed loop, whose arrivals are not known beforehand.
    """
    if plan.closed:
        raise UserError(
            "a closed loop cannot make real calls", where="traffic.arrivals", do="Choose another kind."
        )
    end_us = round(duration_s * MICRO)
    taken: list[PlannedRequest] = []
    while len(taken) < most and (batch := plan.take(min(plan.horizon_us(), end_us - 1))):
        taken += batch
    return taken[:most]


class LiveWorld:
    """One variant at work against real endpoints; `run` it once.

    Finished requests and attempts gather as rows until somebody collects them.
    """

    def __init__(
        self,
        scenario: Scenario,
        variant: str,
        endpoints: Mapping[str, Endpoint],
        *,
        transport: httpx.AsyncBaseTransport,
        desk: Desk,
        observe: Observe,
        rows: RowMaker,
        faults: WireFaults | None = None,
    ) -> None:
        """`endpoints` by target; `observe` is told every resume, `rows` makes the log's rows; `faults` strike calls.

        Raises UserError if a target has no endpoint.
        """
        for name in scenario.targets:
            if name not in endpoints:
                raise UserError(f"the target '{name}' has no endpoint", do="Say where real calls to it go.")
        self.request_rows: list[Row] = []
        self.attempt_rows: list[Row] = []
        self.in_flight: dict[int, Request] = {}
        self._variant = list(scenario.variants).index(variant)
        self._pipeline = pipeline_of(scenario, variant)
        self._endpoints = [endpoints[name] for name in scenario.targets]
        self._tariffs = [target.tariff() for target in scenario.targets.values()]
        self._patience_us = round(scenario.patience_s * MICRO)
        self._drain_us = round(scenario.drain_s * MICRO)
        self.limits: dict[str, Mapping[str, RateLimit]] = {}
        """By target: the rate limits that its provider told last."""
        self._targets = list(scenario.targets)
        self._slots = [target.slots for target in scenario.targets.values()]
        self._faults = faults
        self._transport = transport if faults is None else FaultTransport(transport)
        self._desk = desk
        self._tell = observe
        self._rows = rows
        self._clock = Clock()
        self._agenda = Agenda(self._clock)
        self._resumer = Resumer()
        self._messages: dict[tuple[Key, Treatment | None], Messages | str] = {}
        self._calls: dict[Attempt, tuple[asyncio.Task[None], Call]] = {}
        self._to_come = 0

    @property
    def now_us(self) -> int:
        """When a lifecycle was last resumed, in microseconds since the start."""
        return self._clock.now

    async def run(self, arrivals: Sequence[PlannedRequest]) -> None:
        """Serve the `arrivals`, at their intended times.

        Returns when all are served, or when the run's time is over. Cancelled, or failing, it ends as if its
        time were over: whoever was to arrive by then has a row, and no task or connection is left behind.
        """
        with ThreadPoolExecutor(1, "seatrial-desk") as self._thread:
            self._loop = loop = asyncio.get_running_loop()
            for question in self._to_be_asked(arrivals):
                messages = await loop.run_in_executor(self._thread, self._desk.render, question)
                self._messages[_key(question)] = messages
            async with asyncio.TaskGroup() as self._tasks:
                self._woken = loop.create_future()
                self._zero_s = loop.time()
                for planned in arrivals:
                    self._agenda.at(planned[1], self._arrive, planned)
                self._to_come = len(arrivals)
                self._end_us = (arrivals[-1][1] if arrivals else 0) + self._drain_us
                try:
                    await self._work()
                finally:
                    self._stop()

    def _to_be_asked(self, arrivals: Sequence[PlannedRequest]) -> list[Question]:
        """What is asked, each question once: as it comes, and as the variant's safeguards have it."""
        questions: dict[tuple[Key, Treatment | None], Question] = {}
        for planned in arrivals:
            question = planned[2]
            for each in (question, *question.versions.values()):
                questions.setdefault(_key(each), each)
        return list(questions.values())

    # -- time ------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Work the agenda off until nothing is left to wait for."""
        heap = self._agenda.heap
        rest_at_us = 0
        while self._to_come or self.in_flight:
            now = self._read_clock()
            if now >= self._end_us:
                return
            if not heap or heap[0][0] > now:
                await self._wait_until(min(heap[0][0], self._end_us) if heap else self._end_us)
                rest_at_us = self._read_clock() + _AT_A_STRETCH_US
            elif now >= rest_at_us:
                await asyncio.sleep(0)  # what the network has for us, and the calls that were begun
                rest_at_us = self._read_clock() + _AT_A_STRETCH_US
            else:
                _, _, call, argument = heappop(heap)
                self._clock.now = now
                call(argument)

    async def _wait_until(self, time_us: int) -> None:
        self._woken = self._loop.create_future()
        timer = self._loop.call_at(self._instant(time_us), self._wake)
        try:
            await self._woken
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)

    def _read_clock(self) -> int:
        return int((self._loop.time() - self._zero_s) * MICRO)

    def _instant(self, time_us: int) -> float:
        """A time of the run on the event loop's clock."""
        return self._zero_s + time_us / MICRO

    # -- what happens --------------------------------------------------------------------------------------

    def _arrive(self, planned: PlannedRequest) -> None:
        request = self._admit(planned)
        unaskable = isinstance(self._messages[_key(request.question)], str)
        request.life = lifecycle(request, self._pipeline, self._clock, unaskable)
        self._resume(request, request_data(request, self._pipeline, unaskable=unaskable), None)

    def _admit(self, planned: PlannedRequest) -> Request:
        number, intended_us, question, cache_key, _, max_tokens, hits = planned
        self._to_come -= 1
        # A scenario may have sizes drawn for the simulation; what a real prompt costs depends on its text.
        request = Request(number, intended_us, question, cache_key, question.tokens, max_tokens, hits)
        self.in_flight[number] = request
        return request

    def _returned(self, ended: tuple[Attempt, CallOutcome, Answer | None]) -> None:
        attempt, outcome, answer = ended
        if (
            attempt in self._calls
        ):  # and not one that was cancelled while its return was entered in the agenda
            del self._calls[attempt]
            self._conclude(attempt, outcome, answer)
            self._resume(attempt.request, attempt_data(attempt), attempt)

    def _conclude(self, attempt: Attempt, outcome: CallOutcome, answer: Answer | None) -> None:
        self._book(attempt, outcome)
        conclude(attempt, answer, outcome.error)
        self.attempt_rows.append(self._rows.attempt(attempt))

    def _time_is_up(self, waiting: _Waiting) -> None:
        if not waiting.over and not waiting.request.ended:
            waiting.over = True
            self._resume(waiting.request, {"came": "time"}, None)

    def _landed(self, landing: tuple[Request, int, Flight]) -> None:
        request, number, flight = landing
        if not request.ended:
            self._resume(request, {"came": "flight", "flight": number}, flight)

    def _begin(self, branch: Branch) -> None:
        self._resume(branch, {"came": "branch"}, None)

    def _cancel(self, branch: Branch) -> None:
        """Have it leave off, whatever it waits for."""
        if branch.ended:
            return
        branch.cancelled = True
        for attempt in branch.attempts:
            if attempt.request is branch and attempt in self._calls:
                task, call = self._calls.pop(attempt)
                task.cancel()
                self._conclude(attempt, call.given_up(CANCELLED), None)
                self._resume(branch, attempt_data(attempt), attempt)
                return
        self._resume(branch, {"came": "time"}, None)

    def _resume(self, request: Request, came: Plain, outcome: Outcome) -> None:
        """The one place where lifecycles go on; the clock has been set."""
        step = self._resumer.resume(request, outcome)
        self._observe(request, came, step.asked)
        for number, flight in step.landed:
            for waiting in flight.waiting:
                assert isinstance(waiting, _Waiting)
                if not waiting.over:
                    waiting.over = True
                    self._agenda.at(self._clock.now, self._landed, (waiting.request, number, flight))
        for branch in step.spawned:
            self._agenda.at(self._clock.now, self._begin, branch)
        for branch in step.cancelled:
            self._agenda.at(self._clock.now, self._cancel, branch)
        if step.result is None:
            self._carry_out(request, step.waiting)
        elif not isinstance(request, Branch):
            self._finish(request, step.result)

    def _carry_out(self, request: Request, command: Command | None) -> None:
        if isinstance(command, Attempt):
            self._call(command)
        elif isinstance(command, Sleep):
            self._agenda.at(command.until_us, self._time_is_up, _Waiting(request))
        elif isinstance(command, WaitAny):
            waiting = _Waiting(request)
            for flight in command.flights:
                flight.waiting.append(waiting)
            if command.until_us < FOREVER_US:
                self._agenda.at(command.until_us, self._time_is_up, waiting)

    def _finish(self, request: Request, result: Result) -> None:
        del self.in_flight[request.number]
        now = self._clock.now
        outcome = outcome_of(result, now - request.intended_us, self._patience_us)
        self.request_rows.append(self._rows.request(request, result, outcome, now))

    def _stop(self) -> None:
        """The run is over: whoever still waits has no answer, and calls under way are given up."""
        self._clock.now = max(self._clock.now, self._read_clock())
        for attempt, (task, call) in self._calls.items():
            task.cancel()
            self._conclude(attempt, call.given_up(RUN_ENDED), None)
        self._calls.clear()
        for request in list(self.in_flight.values()):
            result = end(request)
            self._observe(request, {"came": "end"}, [finish(request, result)])
            self._finish(request, result)
        for due_us, _, enter, argument in sorted(self._agenda.heap):
            # It was to arrive by now, and we were too busy to let it in: nobody is dropped silently.
            if enter == self._arrive and due_us <= self._clock.now:
                self._finish(self._admit(argument), Result.failure(RUN_ENDED))
        self._agenda.heap.clear()

    def _observe(self, request: Request, came: Plain, asked: list[Plain]) -> None:
        if isinstance(request, Branch):
            came = {**came, "branch": request.place, "cancelled": request.cancelled}
        self._tell(self._clock.now, request.number, {"asked": asked}, {"variant": self._variant, **came})

    # -- calls ---------------------------------------------------------------------------------------------

    def _call(self, attempt: Attempt) -> None:
        request = attempt.request
        messages = self._messages[_key(request.question)]
        assert not isinstance(messages, str), "nothing is asked where there is no prompt"
        endpoint = self._endpoints[attempt.target]
        attempt.tariff = self._tariffs[attempt.target]
        struck = self._strike(attempt, endpoint)
        call = Call(self._transport, endpoint, messages, request.max_tokens, struck)
        self._calls[attempt] = (self._tasks.create_task(self._make(attempt, call)), call)

    def _strike(self, attempt: Attempt, endpoint: Endpoint) -> Struck | None:
        if self._faults is None:
            return None
        question = attempt.request.question

        def load() -> float:
            there = sum(each.target == attempt.target for each in self._calls)
            return there / self._slots[attempt.target]

        async def spoil(kind: AnswerKind, said: str) -> str:
            return await self._loop.run_in_executor(self._thread, self._desk.spoil, question, kind, said)

        struck = self._faults.strike(attempt, endpoint, now=self._clock.now, load=load, spoil=spoil)
        if struck is not None and struck.injection.price_factor != 1:
            attempt.tariff = dearer(self._tariffs[attempt.target], struck.injection.price_factor)
        return struck

    async def _make(self, attempt: Attempt, call: Call) -> None:
        """Make the call, have its answer checked, and enter its return in the agenda."""
        outcome = await call.make(self._instant(attempt.first_by_us), self._instant(attempt.until_us))
        answer: Answer | None = None
        due_us = 0
        if outcome.error is None:
            correct, failed = True, frozenset[str]()
            if self._desk.judges(attempt.request.question):
                correct, failed = await self._loop.run_in_executor(
                    self._thread, self._desk.judge, attempt.request.question, outcome.text
                )
            if outcome.finish not in (None, "stop"):
                failed |= {FINISH_REASON}
            # What a fault has spoiled is no right answer, even where no check can tell.
            correct = correct and attempt.spoiled is None
            answer = Answer("real", text=outcome.text, correct=correct, failed_checks=failed)
        elif outcome.expired:
            # Timers may be early by a tick, and no lifecycle must see a time-out before its time.
            due_us = attempt.until_us
            if outcome.first_s is None:
                due_us = min(due_us, attempt.first_by_us)
        self._agenda.at(max(due_us, self._read_clock()), self._returned, (attempt, outcome, answer))
        self._wake()

    def _book(self, attempt: Attempt, outcome: CallOutcome) -> None:
        """Note what the call took and what it cost."""
        attempt.status = outcome.status
        attempt.retry_after_us = outcome.retry_after_us
        attempt.finished_us = min(self._clock.now, self._time_of(outcome.finished_s))
        attempt.first_us = None if outcome.first_s is None else self._time_of(outcome.first_s)
        attempt.input_tokens = outcome.input_tokens
        attempt.output_tokens = outcome.output_tokens
        attempt.billed = outcome.billed
        if outcome.limits:
            self.limits[self._targets[attempt.target]] = outcome.limits
        if outcome.billed:
            assert isinstance(attempt.tariff, Tariff)
            attempt.cost_pico = attempt.tariff.cost_pico(outcome.input_tokens, outcome.output_tokens)

    def _time_of(self, instant_s: float) -> int:
        return int((instant_s - self._zero_s) * MICRO)


class _Waiting:
    """A request that waits for a flight or for a time."""

    __slots__ = ("over", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.over = False


def _key(question: Any) -> tuple[Key, Treatment | None]:
    return question.key, question.treatment
