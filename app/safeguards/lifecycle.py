"""The lifecycle: what a variant does with one request, as one flat generator.

It walks the pipeline's hooks inwards, makes a call at the bottom, and walks outwards with the result; a layer may turn
it back, have it wait, or send it in again. It yields commands (`app.safeguards.commands`) and is sent outcomes; it has no
clock of its own (`clock.now` is set by the driver, in microseconds), does no I/O, and so runs alike under every driver.
"""

from __future__ import annotations

from collections.abc import Generator

from app.safeguards.base import Again
from app.safeguards.commands import Attempt, Command, Flight, Outcome, Resolve, Result, Sleep, WaitAny
from app.safeguards.errors import PROMPT_ERROR
from app.safeguards.pipeline import Pipeline
from app.safeguards.request import Request


class Clock:
    """The time as the driver tells it, in microseconds since the run's start."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0


Life = Generator[Command, Outcome, Result]


def lifecycle(request: Request, pipeline: Pipeline, clock: Clock, unaskable: bool = False) -> Life:
    """Carry one request from its arrival to its result; `unaskable` when its prompt could not be made."""
    result: Result
    request.memo = pipeline.blank.copy()
    enters = pipeline.enters[0]
    while True:
        # Inwards: a layer may turn back, or have the request wait.
        now = clock.now
        for slot, enter in enters:
            turned = enter(request, now)
            if turned is not None:
                if type(turned) is WaitAny:
                    outcome = yield turned
                    flight = outcome if isinstance(outcome, Flight) else None
                    turned = pipeline.layers[slot].resumed(request, flight, clock.now)
                assert isinstance(turned, Result)
                result = turned
                break
        else:
            slot = pipeline.depth
            if unaskable and not request.mended:
                result = Result.failure(PROMPT_ERROR)
            else:
                until_us = now + pipeline.attempt_us
                if until_us > request.deadline_us:
                    until_us = request.deadline_us
                attempt = Attempt(request, request.retry, now, now + pipeline.first_token_us, until_us)
                request.attempts.append(attempt)
                yield attempt
                result = attempt

        # Outwards: a layer may replace the result (an answer may become an error, and the other way round), resolve
        # a flight, or send the request in again.
        now = clock.now
        while True:
            hooks = (pipeline.answered if result.error is None else pipeline.failed)[slot]
            for slot, hook in hooks:  # noqa: B007 (the slot that spoke is where the walk goes on)
                verdict = hook(request, result, now)
                if verdict is not None:
                    break
            else:
                return result
            if type(verdict) is Again:
                again = verdict
                break
            if type(verdict) is Resolve:
                yield verdict
            elif isinstance(verdict, Result):
                result = verdict

        slot = again.slot
        request.memo[slot + 1 :] = pipeline.blank[slot + 1 :]
        target = request.target
        retry = 0
        for earlier in request.attempts:
            if earlier.target == target:
                retry += 1
        request.retry = retry
        if again.at_us > now:
            yield Sleep(again.at_us)
        enters = pipeline.enters[slot + 1]
