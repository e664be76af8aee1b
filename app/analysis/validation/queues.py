"""Known results of queues in front of the simulated provider: Erlang C, the wait's tail, M/M/1, M/D/1, Little's law."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf, sqrt
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.analysis.validation.base import KnownResult
from app.analysis.validation.formulas import (
    erlang_c,
    md1_mean_wait_s,
    mm1_mean_wait_s,
    mmc_mean_wait_s,
    mmc_tail,
)
from app.analysis.validation.measure import Rows, measure
from app.analysis.validation.statistics import Comparison, Estimate, Known, batch_means
from app.errors import UserError

MAX_REQUESTS = 2_000_000


@dataclass(frozen=True)
class Queue:
    """A queue in front of `slots` servers, each busy for the share `load` on average; a service takes 1 s."""

    service: str
    slots: int
    load: float

    @property
    def rate_per_s(self) -> float:
        """Arrivals."""
        return self.slots * self.load

    def enough(self, precision: float) -> int:
        """Requests until the mean wait has the standard error `precision`, relative to itself, or less.

        M/M/1's relative variance of a mean over n is 2 (1 + load) / ((1 - load)^2 n) in heavy traffic (W. Whitt, "Planning
        queueing simulations", Management Science 35, 1989); where few wait, it is some 2 / C - 1 times that. Doubled for
        safety. Raises UserError when that is more than can be run.
        """
        waiting = erlang_c(self.slots, self.load)
        rare = 2 / waiting - 1 if waiting else inf  # so small a chance that no float holds it
        one = 2 * (1 + self.load) / (1 - self.load) ** 2
        requests = 2 * one * rare / precision**2
        if requests > MAX_REQUESTS:
            raise UserError(
                f"a standard error of {100 * precision:g} % would take {requests:.2g} requests",
                where="--set",
                do="Set 'precision' higher, or a 'rho' at which more wait or fewer queue up.",
            )
        return max(10_000, ceil(requests))

    def measure(self, *, seed: int, requests: int) -> Rows:
        """Run it until about so many requests have arrived."""
        tables = f"""
service = "{self.service}"
service_s = 1
slots = {self.slots}
[traffic]
rate_per_s = {self.rate_per_s}
repeat_rate = 0
[variants.bare]
"""
        return measure(tables, seed=seed, duration_s=requests / self.rate_per_s)

    def mean(self, rows: Rows, series: Any, known: Known) -> Comparison:
        """Mean of a series that is alike for all requests in the steady state.

        The first twentieth is left out: the queue starts empty. Luck in gaps and services is taken out.
        """
        attempts = rows.attempts
        warm = len(series) // 20
        gaps = np.diff(attempts["started_us"], prepend=0) / 1e6
        services = (attempts["finished_us"] - attempts["started_us"] - attempts["queued_us"]) / 1e6
        controls = [(gaps[warm:], 1 / self.rate_per_s)]
        if self.service != "constant":
            controls.append((services[warm:], 1.0))
        return Comparison(known, batch_means(series[warm:], controls=controls))


def waits_of(rows: Rows) -> NDArray[np.float64]:
    """Time spent in the provider's queue, in seconds."""
    waits: NDArray[np.float64] = rows.attempts["queued_us"] / 1e6
    return waits


class Queueing(KnownResult):
    """What the queues have in common: load and effort."""

    rho: float = Field(default=0.8, gt=0, le=0.98)
    """Share of the time for which a server is busy."""
    precision: float = Field(default=0.1, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value."""
    requests: int | None = Field(default=None, ge=1000, le=MAX_REQUESTS)
    """How many arrive; enough for the precision, when left out."""

    def _measured(self, queue: Queue) -> Rows:
        return queue.measure(seed=self.seed, requests=self.requests or queue.enough(self.precision))


class ErlangC(Queueing):
    """M/M/c: waiting probability, mean wait, and the tail at the mean wait of those who wait."""

    name: ClassVar[str] = "erlang-c"
    title: ClassVar[str] = "Erlang C"
    source: ClassVar[str] = "A. K. Erlang (1917): the delay formula of M/M/c"
    c: int = Field(default=10, ge=1, le=1000)
    """Servers."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """The published ones."""
        return (
            cls(c=2, rho=0.8, requests=80_000, precision=0.04, seed=11),
            cls(c=10, rho=0.8, requests=80_000, precision=0.06, seed=12),
            cls(c=10, rho=0.9, requests=120_000, precision=0.07, seed=13),
            cls(c=100, rho=0.9, requests=200_000, precision=0.14, seed=14),
        )

    def rows(self) -> list[Comparison]:
        """Mean wait, P(wait), tail."""
        queue = Queue("exponential", self.c, self.rho)
        return self.compared(queue, self._measured(queue))

    def compared(self, queue: Queue, rows: Rows) -> list[Comparison]:
        """The rows of a queue that has been run."""
        c, load, precision = self.c, self.rho, self.precision
        waits = waits_of(rows)
        tail_s = 1 / (c * (1 - load))
        tail = Known(f"P(wait > {tail_s:g} s)", mmc_tail(c, load, tail_s), precision)
        return [
            queue.mean(rows, waits, Known("mean wait, s", mmc_mean_wait_s(c, load), precision)),
            queue.mean(rows, waits > 0, Known("P(wait)", erlang_c(c, load), precision)),
            queue.mean(rows, waits > tail_s, tail),
        ]


class WaitTail(Queueing):
    """M/M/c: P(W > t) for several t, or for the one that is given."""

    name: ClassVar[str] = "wait-tail"
    title: ClassVar[str] = "Wait tail of M/M/c"
    source: ClassVar[str] = 'L. Kleinrock, "Queueing Systems", volume 1 (1975), M/M/m'
    c: int = Field(default=4, ge=1, le=1000)
    """Servers."""
    t_s: float | None = Field(default=None, ge=0)
    """The wait asked about; half, one and two mean waits of those who wait, when left out."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """One queue, three waits."""
        return (cls(c=4, rho=0.8, requests=120_000, precision=0.08, seed=17),)

    def rows(self) -> list[Comparison]:
        """The tail at each wait."""
        queue = Queue("exponential", self.c, self.rho)
        mean_s = 1 / (self.c * (1 - self.rho))
        waits_s = (mean_s / 2, mean_s, 2 * mean_s) if self.t_s is None else (self.t_s,)
        rows = self._measured(queue)
        waits = waits_of(rows)
        return [
            queue.mean(
                rows,
                waits > wait_s,
                Known(f"P(wait > {wait_s:g} s)", mmc_tail(self.c, self.rho, wait_s), self.precision),
            )
            for wait_s in waits_s
        ]


class MM1(Queueing):
    """M/M/1: mean wait."""

    name: ClassVar[str] = "mm1"
    title: ClassVar[str] = "M/M/1"
    source: ClassVar[str] = 'L. Kleinrock, "Queueing Systems", volume 1 (1975), M/M/1'

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """The published ones."""
        return (
            cls(rho=0.8, requests=80_000, precision=0.05, seed=18),
            cls(rho=0.9, requests=160_000, precision=0.07, seed=19),
        )

    def rows(self) -> list[Comparison]:
        """The mean wait."""
        queue = Queue("exponential", 1, self.rho)
        rows = self._measured(queue)
        known = Known("mean wait, s", mm1_mean_wait_s(self.rho), self.precision)
        return [queue.mean(rows, waits_of(rows), known)]


class MD1(Queueing):
    """M/D/1: mean wait, half of M/M/1's."""

    name: ClassVar[str] = "md1"
    title: ClassVar[str] = "M/D/1"
    source: ClassVar[str] = "F. Pollaczek (1930) and A. Khinchine (1932), for constant service"

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """The published ones."""
        return (
            cls(rho=0.8, requests=80_000, precision=0.03, seed=15),
            cls(rho=0.9, requests=120_000, precision=0.04, seed=16),
        )

    def rows(self) -> list[Comparison]:
        """The mean wait."""
        queue = Queue("constant", 1, self.rho)
        rows = self._measured(queue)
        known = Known("mean wait, s", md1_mean_wait_s(self.rho), self.precision)
        return [queue.mean(rows, waits_of(rows), known)]


class LittlesLaw(Queueing):
    """L = lambda W: what an observer counts at evenly spaced times, beside arrivals times their time in the system."""

    name: ClassVar[str] = "littles-law"
    title: ClassVar[str] = "Little's law"
    source: ClassVar[str] = (
        'J. D. C. Little, "A proof for the queuing formula L = λW" (Operations Research 9, 1961)'
    )
    c: int = Field(default=10, ge=1, le=1000)
    """Servers."""
    precision: float = Field(default=0.01, gt=0, le=1)
    requests: int = Field(default=60_000, ge=1000, le=MAX_REQUESTS)

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """Two loads."""
        return (cls(c=10, rho=0.8, seed=61), cls(c=2, rho=0.9, seed=62))

    def rows(self) -> list[Comparison]:
        """The number in the system."""
        rows = self._measured(Queue("exponential", self.c, self.rho))
        came_s, left_s = rows.requests["intended_us"] / 1e6, np.sort(rows.requests["finished_us"] / 1e6)
        in_system_s = (rows.requests["finished_us"] - rows.requests["intended_us"]) / 1e6
        batches, looks = 40, 1000
        edges_s = np.linspace(0, came_s[-1], batches + 1)
        length_s = edges_s[1]
        looks_s = (np.arange(batches * looks) + 0.5) * (length_s / looks)
        there = np.searchsorted(came_s, looks_s, "right") - np.searchsorted(left_s, looks_s, "right")
        counted = there.reshape(batches, looks).mean(axis=1)
        batch = np.minimum((came_s / length_s).astype(np.int64), batches - 1)
        expected = np.bincount(batch, weights=in_system_s, minlength=batches) / length_s
        stderr = float((counted - expected).std(ddof=1)) / sqrt(batches)
        known = Known("L, by lambda W", float(expected.mean()), self.precision)
        return [Comparison(known, Estimate(float(counted.mean()), stderr))]
