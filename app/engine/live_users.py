"""The users of a closed loop who ask for real: each thinks, asks, waits for the answer, and thinks again.

What they ask comes from a stock of questions that is filled from outside (`closed_traffic`), because planning and rendering
take a thread of their own. Who has thought and finds the stock empty waits for it; the request counts from when the user
wanted to ask, and is one that was let in late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from app.engine.agenda import Agenda
from app.engine.draws import Draws
from app.engine.live import Arrival
from app.engine.plan import Plan
from app.engine.users import Coming, ThinkingUsers
from app.safeguards.commands import FOREVER_US
from app.safeguards.request import PlannedRequest
from app.traffic.settings import Traffic

_MOST_AHEAD = 256
"""Questions in the stock at the most; where there are fewer users, one for each."""


class LiveUsers(ThinkingUsers):
    """The users of one live world. `wanting` is called when the stock should be filled, and may be called in vain."""

    def __init__(self, plan: Plan, draws: Draws, traffic: Traffic, wanting: Callable[[], None]) -> None:
        super().__init__(plan, draws, traffic)
        self.exhausted = False
        """Whether there is nothing left to ask, by `traffic.max_requests`."""
        self.last_us = 0
        """When the last request arrived."""
        self._wanting = wanting
        self._stock: deque[Arrival] = deque()
        self._waiting: list[Coming] = []
        self._withheld: list[Coming] = []
        self._until_us = FOREVER_US
        """Nobody asks from this time on, until they are released."""
        self._closed_us = FOREVER_US
        """Nobody asks from this time on, for good."""
        self._paused_us: int | None = None
        self._set_bar()

    def begin(self, agenda: Agenda, let_in: Callable[[Arrival], None], wake: Callable[[], None]) -> None:
        """All users begin to think. `let_in` is called with each request as it arrives, `wake` when the agenda has more."""
        self._let_in, self._wake = let_in, wake
        self._begin(agenda)

    # -- the stock ---------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> list[int]:
        """Since when (µs) users wait for something to ask."""
        return [due_us for _, due_us in self._waiting]

    @property
    def lack(self) -> int:
        """How many questions beyond those the stock could take; 0 while it is more than half full."""
        full = min(self._users.count, _MOST_AHEAD)
        left = len(self._stock)
        return full - left if left <= full // 2 else 0

    def fill(self, questions: Iterable[Arrival], *, exhausted: bool) -> None:
        """Further questions; `exhausted` if there will be no more."""
        self._stock.extend(questions)
        self.exhausted = exhausted
        self._set_bar()
        waiting, self._waiting = self._waiting, []
        self._enter(waiting)

    def give_back(self) -> list[PlannedRequest]:
        """The questions of the stock, which will not be asked."""
        back = [planned for planned, _ in self._stock]
        self._stock.clear()
        self.exhausted = False
        return back

    # -- who arrives -------------------------------------------------------------------------------------------

    def withhold(self, from_us: int) -> None:
        """Nobody asks at `from_us` or later, until `release`."""
        self._until_us = min(self._until_us, from_us)
        self._set_bar()

    def close(self, at_us: int) -> None:
        """Nobody asks at `at_us` or later."""
        self._closed_us = at_us
        self._set_bar()

    def stand(self, at_us: int) -> None:
        """Thinking stands still, from `at_us` until `release`."""
        self._paused_us = at_us

    def release(self, by_us: int = 0) -> None:
        """Users ask again; who was to ask from the time on from which nobody did, does so much later."""
        coming, self._withheld = self._withheld, []
        if by_us:
            until_us = self._until_us
            thinking = self._agenda.withdraw(lambda each: each[2] == self._arrive and each[0] >= until_us)
            coming = [(user, due_us + by_us) for user, due_us in [*coming, *(each[3] for each in thinking)]]
        self._until_us, self._paused_us = FOREVER_US, None
        self._set_bar()
        self._enter(coming)

    @property
    def over(self) -> bool:
        """Whether nobody will ask any more, for want of questions."""
        return self.exhausted and not self._stock

    @property
    def passed_us(self) -> int:
        """Nobody asks before this time, beside those who are in the agenda."""
        withheld = [] if self._paused_us is not None else self._withheld
        return min([due_us for _, due_us in (*self._waiting, *withheld)], default=FOREVER_US)

    def _thinks_from(self) -> int:
        now = self._agenda.clock.now
        return now if self._paused_us is None else min(self._paused_us, now)

    def _enter(self, coming: Iterable[Coming]) -> None:
        for each in coming:
            self._agenda.at(each[1], self._arrive, each)
        self._wake()

    def _set_bar(self) -> None:
        """Who wants to ask at `_bar_us` or later cannot, or not yet."""
        self._bar_us = min(self._until_us, self._closed_us, self.plan.last_us)

    def _arrive(self, coming: Coming) -> None:
        user, due_us = coming
        stock = self._stock
        if stock and due_us < self._bar_us and user < self._users.count:
            planned, prompts = stock.popleft()
            number = planned[0]
            self._asking[number] = user
            self.last_us = due_us
            if self.lack:
                self._wanting()
            self._let_in(((number, due_us, *planned[2:]), prompts))
        elif due_us >= self._until_us and due_us < self._closed_us:
            self._withheld.append(coming)
        elif due_us >= self._bar_us or user >= self._users.count or self.exhausted:
            self._gone.add(user)
        else:
            self._waiting.append(coming)
            self._wanting()
