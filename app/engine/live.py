"""The live driver: one variant's world against real endpoints, in real time.

The same lifecycles as in the virtual world, in one thread of asyncio. Everything that happens to a request
(it arrives, its call is over, its time has come) is entered in one agenda, and one loop works that off: it
reads the clock once for each entry, resumes at most one lifecycle, and tells `observe` what was delivered and
what was asked for. Calls run in tasks of their own (`live_calls`) and touch nothing but the agenda.

Who arrives, and when settings change, it is told from outside (`live_traffic`), a little ahead of time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from heapq import heappop
from typing import TYPE_CHECKING, Any, NamedTuple

from app.engine.agenda import Agenda
from app.engine.attempt_plans import MICRO
from app.engine.desk import Messages
from app.engine.draws import Draws
from app.engine.live_calls import LiveCalls, Returned
from app.engine.observations import (
    Observe,
    Plain,
    Resumer,
    attempt_data,
    conclude,
    end,
    finish,
    request_data,
    surroundings_of,
)
from app.engine.punctuality import Delays
from app.engine.rows import outcome_of
from app.engine.watch import Sight, sight_of
from app.faults.fault_set import FaultSet
from app.inputs.treatment import Treatment
from app.providers.calls import CallOutcome
from app.providers.endpoint import Endpoint
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
from app.safeguards.pipeline import Workshop
from app.safeguards.request import Branch, PlannedRequest, Request
from app.scenario.model import Scenario

if TYPE_CHECKING:
    from app.engine.live_users import LiveUsers

Prompts = Mapping[Treatment | None, Messages | str]
"""What is asked by one question: as it comes (None), and as each treatment by safeguards has it; or why nothing can be."""
Arrival = tuple[PlannedRequest, Prompts]
_AT_A_STRETCH_US = 1_500
"""How long entries of the agenda may be worked off before the network has its turn."""


class Finished(NamedTuple):
    """A request that has its result, when (µs), and the faults that its bit sets name."""

    request: Request
    result: Result
    outcome: int
    now_us: int
    faults: FaultSet


class Ended(NamedTuple):
    """A call that is over: `estimated` when its tokens are by our own count, `text` what came of the answer."""

    attempt: Attempt
    estimated: bool
    text: str
    faults: FaultSet


class Turning(NamedTuple):
    """Other settings from a time on: the switch that was flipped, and what comes of it."""

    path: str
    value: Any
    scenario: Scenario
    endpoints: Mapping[str, Endpoint]


class Taken(NamedTuple):
    """What a world has gathered: requests, calls, intended times of those who came, faults that struck."""

    requests: list[Finished]
    attempts: list[Ended]
    arrived_us: list[int]
    faults: list[tuple[int, str]]


class LiveWorld:
    """One variant at work against real endpoints: `begin` it, tell it what comes, and `run` it once.

    `sights` is where somebody watches, if it is a list. What has happened is gathered until somebody takes it.
    """

    def __init__(
        self,
        scenario: Scenario,
        variant: str,
        calls: LiveCalls,
        observe: Observe,
        sends: Delays,
        finished: Callable[[Request, Result], None] = lambda _request, _result: None,
    ) -> None:
        """`observe` is told every resume, `sends` how late each request was let in, `finished` of each that is over."""
        self.index = list(scenario.variants).index(variant)
        self.variant = variant
        self.calls = calls
        self.in_flight: dict[int, Request] = {}
        self.sights: list[Sight] | None = None
        self._sends = sends
        self._tell = observe
        self._finished = finished
        self._draws = Draws(scenario.seed)
        self._workshop = Workshop()
        self._clock = Clock()
        self._agenda = Agenda(self._clock)
        self._resumer = Resumer()
        self._prompts: dict[int, Prompts] = {}
        self._users: LiveUsers | None = None
        self._to_come = 0
        self._closed_us = self._end_us = FOREVER_US
        self._taken = Taken([], [], [], [])
        self._passed_us = 0
        self._woken: asyncio.Future[None] | None = None
        self._set_up(scenario)

    def _set_up(self, scenario: Scenario) -> None:
        variant = scenario.variants[self.variant]
        self._pipeline = self._workshop.build(variant.safeguards, surroundings_of(scenario, self._draws))
        self._patience_us = round(scenario.patience_s * MICRO)

    # -- from outside ------------------------------------------------------------------------------------------

    def begin(self, tasks: asyncio.TaskGroup, zero_s: float, thread: Executor) -> None:
        """Time 0 is `zero_s` of the event loop's clock; calls are tasks of `tasks`."""
        self._loop = asyncio.get_running_loop()
        self._zero_s = zero_s
        self.calls.begin(tasks, zero_s, thread, self._over)

    def expect(self, arrivals: list[Arrival]) -> None:
        """These requests will arrive, each at its intended time."""
        for arrival in arrivals:
            self._agenda.at(arrival[0][1], self._arrive, arrival)
        self._to_come += len(arrivals)
        self._wake()

    def ask(self, users: LiveUsers) -> None:
        """These users ask, each once they have their answer."""
        self._users = users
        users.begin(self._agenda, self._let_in, self._wake)

    def leave(self, number: int) -> None:
        """Whoever asked waits no longer; nothing happens if it has its answer by then."""
        self._agenda.at(self.read_clock(), self._left, number)
        self._wake()

    def take_back(self, from_us: int) -> list[Arrival]:
        """Those who are to arrive at `from_us` or later will not; in order of arrival."""
        back = self._agenda.withdraw(lambda each: each[2] == self._arrive and each[0] >= from_us)
        self._to_come -= len(back)
        return [arrival for _, _, _, arrival in back]

    def turn(self, at_us: int, turning: Turning) -> None:
        """Have other settings hold from `at_us` on, for those who arrive then and calls that begin then."""
        self._agenda.at(at_us, self._configure, turning)
        self._wake()

    def close(self, at_us: int, drain_us: int) -> None:
        """Nobody else arrives after `at_us`; whoever has no answer `drain_us` later gets none."""
        self._closed_us = at_us
        self._end_us = min(self._end_us, at_us + drain_us)
        self._wake()

    def give_up(self) -> None:
        """End now; calls under way are given up."""
        self._end_us = 0
        self._wake()

    def passed_us(self, known_us: int) -> int:
        """The time before which nothing will happen any more, when arrivals up to `known_us` have been told."""
        next_us = self._agenda.next_us()
        now = self.read_clock()
        if self._closed_us > now:
            now = min(now, known_us)
        if self._users is not None:
            now = min(now, self._users.passed_us)
        self._passed_us = max(self._passed_us, now if next_us is None else min(now, next_us))
        return self._passed_us

    def take(self) -> Taken:
        """What has happened since the last time."""
        taken = self._taken
        self._taken = Taken([], [], [], [])
        log = self.calls.faults.log
        taken.faults.extend(log)
        log.clear()
        return taken

    # -- time ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve those who arrive, at their intended times.

        Returns when all are served and nobody else is to come, or when its time is over. Cancelled, or failing, it ends as
        if its time were over: whoever was to arrive by then has a row, and no task or connection is left behind.
        """
        try:
            await self._work()
        finally:
            self._stop()

    async def _work(self) -> None:
        """Work the agenda off until nothing is left to wait for."""
        agenda = self._agenda
        rest_at_us = 0
        while True:
            now = self.read_clock()
            if now >= self._end_us:
                return
            if now >= self._closed_us and not (self._to_come or self.in_flight or self._somebody_waits()):
                return
            next_us = agenda.next_us()
            if next_us is None or next_us > now:
                ends_us = min(self._end_us, self._closed_us) if now < self._closed_us else self._end_us
                await self._wait_until(ends_us if next_us is None else min(next_us, ends_us))
                rest_at_us = self.read_clock() + _AT_A_STRETCH_US
            elif now >= rest_at_us:
                await asyncio.sleep(0)  # what the network has for us, and the calls that were begun
                rest_at_us = self.read_clock() + _AT_A_STRETCH_US
            else:
                _, _, call, argument = heappop(agenda.heap)
                self._clock.now = now
                call(argument)

    def _somebody_waits(self) -> bool:
        """Whether a user has thought, and waits for something to ask."""
        return self._users is not None and bool(self._users.waiting)

    async def _wait_until(self, time_us: int) -> None:
        woken = self._woken = self._loop.create_future()
        timer = self._loop.call_at(self._zero_s + time_us / MICRO, self._wake)
        try:
            await woken
        finally:
            timer.cancel()
            self._woken = None

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def read_clock(self) -> int:
        """The time, in microseconds since the beginning."""
        return int((self._loop.time() - self._zero_s) * MICRO)

    # -- what happens --------------------------------------------------------------------------------------

    def _configure(self, turning: Turning) -> None:
        self._set_up(turning.scenario)
        self.calls.configure(turning.scenario, turning.endpoints)
        self.calls.faults.change(turning.scenario, self._clock.now)
        if self._users is not None:
            self._users.change(turning.scenario.traffic)
        switch = {"came": "change", "set": turning.path, "value": turning.value}
        self._tell(self._clock.now, 0, {"asked": []}, {"variant": self.index, **switch})

    def _arrive(self, arrival: Arrival) -> None:
        self._to_come -= 1
        self._let_in(arrival)

    def _let_in(self, arrival: Arrival) -> None:
        request = self._admit(arrival)
        unaskable = isinstance(self._prompts[request.number][None], str)
        request.life = lifecycle(request, self._pipeline, self._clock, unaskable)
        self._resume(request, request_data(request, self._pipeline, unaskable=unaskable), None)

    def _admit(self, arrival: Arrival) -> Request:
        (number, intended_us, question, cache_key, _, max_tokens, hits), prompts = arrival
        self._taken.arrived_us.append(intended_us)
        self._sends.count()
        self._sends.add(self._clock.now - intended_us)
        self._taken.faults.extend(
            (intended_us, fault.kind) for fault in self.calls.faults.faults.chosen(hits)
        )
        # A scenario may have sizes drawn for the simulation; what a real prompt costs depends on its text.
        request = Request().begun(
            (number, intended_us, question, cache_key, question.tokens, max_tokens, hits)
        )
        self.in_flight[number] = request
        self._prompts[number] = prompts
        return request

    def _over(self, returned: Returned) -> None:
        """A call has ended, in its own task."""
        self._agenda.at(max(returned.due_us, self.read_clock()), self._returned, returned)
        self._wake()

    def _returned(self, returned: Returned) -> None:
        attempt, outcome, answer, _ = returned
        if self.calls.is_under_way(attempt):
            # and not one that was cancelled while its return was entered in the agenda
            self.calls.settle(attempt, outcome)
            self._conclude(attempt, outcome, answer)
            self._resume(attempt.request, attempt_data(attempt), attempt)

    def _conclude(self, attempt: Attempt, outcome: CallOutcome, answer: Answer | None) -> None:
        attempt.finished_us = min(self._clock.now, attempt.finished_us)
        conclude(attempt, answer, outcome.error)
        ended = Ended(attempt, outcome.estimated, outcome.text, self.calls.faults.faults)
        self._taken.attempts.append(ended)

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

    def _left(self, number: int) -> None:
        if number in self.in_flight:
            self._cancel(self.in_flight[number])

    def _cancel(self, branch: Request) -> None:
        """Have it leave off, whatever it waits for."""
        if branch.ended:
            return
        branch.cancelled = True
        for attempt in branch.attempts:
            if attempt.request is branch and self.calls.is_under_way(attempt):
                self._conclude(attempt, self.calls.give_up(attempt, CANCELLED), None)
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
            flight.waiting.clear()
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
            question = command.request.question
            messages = self._prompts[request.number][question.treatment]
            assert not isinstance(messages, str), "nothing is asked where there is no prompt"
            self.calls.start(command, messages, self._clock.now)
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
        del self._prompts[request.number]
        now = self._clock.now
        outcome = outcome_of(result, now - request.intended_us, self._patience_us)
        if self.sights is not None:
            self.sights.append(sight_of(request, result, outcome, now))
        self._finished(request, result)
        if self._users is not None:
            self._users.answered(request.number)
        self._taken.requests.append(Finished(request, result, outcome, now, self.calls.faults.faults))

    def _stop(self) -> None:
        """The run is over: whoever still waits has no answer, and calls under way are given up."""
        self._clock.now = max(self._clock.now, self.read_clock())
        for attempt, outcome in self.calls.given_up_all(RUN_ENDED):
            self._conclude(attempt, outcome, None)
        for request in list(self.in_flight.values()):
            result = end(request)
            self._observe(request, {"came": "end"}, [finish(request, result)])
            self._finish(request, result)
        for due_us, _, enter, argument in self._agenda.withdraw(lambda _: True):
            # It was to arrive by now, and we were too busy to let it in: nobody is dropped silently.
            if enter == self._arrive and due_us <= self._clock.now:
                self._finish(self._admit(argument), Result.failure(RUN_ENDED))

    def _observe(self, request: Request, came: Plain, asked: list[Plain]) -> None:
        if isinstance(request, Branch):
            came = {**came, "branch": request.place, "cancelled": request.cancelled}
        self._tell(self._clock.now, request.number, {"asked": asked}, {"variant": self.index, **came})


class _Waiting:
    """A request that waits for a flight or for a time."""

    __slots__ = ("over", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.over = False
