"""Users who ask for real once they have their answers: each world's at its own pace, with a stock of questions ahead.

A switch that is flipped is flipped at its time: nobody asks until the stock has been planned anew, which takes some
milliseconds. In a pause nobody thinks.
"""

from __future__ import annotations

from app.engine.live import Arrival, LiveWorld, Turning
from app.engine.live_traffic import DataRow, LiveTraffic, Move
from app.engine.live_users import LiveUsers
from app.engine.plan import Plan
from app.safeguards.commands import FOREVER_US
from app.safeguards.request import PlannedRequest


class ClosedTraffic(LiveTraffic):
    """A plan and users of its own for each world."""

    plan_for_each = True

    async def prime(self) -> None:
        """Let users begin to think, and plan what they ask first."""
        self._users = [
            LiveUsers(plan, self._draws, self._scenario.traffic, self._woken.set) for plan in self._plans
        ]
        for world, users in zip(self._worlds, self._users, strict=True):
            world.ask(users)
        self._prepare()
        await super().prime()

    @property
    def end_us(self) -> int:
        """When arrivals end, as far as is known now."""
        if all(users.over for users in self._users):
            return max(users.last_us for users in self._users)
        return self._plans[0].last_us

    @property
    def known_us(self) -> int:
        """Nobody arrives before this time of whom the worlds do not know, and no settings change."""
        return self._coming[0].at_us if self._coming else FOREVER_US

    def _over_us(self, world: LiveWorld, now_us: int) -> int | None:
        users = self._users[self._worlds.index(world)]
        if users.over:
            return users.last_us
        end_us = users.plan.last_us
        return end_us if now_us >= end_us and not self.paused else None

    async def _step(self, now_us: int) -> bool:
        if self._coming and self._coming[0].at_us <= now_us:
            await self._make(self._coming[0])
            self._coming.pop(0)
            self._prepare()
            return True
        for users in self._users:
            times_us = users.waiting
            if users.plan.foresees and not self.paused:
                times_us += [now_us] * users.lack
            if times_us and not users.exhausted:
                questions, rows = await self._in_thread(self._take, users.plan, times_us)
                self.new_rows += rows
                users.fill(questions, exhausted=len(questions) < len(times_us))
                return True
        return False

    def _take(self, plan: Plan, times_us: list[int]) -> tuple[list[Arrival], list[DataRow]]:
        """What is asked at these times, as far as there is something to ask."""
        planned: list[PlannedRequest] = []
        for at_us in times_us:
            each = plan.next_at(at_us)
            if each is None:
                break
            planned.append(each)
        return self._with_prompts(planned)

    def _prepare(self) -> None:
        """Nobody asks at the time of the next move, or later, until it has been made."""
        if self._coming and not self.paused:
            for users in self._users:
                users.withhold(self._coming[0].at_us)

    async def _withhold(self, at_us: int) -> None:
        for users in self._users:
            users.withhold(at_us)

    def _close(self, world: LiveWorld, at_us: int) -> None:
        super()._close(world, at_us)
        self._users[self._worlds.index(world)].close(at_us)

    async def _turn(self, move: Move) -> Turning:
        for users in self._users:
            users.plan.put_back(users.give_back())
        try:
            return await super()._turn(move)
        finally:
            if not self.paused:
                for users in self._users:
                    users.release()

    def _stand(self, at_us: int) -> None:
        for users in self._users:
            users.stand(at_us)

    async def _go_on(self, at_us: int) -> None:
        by_us = at_us - self._paused_us
        for users in self._users:
            await self._in_thread(users.plan.delay, self._paused_us, by_us)
        for users in self._users:
            users.release(by_us)
