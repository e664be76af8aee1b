"""A provider that stands still: what becomes of the calls that it works on, and of those that come.

Frozen (`freeze`), all work stops where it is and new calls queue; afterwards it goes on. Otherwise new calls are held back,
and let in when the provider is back. In both, clients go on counting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.providers.course import last_token_us
from app.providers.states import FROZEN, HELD, QUEUED, SERVING
from app.safeguards.commands import Attempt

if TYPE_CHECKING:
    from app.providers.simulated import SimulatedProvider


class Standstill:
    """A standstill of one provider, from its beginning to `end`; `turn` when it goes on as another kind."""

    def __init__(self, provider: SimulatedProvider, kind: str) -> None:
        self._provider = provider
        self.held: list[Attempt] = []
        self.frozen: list[tuple[Attempt, int]] = []
        """Work that stands still, with the service time it has left (µs)."""
        self.freezes = False
        self.turn(kind)

    def turn(self, kind: str) -> None:
        """Go on as this kind of standstill."""
        freezes = kind == "freeze"
        if freezes == self.freezes:
            return
        self.freezes = freezes
        if freezes:
            self._freeze()
        else:
            self._thaw()

    def end(self) -> None:
        """The provider is back: go on with the work where it stood, and let in what was held back, in the order in which it
        came."""
        if self.freezes:
            self.freezes = False
            self._thaw()
        for attempt in self.held:
            if attempt.state == HELD:
                attempt.state = QUEUED
            self._provider.queue.append(attempt)
        self._provider.serve_waiting()

    def hold(self, attempt: Attempt) -> None:
        """Keep back a call that comes."""
        attempt.state = HELD
        self.held.append(attempt)

    def drop(self, attempt: Attempt) -> None:
        """The client of frozen work has left, and the server with it."""
        self.frozen = [kept for kept in self.frozen if kept[0] is not attempt]

    def since_us(self, attempt: Attempt) -> int:
        """When frozen work came to a stand."""
        return attempt.done_us - next(left_us for kept, left_us in self.frozen if kept is attempt)

    def _freeze(self) -> None:
        """Stop the clock of all work in service."""
        provider = self._provider
        now = provider.clock.now
        in_work = provider.agenda.withdraw(
            lambda each: each[2] == provider.vacate or (each[2] == provider.due and each[3].state == SERVING)
        )
        for time_us, _, call, attempt in in_work:
            if call == provider.vacate:
                self.frozen.append((attempt, time_us - now))
                continue
            self.frozen.append((attempt, attempt.done_us - now))
            attempt.state = FROZEN
            waits_for_first = attempt.first_us is not None and attempt.first_us > now
            next_by_us = attempt.first_by_us
            if not waits_for_first:
                next_by_us = last_token_us(attempt, now) + attempt.bounds.between_us
            provider.due_at(attempt, min(next_by_us, attempt.until_us))

    def _thaw(self) -> None:
        """Go on with the work where it stood."""
        provider = self._provider
        now = provider.clock.now
        frozen, self.frozen = self.frozen, []
        for attempt, left_us in frozen:
            if attempt.state == FROZEN:
                shift_us = now + left_us - attempt.done_us
                came = attempt.first_us is not None and attempt.first_us <= now - shift_us
                first_us = attempt.first_us or 0
                provider.work(attempt, first_us if came else first_us + shift_us, now + left_us)
            else:
                provider.work_alone(attempt, now + left_us)
        provider.serve_waiting()
