"""The real calls of one variant: made, struck by faults, paid for, and their answers checked.

A call's highest price is set aside before it is sent, and settled when it has ended (`SpendingLedger`); one that the cap
does not allow ends at once, without being sent, as `spend_cap`. Settled is what the call costs by the provider's count, or
by our own where it answered without telling; where it broke off, and may be charged all the same, it is all that was set
aside.

Answers are checked, where there are checks, in a thread of their own, one at a time, since the worker that checks them
belongs to one thread; what an answer waits there counts as the request's time.

Faults strike on the wire, the same calls as in the virtual world (`wire_faults`). What they keep from the provider is not
billed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from math import inf
from typing import NamedTuple, Protocol

import httpx

from app.engine.attempt_plans import MICRO
from app.engine.desk import Desk, Messages, Verdict
from app.engine.spending import SpendingLedger
from app.engine.wire_faults import WireFaults
from app.errors import UserError
from app.providers.answers.kinds import FINISH_REASON, AnswerKind
from app.providers.calls import Call, CallOutcome
from app.providers.effects import dearer
from app.providers.endpoint import Endpoint
from app.providers.fault_transport import FaultTransport
from app.providers.prices import Tariff
from app.providers.struck import Struck
from app.providers.wires.limits import RateLimit
from app.safeguards.commands import FOREVER_US, Answer, Attempt
from app.safeguards.errors import CONNECTION_LOST, SPEND_CAP, CallError
from app.scenario.model import Scenario


class AnyCall(Protocol):
    """A call that can be made once, and tells how it stands if nobody waits for it any longer."""

    async def make(
        self, first_by_s: float, until_s: float, *, connect_s: float, between_s: float
    ) -> CallOutcome:
        """Make it; the bounds for its first token and its end are instants of the event loop's clock, those for its
        connection and between tokens lengths of time."""
        ...

    def given_up(self, error: CallError) -> CallOutcome:
        """The outcome as of now."""
        ...


class Returned(NamedTuple):
    """A call that is over, for whoever asked for it; `due_us` is when that may be known at the earliest."""

    attempt: Attempt
    outcome: CallOutcome
    answer: Answer | None
    due_us: int


class _UnderWay(NamedTuple):
    """A call under way: its task and the call (None if it was not sent), its faults, and what is set aside for it."""

    task: asyncio.Task[None] | None
    call: AnyCall | None
    struck: Struck | None
    reserved_pico: int


class LiveCalls:
    """Makes calls within one event loop. `over` is told of each that has ended, from that call's own task.

    `limits` has by target the rate limits that its provider told last.
    """

    def __init__(
        self,
        scenario: Scenario,
        endpoints: Mapping[str, Endpoint],
        *,
        transport: httpx.AsyncBaseTransport,
        desk: Desk,
        faults: WireFaults,
        spending: SpendingLedger,
        sent: Callable[[], None] = lambda: None,
    ) -> None:
        """`endpoints` by target; `sent` is told of every call that is sent. Raises UserError if a target has none."""
        for name in scenario.targets:
            if name not in endpoints:
                raise UserError(f"the target '{name}' has no endpoint", do="Say where real calls to it go.")
        self.limits: dict[str, Mapping[str, RateLimit]] = {}
        self.faults = faults
        self._transport = FaultTransport(transport)
        self._desk = desk
        self._spending = spending
        self._sent = sent
        self._under_way: dict[Attempt, _UnderWay] = {}
        self.configure(scenario, endpoints)

    def configure(self, scenario: Scenario, endpoints: Mapping[str, Endpoint]) -> None:
        """Make the calls that begin from now on by these settings."""
        self._targets = list(scenario.targets)
        self._endpoints = [endpoints[name] for name in scenario.targets]
        self._tariffs = [target.tariff() for target in scenario.targets.values()]
        self._slots = [target.slots for target in scenario.targets.values()]

    def begin(
        self, tasks: asyncio.TaskGroup, zero_s: float, thread: Executor, over: Callable[[Returned], None]
    ) -> None:
        """Calls are tasks of `tasks`; times count from `zero_s` of the loop's clock; texts are worked on in `thread`."""
        self._tasks = tasks
        self._zero_s = zero_s
        self._thread = thread
        self._over = over
        self._loop = asyncio.get_running_loop()

    def start(self, attempt: Attempt, messages: Messages, now_us: int) -> None:
        """Make the call of an attempt, and tell when it has ended."""
        request = attempt.request
        endpoint = self._endpoint_of(attempt)
        attempt.tariff = tariff = self._tariffs[attempt.target]
        most_pico = tariff.cost_pico(request.input_tokens, request.max_tokens)
        if not self._spending.reserve(most_pico):
            self._under_way[attempt] = _UnderWay(None, None, None, 0)
            self._over(Returned(attempt, _unsent(SPEND_CAP, self._loop.time()), None, now_us))
            return
        self._sent()
        struck = self._strike(attempt, endpoint, now_us)
        call = self._call_of(attempt, endpoint, messages, struck)
        task = self._tasks.create_task(self._make(attempt, call))
        self._under_way[attempt] = _UnderWay(task, call, struck, most_pico)

    def _endpoint_of(self, attempt: Attempt) -> Endpoint:
        """Where an attempt goes."""
        return self._endpoints[attempt.target]

    def _call_of(
        self, attempt: Attempt, endpoint: Endpoint, messages: Messages, struck: Struck | None
    ) -> AnyCall:
        """What makes the call of an attempt."""
        return Call(self._transport, endpoint, messages, attempt.request.max_tokens, struck)

    def _answer_of(self, attempt: Attempt, outcome: CallOutcome, verdict: Verdict) -> Answer:  # noqa: ARG002
        """The answer that an attempt has got, with its verdict."""
        correct, failed = verdict
        return Answer("real", text=outcome.text, correct=correct, failed_checks=failed)

    def is_under_way(self, attempt: Attempt) -> bool:
        """Whether the attempt's call has not been settled yet."""
        return attempt in self._under_way

    def give_up(self, attempt: Attempt, error: CallError) -> CallOutcome:
        """Nobody waits for the call any longer: how it stands, with `error`."""
        course = self._under_way[attempt]
        if course.call is None or course.task is None:
            outcome = _unsent(error, self._loop.time())
        else:
            course.task.cancel()
            outcome = course.call.given_up(error)
        self.settle(attempt, outcome)
        return outcome

    def given_up_all(self, error: CallError) -> list[tuple[Attempt, CallOutcome]]:
        """Give up whatever is under way."""
        return [(attempt, self.give_up(attempt, error)) for attempt in list(self._under_way)]

    def settle(self, attempt: Attempt, outcome: CallOutcome) -> None:
        """The call has ended: note what it took and what it cost."""
        course = self._under_way.pop(attempt)
        attempt.status = outcome.status
        attempt.retry_after_us = outcome.retry_after_us
        attempt.first_us = None if outcome.first_s is None else self._time_of(outcome.first_s)
        attempt.finished_us = self._time_of(outcome.finished_s)
        attempt.input_tokens = outcome.input_tokens
        attempt.output_tokens = outcome.output_tokens
        attempt.billed = outcome.billed
        if outcome.limits:
            self.limits[self._targets[attempt.target]] = outcome.limits
        tariff = attempt.tariff
        assert isinstance(tariff, Tariff)
        cost_pico = tariff.cost_pico(outcome.input_tokens, outcome.output_tokens) if outcome.billed else 0
        if may_cost_more(outcome, course.struck):
            self._spending.settle(course.reserved_pico, max(course.reserved_pico, cost_pico))
        else:
            self._spending.settle(course.reserved_pico, cost_pico)
        struck = course.struck
        if outcome.billed and struck is not None and struck.injection.price_factor != 1:
            attempt.tariff = dearer(tariff, struck.injection.price_factor)
            cost_pico = attempt.tariff.cost_pico(outcome.input_tokens, outcome.output_tokens)
        attempt.cost_pico = cost_pico

    def _strike(self, attempt: Attempt, endpoint: Endpoint, now_us: int) -> Struck | None:
        question = attempt.request.question

        def load() -> float:
            there = sum(each.target == attempt.target for each in self._under_way)
            return there / self._slots[attempt.target]

        async def spoil(kind: AnswerKind, said: str) -> str:
            return await self._loop.run_in_executor(self._thread, self._desk.spoil, question, kind, said)

        return self.faults.strike(attempt, endpoint, now=now_us, load=load, spoil=spoil)

    async def _make(self, attempt: Attempt, call: AnyCall) -> None:
        """Make the call, have its answer checked, and tell that it is over."""
        outcome = await call.make(
            self._instant(attempt.first_by_us),
            self._instant(attempt.until_us),
            connect_s=_length_s(attempt.bounds.connect_us),
            between_s=_length_s(attempt.bounds.between_us),
        )
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
            answer = self._answer_of(attempt, outcome, (correct, failed))
        elif outcome.expired and not outcome.too_quiet:
            # Timers may be early by a tick, and no lifecycle must see a time-out before its time.
            due_us = attempt.until_us
            if outcome.first_s is None:
                due_us = min(due_us, attempt.first_by_us)
            if due_us == attempt.until_us:
                outcome = outcome._replace(error=attempt.overdue)
        self._over(Returned(attempt, outcome, answer, due_us))

    def _instant(self, time_us: int) -> float:
        """A time of the run on the event loop's clock."""
        return self._zero_s + time_us / MICRO

    def _time_of(self, instant_s: float) -> int:
        return int((instant_s - self._zero_s) * MICRO)


def _length_s(length_us: int) -> float:
    return inf if length_us >= FOREVER_US else length_us / MICRO


def _unsent(error: CallError, now_s: float) -> CallOutcome:
    """How a call ends that the spending cap did not allow."""
    return CallOutcome(
        error=error,
        status=0,
        text="",
        first_s=None,
        finished_s=now_s,
        retry_after_us=None,
        input_tokens=0,
        output_tokens=0,
        estimated=False,
        billed=False,
    )


def may_cost_more(outcome: CallOutcome, struck: Struck | None = None) -> bool:
    """Whether a call broke off that may be charged for more than is known of it."""
    if struck is not None and not struck.reached:
        return False
    if outcome.billed:
        return outcome.estimated and outcome.error is not None
    return outcome.status == 0 and outcome.error is CONNECTION_LOST
