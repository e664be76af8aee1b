"""The agenda of one variant's world: what will happen when. Ties keep the order in which they were entered."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappush
from itertools import count
from typing import Any

from app.safeguards.lifecycle import Clock

Entry = tuple[int, int, Callable[[Any], None], Any]
"""Time (µs), running number, what to call, and with what."""


class Agenda:
    """A heap of entries. Who works it off sets `clock.now`."""

    __slots__ = ("clock", "heap", "numbers")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.heap: list[Entry] = []
        self.numbers = count(1)

    def at(self, time_us: int, call: Callable[[Any], None], argument: object) -> None:
        """Enter a call."""
        heappush(self.heap, (time_us, next(self.numbers), call, argument))

    def next_us(self) -> int | None:
        """When the first entry is due; None when there is none."""
        return self.heap[0][0] if self.heap else None

    def withdraw(self, unwanted: Callable[[Entry], bool]) -> list[Entry]:
        """Take out all such entries; in the order in which they were due."""
        gone = sorted(filter(unwanted, self.heap))
        numbers = {number for _, number, _, _ in gone}
        self.heap[:] = [entry for entry in self.heap if entry[1] not in numbers]
        heapify(self.heap)
        return gone
