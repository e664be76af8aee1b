"""What comes to the worlds of a turn of real calls: requests, and other settings, each at its time.

Here is what holds for all traffic: a switch that is flipped takes effect a quarter of a second later, a pause lets nobody
arrive, and who was to come arrives as much later as it lasts; the run's clock, and with it the faults' schedules, goes on.
Who arrives when is the business of `open_traffic` (at their intended times, whatever becomes of others) and
`closed_traffic` (users who ask again once they have their answers). Questions are planned, and their prompts rendered, ahead
of time, in small pieces and in the thread in which all work on texts is done.

Each turn sees the same: what was flipped in the first is `known` to the later ones, with its times.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

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
from app.safeguards.request import PlannedRequest
from app.scenario.edit import check_changeable, with_setting
from app.scenario.model import Scenario

NOTICE_US = 250_000
PIECE = 512
"""Requests that are planned at a time."""
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


class LiveTraffic(ABC):
    """Plans ahead for `worlds`, which share one clock and have begun when `run` begins.

    `made` are the moves so far, for a turn that repeats them. `reached` has what comes of them, in order of time: settings
    and event. `refused` is told of a planned change that could not be made.
    """

    plan_for_each: ClassVar[bool]
    """Whether each world has a plan of its own, or all share one."""

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
        self._scenario = scenario
        self._draws = Draws(scenario.seed)
        self._questions = questions
        self._desk = desk
        self._thread = thread
        self._worlds = worlds
        self._coming = list(moves)
        self._key_for = key_for
        self._refused = refused
        self._plans = [self._new_plan() for _ in (worlds if self.plan_for_each else worlds[:1])]
        self._closed: set[LiveWorld] = set()
        """Worlds that know that nobody else comes."""
        self._paused_us = 0
        self._last_move_us = -1
        self._prompts: OrderedDict[Question, Prompts] = OrderedDict()
        self._lock = asyncio.Lock()
        self._woken = asyncio.Event()

    # -- who arrives -------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def end_us(self) -> int:
        """When arrivals end, as far as is known now."""

    @property
    @abstractmethod
    def known_us(self) -> int:
        """Nobody arrives before this time of whom the worlds do not know, and no settings change."""

    @abstractmethod
    async def _step(self, now_us: int) -> bool:
        """Take one step ahead of the clock; False if there is none to take."""

    @abstractmethod
    async def _withhold(self, at_us: int) -> None:
        """Have nobody arrive at `at_us` or later, until the next move has been made."""

    @abstractmethod
    def _over_us(self, world: LiveWorld, now_us: int) -> int | None:
        """When arrivals at the world were over, if they are."""

    @abstractmethod
    def _stand(self, at_us: int) -> None:
        """A pause begins at `at_us`."""

    @abstractmethod
    async def _go_on(self, at_us: int) -> None:
        """The pause ends at `at_us`."""

    async def _turn(self, move: Move) -> Turning:
        """Have the worlds go on with other settings. Raises UserError if they cannot."""
        turning = await self._in_thread(self._change, move)
        for world in self._worlds:
            world.turn(move.at_us, turning)
        return turning

    # -- time --------------------------------------------------------------------------------------------------

    async def prime(self) -> None:
        """Plan what comes first, before the clock begins."""
        while await self._advance(0):
            pass

    async def run(self) -> None:
        """Plan ahead of the clock, until cancelled; when arrivals are over, close the worlds."""
        while True:
            now = self._now()
            for world in self._worlds:
                if (over_us := self._over_us(world, now)) is not None:
                    self._close(world, over_us)
            if not await self._advance(now):
                self._woken.clear()
                try:
                    async with asyncio.timeout(self._rest_s(now)):
                        await self._woken.wait()
                except TimeoutError:
                    pass

    async def flip(self, path: str, value: Any, label: str) -> None:
        """Flip a switch, a little later than now. Raises UserError if it cannot be flipped."""
        async with self._lock:
            await self._in_thread(self._changed, path, value)
            at_us = max(self._now() + NOTICE_US, self._last_move_us + 1)
            await self._withhold(at_us)
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
            await self._withhold(at_us)
            for world in self._worlds:
                self._close(world, at_us)
            return (min(at_us, self._paused_us) if self.paused else at_us) - self._plans[0].delay_us

    async def _advance(self, now_us: int) -> bool:
        async with self._lock:
            return await self._step(now_us)

    def _rest_s(self, now_us: int) -> float:
        """How long to wait, at the most, when there is nothing to do: no move is made late."""
        return min([_LOOK_S, *(max(move.at_us - now_us, 0) / MICRO for move in self._coming[:1])])

    def _close(self, world: LiveWorld, at_us: int) -> None:
        if world not in self._closed:
            self._closed.add(world)
            world.close(at_us, round(self._scenario.drain_s * MICRO))

    # -- planning ----------------------------------------------------------------------------------------------

    def _new_plan(self) -> Plan:
        faults = self._fault_set(self._scenario)
        return Plan(self._scenario, self._draws, self._questions, faults, block=PIECE)

    def _with_prompts(self, planned: Sequence[PlannedRequest]) -> tuple[list[Arrival], list[DataRow]]:
        """The requests with what they ask, and the rows that are asked about for the first time."""
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

    # -- moves -------------------------------------------------------------------------------------------------

    def _enter(self, move: Move) -> None:
        insort(self._coming, move)
        self._woken.set()

    async def _stand_or_go(self, kind: Literal["pause", "resume"]) -> None:
        async with self._lock:
            at_us = max(self._now() + 1, self._last_move_us + 1)
            if kind == "pause":
                await self._withhold(at_us)
            self._enter(Move(at_us, 0, kind))

    async def _make(self, move: Move) -> None:
        """What the move says holds from its time on."""
        at_us = self._last_move_us = move.at_us
        if move.kind == "set":
            try:
                turning = await self._turn(move)
            except UserError as error:
                self._refused(error)
                return
            self._scenario = turning.scenario
            label = move.label or f"{move.path} = {move.value}"
            event = Event(at_us, "change", label, {"set": move.path, "value": move.value})
        elif move.kind == "pause":
            self.paused, self._paused_us = True, at_us
            self._stand(at_us)
            event = Event(at_us, "pause", "Paused: nobody arrives", {})
        else:
            await self._go_on(at_us)
            self.paused = False
            paused_s = (at_us - self._paused_us) / MICRO
            event = Event(at_us, "note", f"Resumed after {paused_s:.1f} s", {"paused_s": paused_s})
        self.made.append(move)
        self.reached.append((self._scenario, event))

    def _changed(self, path: str, value: Any) -> Scenario:
        """The settings with this switch flipped. Raises UserError if it cannot be, or not with real calls."""
        check_changeable(path)
        changed = with_setting(self._scenario, path, value)
        check_now(changed)
        return changed

    def _change(self, move: Move) -> Turning:
        """Have the plans, and the book of questions, go on with other settings."""
        before = self._scenario
        changed = self._changed(move.path, move.value)
        endpoints = endpoints_of(changed, self._key_for)
        if changed.targets != before.targets:
            self._questions.configure(changed)
        self._questions.treat(changed)
        self._prompts.clear()
        at_us = min(move.at_us, self._paused_us) if self.paused else move.at_us
        for plan in self._plans:
            plan.change(changed, self._fault_set(changed), at_us)
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
