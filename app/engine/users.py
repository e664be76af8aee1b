"""The users of a closed loop in one variant's world: each thinks, asks, waits for its answer, and thinks again.

A request is numbered as it arrives, and what it asks is planned by its number as ever. When it arrives depends on the
answers that the variant gave before: request 12 of one variant is asked at another time than request 12 of the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import log1p

from app.engine.agenda import Agenda
from app.engine.attempt_plans import MICRO
from app.engine.draws import Draws
from app.engine.plan import Plan
from app.safeguards.request import PlannedRequest
from app.traffic.settings import MAX_USERS, Traffic, Users

Coming = tuple[int, int]
"""A user, and when (µs) they have thought of what to ask."""


class ThinkingUsers(ABC):
    """One world's users: who thinks, and until when. `answered` must be called as a request ends."""

    def __init__(self, plan: Plan, draws: Draws, traffic: Traffic) -> None:
        self.plan = plan
        self._draws = draws.column("traffic.think", None)
        self._users = _users(traffic)
        self._turns: list[int] = []
        """By user: how often they have thought."""
        self._gone: set[int] = set()
        """Users who ask no more."""
        self._asking: dict[int, int] = {}

    def change(self, traffic: Traffic) -> None:
        """Users who join begin to think now, those who leave ask no more; think times hold for those that begin."""
        self._users = _users(traffic)
        self._join()

    def answered(self, number: int) -> None:
        """Request `number` has ended: its user thinks."""
        self._think(self._asking.pop(number))

    def _begin(self, agenda: Agenda) -> None:
        """All users begin to think."""
        self._agenda = agenda
        self._join()

    @abstractmethod
    def _arrive(self, coming: Coming) -> None:
        """A user has thought of what to ask."""

    def _thinks_from(self) -> int:
        """When somebody who begins to think now does so."""
        return self._agenda.clock.now

    def _join(self) -> None:
        for user in range(self._users.count):
            if user == len(self._turns):
                self._turns.append(0)
                self._think(user)
            elif user in self._gone:
                self._gone.remove(user)
                self._think(user)

    def _think(self, user: int) -> None:
        think_s = self._users.think_s
        if self._users.think == "exponential":
            think_s *= -log1p(-self._draws[user + self._turns[user] * MAX_USERS])
        self._turns[user] += 1
        due_us = self._thinks_from() + round(think_s * MICRO)
        self._agenda.at(due_us, self._arrive, (user, due_us))


class ClosedLoop(ThinkingUsers):
    """The users of a simulated world. `arrived_us` are the arrivals until somebody collects them, `offered` counts all."""

    def __init__(self, plan: Plan, draws: Draws, traffic: Traffic) -> None:
        super().__init__(plan, draws, traffic)
        self.arrived_us: list[int] = []
        self.offered = 0

    def begin(self, agenda: Agenda, ask: Callable[[PlannedRequest], None]) -> None:
        """All users begin to think; `ask` is called with each request as it arrives."""
        self._ask = ask
        self._begin(agenda)

    def _arrive(self, coming: Coming) -> None:
        user, now = coming
        planned = self.plan.next_at(now) if user < self._users.count else None
        if planned is None:
            self._gone.add(user)
            return
        self._asking[planned[0]] = user
        self.arrived_us.append(now)
        self.offered += 1
        self._ask(planned)


def _users(traffic: Traffic) -> Users:
    assert traffic.users is not None
    return traffic.users
