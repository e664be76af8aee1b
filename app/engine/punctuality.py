"""How punctual a variant's real calls were: requests let in late, and calls that waited for a connection of our own.

A measurement that is late itself says less about the provider than it seems to. A request is late when it was let in more
than 5 ms after its intended time (`LATE_US`); latency counts from the intended time all the same. With more than one late
request in a hundred, or more than one call in a hundred that waited so long for one of our connections (and three at
least), the run is client-limited: this machine was the bottleneck.
"""

from __future__ import annotations

from array import array
from typing import Any, Final

LATE_US: Final = 5_000
SHARE: Final = 0.01
FEW: Final = 2
"""A run counts as client-limited with more than this share, and more than so few, of late requests or calls."""
_MICRO: Final = 1e6


class Delays:
    """Delays in microseconds, of things that should happen at once. Those that did may be left out; `of` counts all."""

    def __init__(self) -> None:
        self.of = 0
        self.late = 0
        self._delays = array("q")

    def count(self) -> None:
        """One more thing that should happen at once."""
        self.of += 1

    def add(self, delay_us: int) -> None:
        """A delay of something that is counted."""
        self._delays.append(max(delay_us, 0))
        self.late += delay_us > LATE_US

    @property
    def too_many(self) -> bool:
        """Whether more are late than may be."""
        return self.late > max(FEW, SHARE * self.of)

    def as_json(self) -> dict[str, Any]:
        """How many there were, how many of them late, and percentiles by nearest rank, in seconds; null without any."""
        ordered = sorted(self._delays)
        at_once = max(self.of - len(ordered), 0)

        def rank(percent: int) -> float | None:
            count = at_once + len(ordered)
            place = -(-count * percent // 100) - 1 - at_once
            return None if not count else 0.0 if place < 0 else ordered[place] / _MICRO

        return {"of": self.of, "late": self.late, "p50_s": rank(50), "p99_s": rank(99), "max_s": rank(100)}


class Punctuality:
    """`sends`: how late requests were let in. `connections`: how long calls waited for one."""

    def __init__(self) -> None:
        self.sends = Delays()
        self.connections = Delays()

    @property
    def client_limited(self) -> bool:
        """Whether this machine could not keep up."""
        return self.sends.too_many or self.connections.too_many

    def as_json(self) -> dict[str, Any]:
        """For the run's facts and the command line's JSON."""
        return {
            "bound_s": LATE_US / _MICRO,
            "sends": self.sends.as_json(),
            "connections": self.connections.as_json(),
            "client_limited": self.client_limited,
        }
