"""Concurrency limit: so many calls at a time and no more; the others wait their turn in a queue, first come first served.

(A bulkhead, in the words of M. Nygard, "Release It!", 2007.) It bounds the calls of all targets together. Who has waited
`max_wait_s`, or as long as its deadline lets it, leaves the queue; so does who is cancelled.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from app.safeguards.base import MICRO, Inward, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Flight, Resolve, Result, WaitAny
from app.safeguards.errors import DEADLINE, QUEUE_FULL, QUEUE_WAIT
from app.safeguards.request import Request
from app.scenario.numbers import Count, Seconds, Whole


@register
class Concurrency(Safeguard):
    """Bounds the calls in flight, and the queue before them."""

    kind: Literal["concurrency"] = "concurrency"
    max_in_flight: Count = 20
    max_queue: Whole = 100
    max_wait_s: Seconds = 10

    def layer(self, world: World) -> Layer:
        """The layer with the places."""
        return ConcurrencyLayer(self)


class Places:
    """Places taken, and the queue for them: when each came, in order. Pipelines of one variant, old and new, share them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self.queue: OrderedDict[Flight, int] = OrderedDict()


class ConcurrencyLayer(Layer):
    """Gives places out. The memo holds the flight that is waited for, or True while a place is held."""

    def __init__(self, settings: Concurrency) -> None:
        super().__init__(settings)
        self.max_queue = settings.max_queue
        self.max_wait_us = round(settings.max_wait_s * MICRO)
        self.places = Places(settings.max_in_flight)

    def adopt(self, earlier: Layer) -> None:
        """Whoever holds a place, or waits for one, keeps it. Places that are added are given out when the next is left."""
        if isinstance(earlier, ConcurrencyLayer):
            earlier.places.most = self.places.most
            self.places = earlier.places

    def queue_us(self, target: int, now: int) -> int:
        """How long the first in the queue has waited."""
        queue = self.places.queue
        return now - next(iter(queue.values())) if queue else 0

    def enter(self, request: Request, now: int) -> Inward:
        """Take a place, or stand in the queue for one."""
        places = self.places
        if places.taken < places.most and not places.queue:
            places.taken += 1
            request.memo[self.slot] = True
            return None
        if len(places.queue) >= self.max_queue:
            return Result.failure(QUEUE_FULL)
        flight = Flight()
        places.queue[flight] = now
        request.memo[self.slot] = flight
        return WaitAny((flight,), min(now + self.max_wait_us, request.deadline_us))

    def resumed(self, request: Request, flight: Flight | None, now: int) -> Result | None:
        """Its turn has come, or it has waited long enough."""
        awaited: Flight = request.memo[self.slot]
        if awaited.result is not None:
            request.memo[self.slot] = True
            request.note_wait("waited for a free place")
            return None
        del self.places.queue[awaited]
        return Result.failure(DEADLINE if now >= request.deadline_us else QUEUE_WAIT)

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Leave the place to whoever is next."""
        places = self.places
        places.taken -= 1
        if not places.queue:
            return None
        called = []
        while places.queue and places.taken < places.most:
            flight, _ = places.queue.popitem(last=False)
            flight.result = _GRANTED
            places.taken += 1
            called.append(flight)
        return Resolve(*called)

    failed = answered


_GRANTED = Result()
