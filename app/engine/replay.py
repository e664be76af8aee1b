"""Replaying a live run: the same lifecycles, fed with what was observed, must ask for the same, to the bit.

It makes no calls and waits for nothing. What differs is told, and a request that does not wait for what the
record has for it is not followed any further.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.engine.draws import Draws
from app.engine.observations import (
    Plain,
    Resumer,
    end,
    fault_in,
    finish,
    request_of,
    surroundings_of,
    tell,
)
from app.errors import UserError
from app.safeguards.commands import Attempt, Command, Outcome, Sleep, WaitAny
from app.safeguards.lifecycle import Clock, lifecycle
from app.safeguards.pipeline import Workshop
from app.safeguards.request import Branch, Request
from app.scenario.edit import with_setting
from app.scenario.model import Scenario
from app.sessions.records import ObservationRecord


@dataclass(frozen=True)
class Difference:
    """Where a replay and its record part: in the observation `sequence`, about request `number`.

    `recorded` and `replayed` are what was asked for, or what was delivered against what was waited for.
    """

    sequence: int
    number: int
    recorded: Any
    replayed: Any

    def __str__(self) -> str:
        where = f"observation {self.sequence}, request {self.number}"
        return f"{where}: {self.recorded} as recorded, {self.replayed} as replayed"


def replay(observations: Iterable[ObservationRecord], scenario: Scenario) -> list[Difference]:
    """Where the scenario's safeguards decide otherwise than recorded; empty when all is alike, to the bit.

    Raises UserError for a record that is damaged: with gaps in its sequence, or not as `observations` has it.
    """
    worlds = [_World(scenario, variant) for variant in scenario.variants]
    differences: list[Difference] = []
    for expected, each in enumerate(observations):
        if each.sequence != expected:
            raise _damaged(each, f"observation {expected} is missing")
        if why := fault_in(each.outcome, len(worlds)):
            raise _damaged(each, why)
        difference = worlds[each.outcome["variant"]].resume(each)
        if difference is not None:
            differences.append(difference)
    return differences


class _MismatchError(Exception):
    """What the record delivers is not what the lifecycle waits for."""


class _World:
    """One variant, without a driver: its time is what the record says."""

    def __init__(self, scenario: Scenario, variant: str) -> None:
        self._variant = variant
        self._draws = Draws(scenario.seed)
        self._workshop = Workshop()
        self._clock = Clock()
        self._resumer = Resumer()
        self._waiting: dict[tuple[int, int], tuple[Request, Command]] = {}
        """By request number and branch, 0 for the request itself."""
        self._branches: dict[tuple[int, int], Branch] = {}
        self._lost: set[int] = set()
        self._set_up(scenario)

    def _set_up(self, scenario: Scenario) -> None:
        self._scenario = scenario
        safeguards = scenario.variants[self._variant].safeguards
        self._pipeline = self._workshop.build(safeguards, surroundings_of(scenario, self._draws))

    def resume(self, each: ObservationRecord) -> Difference | None:
        """Let happen what was observed; the difference, if there is one."""
        number = each.number
        if each.outcome["came"] == "change":
            switch = each.outcome
            self._set_up(with_setting(self._scenario, switch["set"], switch.get("value")))
            return None
        if number in self._lost:
            return None
        self._clock.now = each.now_us
        try:
            asked = self._carry_on(number, each.outcome)
        except _MismatchError as mismatch:
            self._lost.add(number)
            return Difference(each.sequence, number, dict(each.outcome), str(mismatch))
        recorded = each.command.get("asked")
        return None if asked == recorded else Difference(each.sequence, number, recorded, asked)

    def _carry_on(self, number: int, came: Any) -> list[Plain]:
        request: Request
        outcome: Outcome = None
        key = (number, came.get("branch", 0))
        if came["came"] == "request":
            request = request_of(number, came, self._pipeline)
            request.life = lifecycle(request, self._pipeline, self._clock, came["unaskable"])
        elif came["came"] == "branch":
            if key not in self._branches:
                raise _MismatchError("the request has no such branch")
            request = self._branches.pop(key)
        else:
            if key not in self._waiting:
                raise _MismatchError("the request has ended")
            request, command = self._waiting.pop(key)
            if came["came"] == "end":
                return [finish(request, end(request))]
            request.cancelled = came.get("cancelled", False)
            outcome = self._delivered(command, came)
        step = self._resumer.resume(request, outcome)
        for branch in step.spawned:
            self._branches[number, branch.place] = branch
        if step.waiting is not None:
            self._waiting[key] = (request, step.waiting)
        return step.asked

    def _delivered(self, command: Command, came: Any) -> Outcome:
        """What the lifecycle is sent, if it waits for such a thing."""
        match came["came"], command:
            case "attempt", Attempt():
                tell(command, came)
                return command
            case "flight", WaitAny():
                for flight in command.flights:
                    if self._resumer.number(flight) == came["flight"]:
                        return flight
            case "time", Sleep() | WaitAny():
                return None
        raise _MismatchError(f"the request waits for {type(command).__name__.lower()}")


def _damaged(each: ObservationRecord, what: str) -> UserError:
    return UserError(f"the record of real calls is damaged: {what}", where=f"observation {each.sequence}")
