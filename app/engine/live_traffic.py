"""What comes to the worlds of a turn of real calls: requests, and other settings, each at its time.

Requests are planned, and their prompts rendered, about a second ahead, in small pieces and in the thread in which all work
on texts is done. A switch that is flipped takes effect a quarter of a second later: who was to arrive from then on is
planned anew in that time. A pause takes back who was to arrive, and they come as much later as it lasts; the run's clock,
and with it the faults' schedules, goes on.

Each turn sees the same: what was flipped in the first is `known` to the later ones, with its times.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from app.engine.attempt_plans import MICRO
from app.engine.desk import Desk
from app.engine.draws import Draws
from app.engine.events import Event
from app.engine.live import Arrival, LiveWorld, Prompts, Turning
from app.engine.plan import Plan
from app.engine.question import Question
from app.engine.questions import QuestionBook
from app.engine.real_calls import KeyFor, check_now, endpoints_of
from app.errors import UserError
from app.faults.fault_set import FaultSet
from app.safeguards.commands import FOREVER_US
from app.safeguards.request import PlannedRequest
from app.scenario.edit import check_changeable, with_setting
from app.scenario.model import Scenario

AHEAD_US = 1_000_000
NOTICE_US = 250_000
_STEP_US = 100_000
_PIECE = 32
_LOOK_S = 0.05
_KEPT = 5_000
"""Questions whose prompts are kept."""
_T = TypeVar("_T")
DataRow = tuple[int, int, dict[str, object]]


@dataclass(frozen=True, order=True)
class Move:
    """Something that changes what comes: a switch (`set`) that is flipped, or a pause that begins or ends."""

    at_us: int
    order: int
    """Among those at the same time."""
    kind: Literal["set", "pause", "resume"] = field(compare=False)
    path: str = field(default="", compare=False)
    value: Any = field(default=None, compare=False)
    label: str = field(default="", compare=False)


def planned_moves(scenario: Scenario) -> list[Move]:
    """The scenario's own changes, in order."""
    changes = sorted(scenario.changes, key=lambda change: change.at_s)
    return [
        Move(round(each.at_s * MICRO), order, "set", each.set, each.value, each.label)
        for order, each in enumerate(changes)
    ]


class LiveTraffic:
    """Plans ahead for `worlds`, which share one clock and have begun when `run` begins.

    `made` are the moves so far, for a turn that repeats them. `reached` has what comes of them, in order of time: settings
    and event. `refused` is told of a planned change that could not be made.
    """

    def __init__(
        self,
        scenario: Scenario,
        questions: QuestionBook,
        desk: Desk,
        thread: Executor,
        worlds: Sequence[LiveWorld],
        moves: Sequence[Move],
        key_for: KeyFor,
        refused: Callable[[UserError], None],
    ) -> None:
        self.made: list[Move] = []
        self.new_rows: list[DataRow] = []
        """Rows of the data that are asked about for the first time, until somebody takes them."""
        self.reached: list[tuple[Scenario, Event]] = []
        self.paused = False
        self._closed = False
        self._scenario = scenario
        self._draws = Draws(scenario.seed)
        self._questions = questions
        self._desk = desk
        self._thread = thread
        self._worlds = worlds
        self._coming = list(moves)
        self._key_for = key_for
        self._refused = refused
        self._plan = Plan(scenario, self._draws, questions, self._fault_set(scenario), block=_PIECE)
        self._told_us = -1
        """Who arrives up to here has been told."""
        self._last = (-1, 0)
        """Number and intended arrival of the last request told."""
        self._paused_us = 0
        self._last_move_us = -1
        self._prompts: OrderedDict[Question, Prompts] = OrderedDict()
        self._lock = asyncio.Lock()
        self._woken = asyncio.Event()

    @property
    def end_us(self) -> int:
        """When arrivals end, as far as is known now."""
        return self._over_us()

    @property
    def known_us(self) -> int:
        """Nobody arrives before this time who has not been told."""
        return FOREVER_US if self.paused else self._told_us + 1

    async def prime(self) -> None:
        """Plan the first second, before the clock begins."""
        while await self._advance(AHEAD_US):
            pass

    async def run(self) -> None:
        """Plan ahead of the clock, until cancelled; when arrivals are over, close the worlds."""
        while True:
            now = self._now()
            if self._plan.exhausted and now >= self._over_us() and not self.paused:
                self._close(self._over_us())
            # In whole steps, or each look at the clock would find a microsecond to plan.
            if not await self._advance((now + AHEAD_US) // _STEP_US * _STEP_US):
                self._woken.clear()
                try:
                    async with asyncio.timeout(_LOOK_S):
                        await self._woken.wait()
                except TimeoutError:
                    pass

    async def flip(self, path: str, value: Any, label: str) -> None:
        """Flip a switch, a little later than now. Raises UserError if it cannot be flipped."""
        async with self._lock:
            await self._in_thread(self._changed, path, value)
            at_us = max(self._now() + NOTICE_US, self._last_move_us + 1)
            await self._rewind(at_us)
            self._enter(Move(at_us, 0, "set", path, value, label))

    async def pause(self) -> None:
        """Let nobody arrive from now on; calls under way go on."""
        await self._stand_or_go("pause")

    async def resume(self) -> None:
        """Let requests arrive again, each so much later than it was meant to before the pause."""
        await self._stand_or_go("resume")

    async def stop(self) -> int:
        """Let nobody arrive from now on, for good; the time at which a run without pauses would end at the same request."""
        async with self._lock:
            at_us = self._now() + 1
            await self._rewind(at_us)
            self._close(at_us)
            return (min(at_us, self._paused_us) if self.paused else at_us) - self._plan.delay_us

    # -- planning ----------------------------------------------------------------------------------------------

    async def _advance(self, goal_us: int) -> bool:
        """Take one step towards having told all up to `goal_us`; False if there is none to take."""
        async with self._lock:
            return await self._step(goal_us)

    async def _step(self, goal_us: int) -> bool:
        move = self._coming[0] if self._coming else None
        if move is not None and move.at_us <= (goal_us if self.paused else self._told_us + 1):
            self._coming.pop(0)
            await self._make(move)
            return True
        until_us = min(goal_us, self._told_us + _STEP_US, FOREVER_US if move is None else move.at_us - 1)
        if self.paused or until_us <= self._told_us:
            return False
        if not (self._closed or self._plan.exhausted):
            arrivals, rows = await self._in_thread(self._take, until_us)
            self.new_rows += rows
            if arrivals:
                planned = arrivals[-1][0]
                self._last = (planned[0], planned[1])
            for world in self._worlds:
                world.expect(arrivals)
        self._told_us = until_us
        return True

    def _take(self, until_us: int) -> tuple[list[Arrival], list[DataRow]]:
        planned = self._plan.take(until_us)
        asked = self._asked([each[2] for each in planned])
        return list(zip(planned, asked, strict=True)), self._questions.take_new_rows()

    def _asked(self, questions: Sequence[Question]) -> list[Prompts]:
        """What is asked by each; rendered once."""
        known = self._prompts
        new = [each for each in dict.fromkeys(questions) if each not in known]
        known.update(zip(new, prompts_of(new, self._desk), strict=True))
        asked = [known[each] for each in questions]
        while len(known) > _KEPT:
            known.popitem(last=False)
        return asked

    def _over_us(self) -> int:
        """When arrivals are over: at the run's planned end, or with the last request that there may be."""
        number, intended_us = self._last
        most = self._scenario.traffic.max_requests
        return intended_us if most is not None and number + 1 >= most else self._plan.last_us

    def _close(self, at_us: int) -> None:
        if not self._closed:
            self._closed = True
            for world in self._worlds:
                world.close(at_us, round(self._scenario.drain_s * MICRO))

    async def _rewind(self, at_us: int) -> None:
        """All that arrive before `at_us` have been told, and nobody else."""
        while self._told_us < at_us - 1 and await self._step(at_us - 1):
            pass
        if self._told_us < at_us:
            return
        back: list[PlannedRequest] = []
        for world in self._worlds:
            back = [planned for planned, _ in world.take_back(at_us)]
        self._plan.put_back(back)
        self._told_us = at_us - 1

    # -- moves -------------------------------------------------------------------------------------------------

    def _enter(self, move: Move) -> None:
        insort(self._coming, move)
        self._woken.set()

    async def _stand_or_go(self, kind: Literal["pause", "resume"]) -> None:
        async with self._lock:
            at_us = max(self._now() + 1, self._last_move_us + 1)
            if kind == "pause":
                await self._rewind(at_us)
            self._enter(Move(at_us, 0, kind))

    async def _make(self, move: Move) -> None:
        """What the move says holds from its time on."""
        at_us = self._last_move_us = move.at_us
        if move.kind == "set":
            try:
                turning = await self._in_thread(self._change, move)
            except UserError as error:
                self._refused(error)
                return
            self._scenario = turning.scenario
            for world in self._worlds:
                world.turn(at_us, turning)
            label = move.label or f"{move.path} = {move.value}"
            event = Event(at_us, "change", label, {"set": move.path, "value": move.value})
        elif move.kind == "pause":
            self.paused, self._paused_us = True, at_us
            event = Event(at_us, "pause", "Paused: nobody arrives", {})
        else:
            by_us = at_us - self._paused_us
            await self._in_thread(self._plan.delay, self._paused_us, by_us)
            self.paused, self._told_us = False, at_us - 1
            event = Event(at_us, "note", f"Resumed after {by_us / MICRO:.1f} s", {"paused_s": by_us / MICRO})
        self.made.append(move)
        self.reached.append((self._scenario, event))

    def _changed(self, path: str, value: Any) -> Scenario:
        """The settings with this switch flipped. Raises UserError if it cannot be, or not with real calls."""
        check_changeable(path)
        changed = with_setting(self._scenario, path, value)
        check_now(changed)
        return changed

    def _change(self, move: Move) -> Turning:
        """Have the plan, and the book of questions, go on with other settings."""
        before = self._scenario
        changed = self._changed(move.path, move.value)
        endpoints = endpoints_of(changed, self._key_for)
        if changed.targets != before.targets:
            self._questions.configure(changed)
        self._questions.treat(changed)
        self._prompts.clear()
        at_us = min(move.at_us, self._paused_us) if self.paused else move.at_us
        self._plan.change(changed, self._fault_set(changed), at_us)
        return Turning(move.path, move.value, changed, endpoints)

    def _fault_set(self, scenario: Scenario) -> FaultSet:
        return FaultSet(scenario.faults, self._draws, [True] * len(scenario.faults))

    def _now(self) -> int:
        return self._worlds[0].read_clock()

    async def _in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def prompts_of(questions: Sequence[Question], desk: Desk) -> list[Prompts]:
    """What is asked by each, as it comes and as the variants' safeguards have it; rendered in one batch."""
    versions = [(each, *each.versions.values()) for each in questions]
    rendered = iter(desk.render([version for of_one in versions for version in of_one]))
    return [{version.treatment: next(rendered) for version in of_one} for of_one in versions]
