"""Requests that arrive at their intended times, whatever becomes of others: planned about a second ahead of the clock.

A switch that is flipped, and a pause, take back who was told to arrive from then on; they are planned anew.
"""

from __future__ import annotations

from app.engine.live import Arrival, LiveWorld
from app.engine.live_traffic import DataRow, LiveTraffic
from app.engine.plan import Plan
from app.safeguards.commands import FOREVER_US
from app.safeguards.request import PlannedRequest

AHEAD_US = 1_000_000
_STEP_US = 100_000


class OpenTraffic(LiveTraffic):
    """One plan for all worlds: each is told the same arrivals."""

    plan_for_each = False
    _told_us = -1
    """Who arrives up to here has been told."""
    _last = (-1, 0)
    """Number and intended arrival of the last request told."""

    @property
    def _plan(self) -> Plan:
        return self._plans[0]

    @property
    def end_us(self) -> int:
        """When arrivals end, as far as is known now."""
        number, intended_us = self._last
        most = self._scenario.traffic.max_requests
        return intended_us if most is not None and number + 1 >= most else self._plan.last_us

    @property
    def known_us(self) -> int:
        """Nobody arrives before this time of whom the worlds do not know, and no settings change."""
        return FOREVER_US if self.paused else self._told_us + 1

    def _over_us(self, _world: LiveWorld, now_us: int) -> int | None:
        end_us = self.end_us
        return end_us if self._plan.exhausted and now_us >= end_us and not self.paused else None

    async def _step(self, now_us: int) -> bool:
        # In whole steps, or each look at the clock would find a microsecond to plan.
        return await self._tell((now_us + AHEAD_US) // _STEP_US * _STEP_US)

    async def _tell(self, goal_us: int) -> bool:
        """Take one step towards having told all up to `goal_us`; False if there is none to take."""
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
        return self._with_prompts(self._plan.take(until_us))

    async def _withhold(self, at_us: int) -> None:
        """All that arrive before `at_us` have been told, and nobody else."""
        while self._told_us < at_us - 1 and await self._tell(at_us - 1):
            pass
        if self._told_us < at_us:
            return
        back: list[PlannedRequest] = []
        for world in self._worlds:
            back = [planned for planned, _ in world.take_back(at_us)]
        self._plan.put_back(back)
        self._told_us = at_us - 1

    def _stand(self, at_us: int) -> None:
        """Nobody has been told to arrive later."""

    async def _go_on(self, at_us: int) -> None:
        await self._in_thread(self._plan.delay, self._paused_us, at_us - self._paused_us)
        self._told_us = at_us - 1
