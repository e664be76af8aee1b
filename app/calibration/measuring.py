"""Makes a calibration's calls: within a cap, at most so many at a time, each measured, none retried.

It decides nothing about what the measurements mean. Calls that fail are kept as what they are; those that were given up
are kept with how far they were followed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

from app.calibration.purse import Purse
from app.calibration.questions import Asked
from app.engine.live_calls import may_cost_more
from app.providers.calls import Call, CallOutcome, open_transport
from app.providers.endpoint import Endpoint
from app.providers.prices import Tariff
from app.providers.wires.limits import RateLimit
from app.safeguards.errors import FORBIDDEN, OUT_OF_MONEY, RUN_ENDED, UNAUTHORIZED

_HOPELESS = {error.name for error in (UNAUTHORIZED, FORBIDDEN, OUT_OF_MONEY)}
_FAILED_AT_FIRST = 5
"""When so many calls have failed and none was answered, no more are made."""
_MAX_WAIT_S = 60.0
"""A provider that asks to wait longer is waited for so long."""
_MICRO = 1_000_000


@dataclass(frozen=True)
class Measured:
    """One call. Times are seconds since it began; `followed_s` is until its end, or until it was given up.

    `error` is empty where there is an answer; `given_up` tells that our own patience ended, so that all times are at least
    what they are. `piece_gaps_s` are the times between pieces of the answer. `estimated` tells that the provider did not
    say how many tokens there were; `finish` why the model stopped, in OpenAI's words.
    """

    asked: Asked
    error: str
    given_up: bool
    first_s: float | None
    followed_s: float
    piece_gaps_s: tuple[float, ...]
    input_tokens: int
    output_tokens: int
    estimated: bool
    finish: str | None
    cost_pico: int
    limits: Mapping[str, RateLimit]

    @property
    def answered(self) -> bool:
        """Whether there is an answer, which may be empty."""
        return not self.error


@dataclass(frozen=True)
class Progress:
    """How it goes: calls made, of how many, and what they cost so far."""

    made: int
    planned: int
    cost_pico: int


@dataclass(frozen=True)
class Course:
    """What is to be done. Money in picodollars; a call is given up after `patience_s`."""

    endpoint: Endpoint
    tariff: Tariff
    questions: Sequence[Asked]
    max_tokens: int
    cap_pico: int
    concurrency: int = 1
    patience_s: float = 60.0

    def most_pico(self, asked: Asked) -> int:
        """What a call costs at the most."""
        return self.tariff.cost_pico(asked.most_tokens, self.max_tokens)


@dataclass
class Measurement:
    """What was measured; `ended_early` says why there are fewer calls than planned, if there are."""

    calls: list[Measured] = field(default_factory=list)
    ended_early: str = ""

    @property
    def cost_pico(self) -> int:
        """What the calls cost."""
        return sum(call.cost_pico for call in self.calls)


class Halt:
    """A wish to make no more calls, and to give up those under way. `ask` may come from any thread, or a signal handler."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._wake: Callable[[], None] | None = None

    @property
    def asked(self) -> bool:
        """Whether it was asked for."""
        return self._asked.is_set()

    def ask(self) -> None:
        """End it; what was measured is kept."""
        self._asked.set()
        wake = self._wake
        if wake is not None:
            with suppress(RuntimeError):  # the event loop has ended by itself
                wake()

    def attach(self, wake: Callable[[], None] | None) -> None:
        """What ends the calls now, if anything does."""
        self._wake = wake
        if wake is not None and self.asked:
            wake()


def measure(course: Course, tell: Callable[[Progress], None], halt: Halt) -> Measurement:
    """Make the calls; `tell` hears of each that is over. Raises nothing for calls that fail."""
    return asyncio.run(_Caller(course, tell).work(halt))


class _Caller:
    def __init__(self, course: Course, tell: Callable[[Progress], None]) -> None:
        self._course = course
        self._tell = tell
        self._made = Measurement()
        self._left: Iterator[Asked] = iter(course.questions)
        self._not_before_s = 0.0

    async def work(self, halt: Halt) -> Measurement:
        """Make all calls, or as many as may be."""
        self._loop = loop = asyncio.get_running_loop()
        self._purse = Purse(self._course.cap_pico)
        async with open_transport() as self._transport:
            callers = [asyncio.create_task(self._call_on()) for _ in range(self._course.concurrency)]

            def stop() -> None:
                for caller in callers:
                    caller.cancel()

            def stop_soon() -> None:
                loop.call_soon_threadsafe(stop)

            halt.attach(stop_soon)
            try:
                # Where one of them breaks, the others shall not go on and cost money.
                await asyncio.wait(callers, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                halt.attach(None)
                stop()
                ends = await asyncio.gather(*callers, return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
                raise end
        if halt.asked and len(self._made.calls) < len(self._course.questions):
            self._made.ended_early = "it was stopped"
        return self._made

    async def _call_on(self) -> None:
        """Make calls one after the other, until there is a reason not to."""
        course = self._course
        while not self._made.ended_early:
            asked = next(self._left, None)
            if asked is None:
                return
            while (wait_s := self._not_before_s - self._loop.time()) > 0:
                await asyncio.sleep(wait_s)
            most_pico = course.most_pico(asked)
            if not await self._purse.set_aside(most_pico):
                self._made.ended_early = "the next call might have exceeded the cap"
                return
            await self._call(asked, most_pico)

    async def _call(self, asked: Asked, most_pico: int) -> None:
        course = self._course
        pieces_s: list[float] = []
        call = Call(
            self._transport, course.endpoint, asked.messages, course.max_tokens, on_piece=pieces_s.append
        )
        began_s = self._loop.time()
        until_s = began_s + course.patience_s
        try:
            outcome = await call.make(until_s, until_s)
        except asyncio.CancelledError:
            # Stopped: what it was charged nobody will tell, so nothing is settled.
            self._keep(asked, call.given_up(RUN_ENDED), began_s, pieces_s)
            raise
        measured = self._keep(asked, outcome, began_s, pieces_s)
        # A call that broke off may be charged to its end, whatever had come of it.
        charged_pico = measured.cost_pico
        if may_cost_more(outcome) or (charged_pico and not measured.answered):
            charged_pico = max(most_pico, charged_pico)
        await self._purse.settle(most_pico, charged_pico)

    def _keep(self, asked: Asked, outcome: CallOutcome, began_s: float, pieces_s: list[float]) -> Measured:
        error = "" if outcome.error is None else outcome.error.name
        cost_pico = self._course.tariff.cost_pico(outcome.input_tokens, outcome.output_tokens)
        measured = Measured(
            asked=asked,
            error=error,
            given_up=outcome.expired or outcome.error is RUN_ENDED,
            first_s=None if outcome.first_s is None else outcome.first_s - began_s,
            followed_s=outcome.finished_s - began_s,
            piece_gaps_s=tuple(after - before for before, after in pairwise(pieces_s)),
            input_tokens=outcome.input_tokens,
            output_tokens=outcome.output_tokens,
            estimated=outcome.estimated,
            finish=outcome.finish,
            cost_pico=cost_pico if outcome.billed else 0,
            limits=outcome.limits,
        )
        calls = self._made.calls
        calls.append(measured)
        if outcome.retry_after_us is not None:
            wait_s = min(outcome.retry_after_us / _MICRO, _MAX_WAIT_S)
            self._not_before_s = max(self._not_before_s, self._loop.time() + wait_s)
        self._give_in(error)
        self._tell(Progress(len(calls), len(self._course.questions), self._made.cost_pico))
        return measured

    def _give_in(self, error: str) -> None:
        """End it where further calls would fail likewise."""
        calls = self._made.calls
        if error in _HOPELESS:
            self._made.ended_early = f"a call failed with {error}, and so would the others"
        elif len(calls) == _FAILED_AT_FIRST and not any(call.answered for call in calls):
            self._made.ended_early = f"the first {_FAILED_AT_FIRST} calls all failed"
