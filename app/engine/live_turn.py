"""One turn of a run of real calls: one variant, or all of them side by side, from the first request to the last answer.

It runs in the event loop, obeys the `Control`, and hands over what has happened in batches, many times a second; it writes
nothing. In the first turn switches may be flipped and arrivals paused; later turns repeat that, and can only be stopped.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from app.engine.attempt_plans import MICRO
from app.engine.control import Control
from app.engine.draws import Draws
from app.engine.events import Event
from app.engine.incident_events import IncidentEvents
from app.engine.live import LiveWorld, Taken
from app.engine.live_traffic import DataRow, LiveTraffic
from app.engine.spending import SpendingLedger
from app.engine.watch import Watch
from app.errors import UserError
from app.scenario.complaints import complaints_of
from app.scenario.model import Scenario
from app.sessions.writer import Observation

_TICK_S: Final = 0.02
_BATCH_S: Final = 0.05
_LEAD_S: Final = 0.02
"""From when all is ready to the turn's time 0."""


@dataclass(frozen=True)
class Batch:
    """What has happened since the last one. `taken` and `passed_us` are by the variants' indexes; `refused` are wishes that
    could not be granted."""

    taken: Mapping[int, Taken]
    observed: Sequence[Observation]
    data_rows: Sequence[DataRow]
    passed_us: Mapping[int, int]
    events: Sequence[Event]
    refused: Sequence[UserError]
    now_us: int
    end_us: int
    in_flight: int
    state: str


class AbandonedError(Exception):
    """Nobody wants the run any more: its log cannot be written."""


class LiveTurn:
    """Runs `worlds` on one clock. `stopped` says why the turn ended early: empty, "stopped" or "spend_cap"."""

    def __init__(
        self,
        scenario: Scenario,
        worlds: Sequence[LiveWorld],
        traffic: LiveTraffic,
        spending: SpendingLedger,
        control: Control,
        observed: list[Observation],
        refused: list[UserError],
        hand_over: Callable[[Batch], None],
        abandoned: threading.Event,
        *,
        first: bool,
    ) -> None:
        """`observed` and `refused` are filled by the worlds and the traffic, and emptied with each batch."""
        self.stopped = ""
        self._worlds = worlds
        self._traffic = traffic
        self._spending = spending
        self._control = control
        self._observed = observed
        self._refused = refused
        self._hand_over = hand_over
        self._abandoned = abandoned
        self._first = first
        self._scenario = scenario
        self._draws = Draws(scenario.seed)
        self._incidents = IncidentEvents(scenario, self._draws)
        self._watch: Watch | None = None
        self._events: list[Event] = []
        self._given_up = False
        self._paused = False

    async def run(self, thread: Executor) -> None:
        """Run the turn to its end. Raises AbandonedError if so."""
        await self._traffic.prime()
        self._look(self._scenario, 0)
        async with asyncio.TaskGroup() as calls:
            self._loop = asyncio.get_running_loop()
            zero_s = self._loop.time() + _LEAD_S
            for world in self._worlds:
                world.begin(calls, zero_s, thread)
            at_work = [asyncio.create_task(world.run()) for world in self._worlds]
            planning = asyncio.create_task(self._traffic.run())
            try:
                await self._attend(at_work, planning)
            finally:
                for task in (planning, *at_work):
                    task.cancel()
                # However it ends: what was going on has its end in the batch.
                await asyncio.wait([planning, *at_work])
                self._batch("running")
        for task in at_work:
            task.result()

    async def _attend(self, at_work: Sequence[asyncio.Task[None]], planning: asyncio.Task[None]) -> None:
        due_s = 0.0
        left = set(at_work)
        while left:
            done, left = await asyncio.wait(left, timeout=_TICK_S)
            for task in done:
                task.result()
            if planning.done():
                planning.result()
            if self._abandoned.is_set():
                raise AbandonedError
            await self._obey()
            if self._loop.time() >= due_s:
                due_s = self._loop.time() + _BATCH_S
                self._batch("paused" if self._paused else "running")
        if self._spending.closed and not self.stopped:
            await self._stop("spend_cap")  # by the very last calls

    # -- obeying -----------------------------------------------------------------------------------------------

    async def _obey(self) -> None:
        control = self._control
        if control.speed is not None:
            control.set_speed(None)
            self._refused.append(UserError("real calls have no speed", do="They take the time they take."))
        for flip in control.take_flips():
            try:
                self._must_be_first()
                await self._traffic.flip(flip.path, flip.value, flip.label)
            except UserError as error:
                self._refused.append(error)
        if control.paused != self._paused and not self.stopped:
            await self._pause_or_resume()
        if not self.stopped and (control.stopping or self._spending.closed):
            await self._stop("stopped" if control.stopping else "spend_cap")
        if control.giving_up and not self._given_up:
            self._given_up = True
            for world in self._worlds:
                world.give_up()

    async def _pause_or_resume(self) -> None:
        try:
            self._must_be_first()
        except UserError as error:
            self._control.resume()
            self._refused.append(error)
            return
        self._paused = not self._paused
        await (self._traffic.pause() if self._paused else self._traffic.resume())

    def _must_be_first(self) -> None:
        if not self._first:
            raise UserError(
                "the variants take turns, and the first one has had its own: this one must see the same",
                do="Stop the run, or wait for its end.",
            )

    async def _stop(self, why: str) -> None:
        self.stopped = why
        self._paused = False
        end_us = max(await self._traffic.stop(), 1)
        cap = f"The spending cap of ${self._spending.cap_usd:g} is reached"
        label = "Stopped" if why == "stopped" else cap
        now = self._now()
        if not self._first:
            self._events.append(Event(now, "note", label, {"stopped": why}, self._worlds[0].index))
        elif end_us < round(self._scenario.duration_s * MICRO):
            switch = {"set": "duration_s", "value": end_us / MICRO}
            self._events.append(Event(now, "change", label, switch))
        elif why == "spend_cap":
            self._events.append(Event(now, "note", label, {"stopped": why}))

    # -- watching ----------------------------------------------------------------------------------------------

    def _look(self, scenario: Scenario, at_us: int) -> None:
        """Watch the variants by these settings; once it is asked for, there is a watch to the end of the turn."""
        if self._watch is None:
            complaints = complaints_of(scenario)
            if complaints is None:
                return
            self._watch = Watch(scenario, complaints, self._draws, at_us)
            for world in self._worlds:
                world.sights = self._watch.sights[world.index]
        self._note(self._watch.configure(scenario, at_us))

    def _note(self, events: Sequence[Event]) -> None:
        """Keep the events of the turn's own variants; those of all variants come from the first turn."""
        own = [world.index for world in self._worlds]
        self._events += [
            event for event in events if (self._first if event.variant is None else event.variant in own)
        ]

    def _pass_time(self, passed_us: int) -> None:
        """Everything before `passed_us` has happened: tell what comes of it."""
        reached = self._traffic.reached
        while reached and reached[0][1].at_us < passed_us:
            scenario, event = reached.pop(0)
            self._pass_stretch(event.at_us - 1)
            self._note([event])
            if event.kind == "change":
                self._scenario = scenario
                self._incidents.change(scenario, event.at_us)
                self._look(scenario, event.at_us)
        self._pass_stretch(passed_us - 1)

    def _pass_stretch(self, until_us: int) -> None:
        self._note(self._incidents.pass_time(until_us))
        if self._watch is not None:
            self._note(self._watch.pass_time(until_us))

    # -- handing over ------------------------------------------------------------------------------------------

    def _batch(self, state: str) -> None:
        known_us = self._traffic.known_us
        passed_us = {world.index: world.passed_us(known_us) for world in self._worlds}
        self._pass_time(min(passed_us.values()))
        events, self._events = self._events, []
        observed, refused = self._observed[:], self._refused[:]
        data_rows, self._traffic.new_rows = self._traffic.new_rows, []
        self._observed.clear()
        self._refused.clear()
        self._hand_over(
            Batch(
                {world.index: world.take() for world in self._worlds},
                observed,
                data_rows,
                passed_us,
                events,
                refused,
                self._now(),
                self._traffic.end_us,
                max(len(world.in_flight) for world in self._worlds),
                state,
            )
        )

    def _now(self) -> int:
        return max(self._worlds[0].read_clock(), 0)
