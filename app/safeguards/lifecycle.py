"""The lifecycle: what a variant does with one request, as one flat generator.

It walks the pipeline's hooks inwards, makes a call at the bottom, and walks outwards with the result; a layer may turn
it back, have it wait, or send it in again. It yields commands (`app.safeguards.commands`) and is sent outcomes; it has no
clock of its own (`clock.now` is set by the driver, in microseconds), does no I/O, and so runs alike under every driver.

A request whose `cancelled` is set goes straight out from wherever it waits, past the same hooks, so that every place and
reservation that it holds is given back.
"""

from __future__ import annotations

from collections.abc import Generator

from app.safeguards.base import Again, Race
from app.safeguards.commands import (
    FOREVER_US,
    Attempt,
    Cancel,
    Command,
    Flight,
    Outcome,
    Resolve,
    Result,
    Sleep,
    Spawn,
    WaitAny,
)
from app.safeguards.errors import CANCELLED, PROMPT_ERROR
from app.safeguards.pipeline import Pipeline
from app.safeguards.request import Branch, Request
from app.sessions.vocabulary import SERVED_BY


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
    slot = pipeline.first
    enters = pipeline.enters[slot]
    while True:
        # Inwards: a layer may turn back, have the request wait, or send it on as several branches.
        now = clock.now
        if request.cancelled:
            result = Result.failure(CANCELLED)
        else:
            for at, enter in enters:
                turned = enter(request, now)
                if turned is None:
                    continue
                if type(turned) is WaitAny:
                    turned = yield from _waited(request, at, turned, pipeline, clock)
                    now = clock.now
                    if _nobody_waits_for(request):
                        slot = at if turned is not None else at + 1  # where it got in it must get out
                        result = Result.failure(CANCELLED)
                        break
                    if turned is None:
                        continue
                if type(turned) is Race:
                    slot = at + 1
                    result = yield from _race(request, at, turned, pipeline, clock, unaskable)
                else:
                    assert isinstance(turned, Result)
                    slot = at
                    result = turned
                break
            else:
                slot = pipeline.depth
                if unaskable:
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
        # flights, wait, or send the request in again.
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
            elif type(verdict) is WaitAny:
                waited = yield from _waited(request, slot, verdict, pipeline, clock)
                now = clock.now
                if isinstance(waited, Result):
                    result = waited
            elif isinstance(verdict, Result):
                result = verdict

        slot = again.slot + 1
        request.memo[slot:] = pipeline.blank[slot:]
        request.why = again.why
        request.retry = _attempts_made(request)
        if again.at_us > now:
            yield Sleep(again.at_us)
        enters = pipeline.enters[slot]


def _nobody_waits_for(request: Request) -> bool:
    return request.cancelled  # asked again after a wait, in which it may have changed


def _attempts_made(request: Request) -> int:
    """How many attempts the request's target has had, in the same place of a hedge."""
    target, hedge = request.target, request.hedge
    made = 0
    for earlier in request.attempts:
        if earlier.target == target and earlier.hedge == hedge:
            made += 1
    return made


def _waited(
    request: Request, slot: int, wait: WaitAny, pipeline: Pipeline, clock: Clock
) -> Generator[Command, Outcome, Result | None]:
    """Wait as the layer at `slot` wishes, and hear what it says then."""
    said: Result | WaitAny | None = wait
    while type(said) is WaitAny:
        outcome = yield said
        flight = outcome if isinstance(outcome, Flight) else None
        said = pipeline.layers[slot].resumed(request, flight, clock.now)
    assert not isinstance(said, WaitAny)
    return said


def _race(
    request: Request, slot: int, race: Race, pipeline: Pipeline, clock: Clock, unaskable: bool
) -> Generator[Command, Outcome, Result]:
    """Try the request as several branches from the layer at `slot` inwards, until one has an answer or none is left.

    Those that lose are cancelled, and have left off before this returns: what they cost is known then.
    """
    inside = pipeline.inside(slot)
    branches: list[Branch] = []
    lost: Result | None = None
    next_us = clock.now
    while True:
        now = clock.now
        running = [branch for branch in branches if not branch.ended]
        for branch in branches:
            led = branch.flight.result
            if led is not None and led.error is None:
                return (yield from _won(request, branch, led, branches))
        if request.cancelled:
            lost = Result.failure(CANCELLED)
            return (yield from _stopped(request, lost, branches))
        if branches and not running:
            assert lost is not None
            return (yield from _stopped(request, lost, branches))
        if now >= next_us and now < request.deadline_us and len(branches) <= race.further:
            place = len(branches)
            branch = Branch(request, place, "hedge" if place else request.why)
            branch.retry = _attempts_made(branch)
            branch.life = lifecycle(branch, inside, clock, unaskable)
            branches.append(branch)
            running.append(branch)
            next_us = now + race.after_us
            yield Spawn(branch)
        more = len(branches) <= race.further and next_us < request.deadline_us
        landed = yield WaitAny(tuple(branch.flight for branch in running), next_us if more else FOREVER_US)
        if isinstance(landed, Flight) and landed.result is not None and landed.result.error is not None:
            lost = landed.result


def _won(
    request: Request, winner: Branch, result: Result, branches: list[Branch]
) -> Generator[Command, Outcome, Result]:
    request.target = winner.target
    request.reason = winner.reason or request.reason
    request.cache = winner.cache or request.cache
    if winner.hedge and result.served_by == _PRIMARY:
        result.served_by = _HEDGE
    return (yield from _stopped(request, result, branches))


def _stopped(request: Request, result: Result, branches: list[Branch]) -> Generator[Command, Outcome, Result]:
    """Cancel what still runs, wait until it has left off, and go on with `result`."""
    for branch in branches:
        if not branch.ended:
            yield Cancel(branch)
    while running := tuple(branch.flight for branch in branches if not branch.ended):
        yield WaitAny(running, FOREVER_US)
    for branch in branches:
        request.hits |= branch.hits
        request.reason = request.reason or branch.reason
    return result


_PRIMARY, _HEDGE = SERVED_BY.index("primary"), SERVED_BY.index("hedge")
