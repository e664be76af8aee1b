"""The agenda of one variant's world: what will happen when. Ties keep the order in which they were entered."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from itertools import count
from typing import Any

from app.safeguards.lifecycle import Clock

Entry = tuple[int, int, Callable[[Any], None], Any]
"""Time (µs), sequence, what to call, and with what."""


class Agenda:
    """A heap of entries. The loop that works it off is the world's own, and sets `clock.now`."""

    __slots__ = ("clock", "heap", "sequence")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.heap: list[Entry] = []
        self.sequence = count(1)

    def at(self, time_us: int, call: Callable[[Any], None], argument: object) -> None:
        """Enter a call."""
        heappush(self.heap, (time_us, next(self.sequence), call, argument))
