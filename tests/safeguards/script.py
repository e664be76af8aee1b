"""Scripts of exchanges with a lifecycle: the commands it is expected to give, and the outcomes it is sent.

No driver and no provider: the clock is moved by hand, in seconds.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from app.engine.draws import Draws
from app.safeguards.base import MICRO, Layer, Safeguard, World
from app.safeguards.commands import (
    FOREVER_US,
    Answer,
    Attempt,
    Command,
    Flight,
    Outcome,
    Resolve,
    Result,
    Sleep,
    WaitAny,
)
from app.safeguards.errors import CallError
from app.safeguards.lifecycle import Clock, lifecycle
from app.safeguards.pipeline import Workshop
from app.safeguards.request import Request
from app.sessions.vocabulary import CACHE, SERVED_BY

PRICES_PICO = (1_000, 100)
"""What a token costs, in and out alike, at the two targets of a bench."""


@dataclass(frozen=True)
class Flat:
    """A tariff: so much a token."""

    pico: int

    def cost_pico(self, input_tokens: int, output_tokens: int) -> int:
        """Price of a call."""
        return self.pico * (input_tokens + output_tokens)

    def at_most(self, read_factor: float | None, write_factor: float | None) -> Flat:
        """The price of a call whose tokens are all as dear as those that are read or written at the dearest."""
        return Flat(round(self.pico * max(1, read_factor or 0, write_factor or 0)))


def world(*, targets: tuple[str, ...] = ("primary", "fallback"), seed: int = 1) -> World:
    """What the safeguards on a bench know of the run."""
    prices = (PRICES_PICO * len(targets))[: len(targets)]
    return World(targets, targets, tuple(Flat(pico) for pico in prices), Draws(seed))


def request(
    number: int = 0,
    *,
    at_s: float = 0,
    key: Hashable | None = None,
    input_tokens: int = 100,
    max_tokens: int = 50,
    question: object = None,
) -> Request:
    """A request that nobody has seen yet; its question is its own unless `key` says otherwise."""
    cache_key = ("question", number) if key is None else key
    asked = Request().begun((number, us(at_s), question, cache_key, input_tokens, max_tokens, 0))
    asked.memo = [0]  # of a pipeline of one layer; a lifecycle makes its own
    return asked


def us(seconds: float) -> int:
    """Seconds as virtual time."""
    return round(seconds * MICRO)


class Bench:
    """A variant's pipeline, and a clock that is moved by hand."""

    def __init__(self, *safeguards: Safeguard, targets: tuple[str, ...] = ("primary", "fallback")) -> None:
        self.clock = Clock()
        self.workshop = Workshop()
        self.world = world(targets=targets)
        self.change(*safeguards)

    def change(self, *safeguards: Safeguard) -> None:
        """Go on with other safeguards, for requests that arrive from now on."""
        self.pipeline = self.workshop.build(safeguards, self.world)

    def layer(self, kind: str) -> Layer:
        """The layer of this kind in the present pipeline."""
        return next(layer for layer in self.pipeline.layers if layer.kind == kind)

    def arrives(
        self,
        number: int = 0,
        *,
        at_s: float = 0,
        key: Hashable | None = None,
        max_tokens: int = 50,
        unaskable: bool = False,
        question: object = None,
    ) -> Script:
        """A request arrives, and goes on until it waits for something."""
        self.clock.now = us(at_s)
        asked = request(number, at_s=at_s, key=key, max_tokens=max_tokens, question=question)
        return Script(self, asked, unaskable=unaskable)


class Script:
    """One request's exchange. Each expectation looks at the command given; each outcome sends it on."""

    def __init__(self, bench: Bench, asked: Request, *, unaskable: bool) -> None:
        self.bench = bench
        self.request = asked
        self.command: Command | None = None
        self.result: Result | None = None
        self.finished_s = 0.0
        self.resolved: list[Flight] = []
        self._life = lifecycle(asked, bench.pipeline, bench.clock, unaskable)
        self._send(None)

    # -- what it is expected to ask for ----------------------------------------------------------------------

    def calls(
        self,
        target: str = "primary",
        *,
        retry: int | None = None,
        until_s: float | None = None,
        first_by_s: float | None = None,
    ) -> Script:
        """It calls a target now, with these bounds."""
        attempt = self.attempt
        assert self.bench.world.targets[attempt.target] == target
        assert attempt.started_us == self.bench.clock.now
        assert retry is None or attempt.retry == retry
        assert until_s is None or attempt.until_us == us(until_s)
        assert first_by_s is None or attempt.first_by_us == us(first_by_s)
        return self

    def sleeps(self, *, until_s: float) -> Script:
        """It waits until a time, and has now waited."""
        assert isinstance(self.command, Sleep)
        assert self.command.until_us == us(until_s)
        return self.wakes()

    def waits(self, *, until_s: float | None = None) -> Script:
        """It waits for somebody else's call."""
        assert isinstance(self.command, WaitAny)
        assert self.command.until_us == (FOREVER_US if until_s is None else us(until_s))
        return self

    # -- what becomes of it ----------------------------------------------------------------------------------

    def wakes(self) -> Script:
        """The time it waited for has come."""
        assert isinstance(self.command, Sleep)
        self.bench.clock.now = self.command.until_us
        return self._send(None)

    def fails(
        self, error: CallError, *, at_s: float, retry_after_s: float | None = None, cost: int = 0
    ) -> Script:
        """The call ends without an answer."""
        attempt = self._ends(at_s, cost)
        attempt.error = error
        attempt.status = error.status
        attempt.retry_after_us = None if retry_after_s is None else us(retry_after_s)
        return self._send(attempt)

    def answers(self, *, at_s: float, failed_checks: frozenset[str] = frozenset(), cost: int = 0) -> Script:
        """The call ends with an answer."""
        attempt = self._ends(at_s, cost)
        attempt.status = 200
        attempt.answer = Answer("right", text=f"answer to {self.request.number}", failed_checks=failed_checks)
        attempt.served_by = SERVED_BY.index("fallback" if attempt.target else "primary")
        return self._send(attempt)

    def lands(self, flight: Flight, *, at_s: float) -> Script:
        """What it waited for has come."""
        assert isinstance(self.command, WaitAny)
        assert flight in self.command.flights
        self.bench.clock.now = us(at_s)
        return self._send(flight)

    def runs_out_of_time(self) -> Script:
        """What it waited for has not come in time."""
        assert isinstance(self.command, WaitAny)
        self.bench.clock.now = self.command.until_us
        return self._send(None)

    # -- how it stands ---------------------------------------------------------------------------------------

    @property
    def attempt(self) -> Attempt:
        """The call it has begun."""
        assert isinstance(self.command, Attempt), (
            f"gave {self.command}, and is over: {self.result is not None}"
        )
        return self.command

    @property
    def end(self) -> Result:
        """What it ended with."""
        assert self.result is not None, f"still waits: {self.command}"
        return self.result

    @property
    def error(self) -> CallError | None:
        """The error it ended with."""
        return self.end.error

    @property
    def served_by(self) -> str:
        """Who served it in the end."""
        return SERVED_BY[self.end.served_by]

    @property
    def cache(self) -> str:
        """What the cache did."""
        return CACHE[self.request.cache]

    def _ends(self, at_s: float, cost: int) -> Attempt:
        attempt = self.attempt
        assert us(at_s) >= self.bench.clock.now, "the script goes back in time"
        self.bench.clock.now = us(at_s)
        attempt.finished_us = us(at_s)
        attempt.cost_pico = cost
        if cost:
            attempt.input_tokens = self.request.input_tokens
            attempt.output_tokens = self.request.max_tokens
        return attempt

    def _send(self, outcome: Outcome) -> Script:
        try:
            self.command = self._life.send(outcome)
            while isinstance(self.command, Resolve):
                self.resolved += self.command.flights
                self.command = self._life.send(None)
        except StopIteration as stop:
            self.command = None
            self.result = stop.value
            self.finished_s = self.bench.clock.now / MICRO
        return self
