"""Known results of a closed loop: users who think, ask, and wait for the answer (the machine repairman, M/M/c//N)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from app.analysis.validation.base import KnownResult
from app.analysis.validation.formulas import repairman
from app.analysis.validation.measure import measure
from app.analysis.validation.statistics import Comparison, Known, batch_means

_BATCHES = 40


class MachineRepairman(KnownResult):
    """N users with exponential think times in front of c servers: throughput and mean response."""

    name: ClassVar[str] = "closed-loop"
    title: ClassVar[str] = "Closed loop, M/M/c//N"
    source: ClassVar[str] = (
        'M. Reiser, S. Lavenberg, "Mean-value analysis of closed networks" (J. ACM 27, 1980)'
    )
    c: int = Field(default=2, ge=1, le=1000)
    """Servers."""
    users: int = Field(default=10, ge=1, le=1000)
    think_s: float = Field(default=5, ge=0.01, le=1000)
    """Mean think time; a service takes 1 s on average."""
    requests: int = Field(default=30_000, ge=2000, le=1_000_000)
    precision: float = Field(default=0.02, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """Servers that are seldom, mostly, and nearly always busy."""
        return (
            cls(c=2, users=10, think_s=10, seed=91),
            cls(c=1, users=5, think_s=4, seed=92),
            cls(c=10, users=50, think_s=3, seed=93),
        )

    def rows(self) -> list[Comparison]:
        """Requests per second, and seconds from question to answer."""
        throughput, response_s = repairman(self.c, self.users, self.think_s)
        tables = f"""
service = "exponential"
service_s = 1
slots = {self.c}
[traffic]
arrivals = "closed"
users = {{ count = {self.users}, think_s = {self.think_s} }}
repeat_rate = 0
[variants.bare]
"""
        duration_s = self.requests / throughput
        rows = measure(tables, seed=self.seed, duration_s=duration_s).requests
        # The first twentieth is left out: everybody begins by thinking.
        warm_s = duration_s / 20
        came_s, left_s = rows["intended_us"] / 1e6, rows["finished_us"] / 1e6
        edges_s = np.linspace(warm_s, duration_s, _BATCHES + 1)
        counts, _ = np.histogram(left_s, edges_s)
        steady = came_s >= warm_s
        return [
            Comparison(
                Known("throughput per s", throughput, self.precision),
                batch_means(counts / (edges_s[1] - edges_s[0]), batches=_BATCHES),
            ),
            Comparison(
                Known("mean response, s", response_s, self.precision),
                batch_means((left_s - came_s)[steady], batches=_BATCHES),
            ),
        ]
