"""The lifecycle: what a variant does with one request.

It walks the pipeline's hooks inwards, makes a call at the bottom, and walks outwards with the result; a layer may turn
it back, have it wait, or send it in again. `inwards` and `outwards` are these walks, up to where a layer has something to
say; `lifecycle` is the whole, as one generator that yields commands (`app.safeguards.commands`) and is sent outcomes. Most
requests go in, are called for and go out without a word from any layer: for these a driver may walk by itself, and have
the generator go on from where one speaks.

It has no clock of its own (`clock.now` is set by the driver, in microseconds), does no I/O, and so runs alike under every
driver. A request whose `cancelled` is set goes straight out from wherever it waits, past the same hooks, so that every
place and reservation that it holds is given back.
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
from app.safeguards.errors import CANCELLED, DEADLINE, PROMPT_ERROR
from app.safeguards.pipeline import Pipeline, place_of
from app.safeguards.request import Branch, Request
from app.sessions.vocabulary import SERVED_BY


class Clock:
    """The time as the driver tells it, in microseconds since the run's start."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0


Life = Generator[Command, Outcome, Result]
Step = Attempt | tuple[int, Result | WaitAny | Race]
"""Where the way in ends: the call to make, or the place of the layer that speaks, and what it says."""
Said = tuple[int, Again | WaitAny | Resolve | Result] | None
"""On the way out: the place of the layer that speaks, and what it says; None when the request is out."""


def inwards(request: Request, pipeline: Pipeline, slot: int, now: int, unaskable: bool) -> Step:
    """Go in from `slot`; `unaskable` when its prompt could not be made."""
    for enter in pipeline.enters[slot]:
        turned = enter(request, now)
        if turned is not None:
            return place_of(enter), turned
    if unaskable and not request.mended:
        return pipeline.depth, Result.failure(PROMPT_ERROR)
    until_us = now + pipeline.attempt_us
    first_by_us = now + pipeline.first_token_us
    attempt = Attempt().begun(request, request.retry, now, first_by_us, until_us, pipeline.bounds)
    if until_us > request.deadline_us:
        attempt.until_us = request.deadline_us
        attempt.overdue = DEADLINE
    request.attempts += (attempt,)
    return attempt


def outwards(request: Request, pipeline: Pipeline, slot: int, result: Result, now: int) -> Said:
    """Go out from `slot` with `result`."""
    for hook in (pipeline.answered if result.error is None else pipeline.failed)[slot]:
        verdict = hook(request, result, now)
        if verdict is not None:
            return place_of(hook), verdict
    return None


def lifecycle(
    request: Request,
    pipeline: Pipeline,
    clock: Clock,
    unaskable: bool = False,
    *,
    step: Step | None = None,
    left: tuple[Result, Said] | None = None,
) -> Life:
    """Carry one request from its arrival to its result. It goes on with `step` if it is on its way in by now, and with what
    was said to its result if it is on its way out (`left`)."""
    result: Result
    if left is None and step is None:
        request.memo = pipeline.blank.copy()
        step = inwards(request, pipeline, pipeline.first, clock.now, unaskable)
    while True:
        if left is not None:
            result, said = left
            left = None
        else:
            # Inwards: a layer may turn back, have the request wait, or send it on as several branches.
            while type(step) is not Attempt:
                assert isinstance(step, tuple)
                slot, turned = step
                if type(turned) is WaitAny:
                    waited = yield from _waited(request, slot, turned, pipeline, clock)
                    if waited is None:
                        slot += 1  # where it got in it must get out
                    if _nobody_waits_for(request):
                        waited = Result.failure(CANCELLED)
                    if waited is None:
                        step = inwards(request, pipeline, slot, clock.now, unaskable)
                        continue
                    result = waited
                elif type(turned) is Race:
                    result = yield from _race(request, slot, turned, pipeline, clock, unaskable)
                    slot += 1
                else:
                    assert isinstance(turned, Result)
                    result = turned
                break
            else:
                slot = pipeline.depth
                result = step
                yield step
            said = outwards(request, pipeline, slot, result, clock.now)

        # Outwards: a layer may replace the result (an answer may become an error, and the other way round), resolve
        # flights, wait, or send the request in again.
        while said is not None:
            slot, verdict = said
            if type(verdict) is Again:
                break
            if type(verdict) is Resolve:
                yield verdict
            elif type(verdict) is WaitAny:
                result = (yield from _waited(request, slot, verdict, pipeline, clock)) or result
            else:
                assert isinstance(verdict, Result)
                result = verdict
            said = outwards(request, pipeline, slot, result, clock.now)
        else:
            return result

        assert isinstance(verdict, Again)
        slot = verdict.slot + 1
        request.memo[slot:] = pipeline.blank[slot:]
        request.begin_anew(verdict.slot)
        request.why = verdict.why
        request.retry = _attempts_made(request)
        if verdict.at_us > clock.now:
            yield Sleep(verdict.at_us)
        if _nobody_waits_for(request):
            step = (slot, Result.failure(CANCELLED))
        else:
            step = inwards(request, pipeline, slot, clock.now, unaskable)


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
    """Try the request as several branches from the layer at `slot` inwards, until one has an answer or none is left. A reply
    that stands in for an answer (canned, further in) counts as one only when nothing else is left.

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
            if led is not None and led.error is None and (led.served_by != _CANNED or not running):
                return (yield from _won(request, branch, led, branches))
        if request.cancelled:
            lost = Result.failure(CANCELLED)
            return (yield from _stopped(request, lost, branches))
        if branches and not running:
            assert lost is not None
            return (yield from _stopped(request, lost, branches))
        if now >= next_us and now < request.deadline_us and len(branches) <= race.further:
            place = len(branches)
            hedge = request.hedge + place * inside.branches
            branch = Branch(request, hedge, "hedge" if place else request.why)
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
    request.reasons += winner.reasons
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
        if result.error is not None:  # what a branch that lost went through is not why another one answered
            request.reasons = request.reasons or branch.reasons
    return result


_PRIMARY, _HEDGE, _CANNED = (SERVED_BY.index(name) for name in ("primary", "hedge", "canned"))
