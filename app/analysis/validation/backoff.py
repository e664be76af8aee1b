"""Known results of backoff and jitter: clients of a versioned store that all begin at once, after AWS's simulation."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import Field

from app.analysis.validation.base import KnownResult
from app.analysis.validation.measure import measure
from app.analysis.validation.statistics import Comparison, Estimate, Known
from app.analysis.validation.store import CLIENTS, VersionedStore

Kind = Literal["none", "exponential", "equal", "full", "decorrelated"]

_PUBLISHED_RUNS = 100
"""So many runs a published mean is taken over, so that a tenth of the spread is its own standard error."""
_BASE_S, _CAP_S = 0.005, 2.0


class Published(NamedTuple):
    """Mean over runs, and spread (standard deviation) of one run."""

    calls: float
    calls_spread: float
    time_ms: float
    time_spread_ms: float


PUBLISHED: dict[Kind, Published] = {
    "none": Published(2422, 32, 2027, 33),
    "exponential": Published(1858, 74, 63_619, 4398),
    "equal": Published(812, 7, 6729, 686),
    "full": Published(794, 6, 5003, 553),
    "decorrelated": Published(999, 24, 4500, 705),
}
"""M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), as its simulator gives them: 100 clients."""


class Backoff(KnownResult):
    """100 clients that each update one row once: calls until all have, and the time that takes."""

    name: ClassVar[str] = "backoff"
    title: ClassVar[str] = "Backoff and jitter (AWS)"
    source: ClassVar[str] = 'M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015)'
    jitter: Kind = "full"
    """none: at once again; exponential: without jitter."""
    requests: int = Field(default=40 * CLIENTS, ge=10 * CLIENTS, le=1000 * CLIENTS, multiple_of=CLIENTS)
    """A hundred to a run."""
    precision: float = Field(default=0.04, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """Each kind of backoff."""
        return tuple(cls(jitter=kind, seed=81 + place) for place, kind in enumerate(PUBLISHED))

    def rows(self) -> list[Comparison]:
        """Calls and time, each the mean over runs. AWS's first backoff is that of n = 1: twice the base."""
        base_s = {"none": 0.0, "decorrelated": _BASE_S}.get(self.jitter, 2 * _BASE_S)
        jitter = "none" if self.jitter == "exponential" else self.jitter
        tables = f"""
slots = 1000000
[traffic]
arrivals = "constant"
rate_per_s = 1000000
repeat_rate = 0
max_requests = {self.requests}
[[variants.bare.safeguards]]
kind = "retry"
max_retries = 255
base_s = {base_s}
cap_s = {_CAP_S}
jitter = "{jitter}"
"""
        rows = measure(tables, seed=self.seed, duration_s=1, provider=VersionedStore).requests
        calls = rows["attempts"].reshape(-1, CLIENTS).sum(axis=1)
        began, ended = (rows[name].reshape(-1, CLIENTS) for name in ("intended_us", "finished_us"))
        times_ms = (ended.max(axis=1) - began.min(axis=1)) / 1e3
        known = PUBLISHED[self.jitter]
        return [
            self._compared("calls", calls, known.calls, known.calls_spread),
            self._compared("time until all are done, ms", times_ms, known.time_ms, known.time_spread_ms),
        ]

    def _compared(
        self, what: str, runs: np.ndarray[tuple[int, ...], np.dtype[np.generic]], mean: float, spread: float
    ) -> Comparison:
        values = np.asarray(runs, dtype=np.float64)
        ours = Estimate(float(values.mean()), float(values.std(ddof=1)) / sqrt(len(values)))
        return Comparison(Known(what, mean, self.precision, spread / sqrt(_PUBLISHED_RUNS)), ours)
