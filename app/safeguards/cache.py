"""Exact cache: give the same answer to the same question again, for a while.

The key is the normalised prompt with model and parameters. Entries live `ttl_s` and the least recently used go first.
Single-flight: of concurrent misses for one key the first makes the call and the others wait for it, each with its own
deadline; its failure is shared with them, and not kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Literal

from app.safeguards.base import MICRO, Inward, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Answer, Flight, Resolve, Result, WaitAny
from app.safeguards.errors import DEADLINE
from app.safeguards.request import Request
from app.scenario.numbers import Count, Duration
from app.sessions.vocabulary import CACHE, SERVED_BY


@register
class Cache(Safeguard):
    """Answers repeated questions without a call."""

    kind: Literal["cache"] = "cache"
    ttl_s: Duration = 600
    max_entries: Count = 10_000
    single_flight: bool = True

    def layer(self, world: World) -> Layer:
        """The layer with the entries."""
        return CacheLayer(self, world.models)


class CacheLayer(Layer):
    """Entries by key, and the calls under way that others may wait for."""

    def __init__(self, settings: Cache, models: tuple[str, ...]) -> None:
        super().__init__(settings)
        self.ttl_us = round(settings.ttl_s * MICRO)
        self.max_entries = settings.max_entries
        self.single_flight = settings.single_flight
        self.models = models
        self.entries: OrderedDict[Hashable, tuple[int, Answer]] = OrderedDict()
        self.flights: dict[Hashable, Flight | None] = {}

    def adopt(self, earlier: Layer) -> None:
        """Keep the entries, unless they are another model's answers."""
        if isinstance(earlier, CacheLayer) and earlier.models == self.models:
            self.entries = earlier.entries
            self.flights = earlier.flights
            while len(self.entries) > self.max_entries:
                self.entries.popitem(last=False)

    def enter(self, request: Request, now: int) -> Inward:
        """Answer from the cache, wait for whoever asks the same, or go on and lead."""
        key = request.cache_key
        entry = self.entries.get(key)
        if entry is not None:
            if now < entry[0]:
                self.entries.move_to_end(key)
                request.cache = _HIT
                return Result.of(entry[1], _BY_CACHE)
            del self.entries[key]
            request.cache = _STALE
        else:
            request.cache = _MISS
        if self.single_flight:
            if key in self.flights:
                flight = self.flights[key]
                if flight is None:
                    flight = self.flights[key] = Flight()
                request.cache = _SHARED
                return WaitAny((flight,), request.deadline_us)
            self.flights[key] = None
        return None

    def resumed(self, request: Request, flight: Flight | None, now: int) -> Result:
        """The leader is back, or this request's own deadline has come."""
        if flight is None or flight.result is None:
            return Result.failure(DEADLINE)
        led = flight.result
        if led.answer is None:
            error = led.error or DEADLINE
            request.give_reason(self.slot, _REASONS.setdefault(error.name, f"shared: {error.name}"))
            return Result.failure(error)
        return Result.of(led.answer, led.served_by if led.served_by == _CANNED else _BY_CACHE)

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Keep the answer, and share it. A failure, and a reply that stands in for an answer, are shared alone."""
        key, answer = request.cache_key, result.answer
        if result.error is None and answer is not None and result.served_by != _CANNED:
            entries = self.entries
            if key in entries:
                entries.move_to_end(key)
            entries[key] = (now + self.ttl_us, answer)
            if len(entries) > self.max_entries:
                entries.popitem(last=False)
                request.cache = _EVICTED.get(request.cache, request.cache)
        flight = self.flights.pop(key, None)
        if flight is None:
            return None
        flight.result = result
        return Resolve(flight)

    failed = answered


_MISS, _HIT, _SHARED, _STALE = (CACHE.index(state) for state in ("miss", "hit", "shared", "stale"))
_EVICTED = {_MISS: CACHE.index("miss_evicted"), _STALE: CACHE.index("stale_evicted")}
_BY_CACHE, _CANNED = SERVED_BY.index("cache"), SERVED_BY.index("canned")
_REASONS: dict[str, str] = {}
