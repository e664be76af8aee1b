"""What a client process measured, as it tells it: one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

CONNECTIONS = 64
"""How many calls each client has under way."""


@dataclass(frozen=True)
class Measured:
    """Calls made, those of them that had the whole answer, the client's CPU time and the wall clock's (s), and how late
    each was sent (s) where that was the question."""

    calls: int
    good: int
    cpu_s: float
    wall_s: float
    late_s: list[float] = field(default_factory=list)

    def tell(self) -> None:
        """Print it."""
        print(json.dumps(asdict(self)), flush=True)
