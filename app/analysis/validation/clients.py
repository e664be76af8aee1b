"""Known results of what a client does by itself: a queue of its own, hedged calls, adaptive throttling."""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from app.analysis.validation.base import KnownResult
from app.analysis.validation.formulas import (
    erlang_c,
    hedged_mean_s,
    hedged_quantile_s,
    hedged_tail,
    mmc_mean_wait_s,
    throttled_per_s,
)
from app.analysis.validation.measure import measure
from app.analysis.validation.statistics import Comparison, Known, batch_means

_US = 1e6


class ClientQueue(KnownResult):
    """Erlang C with the c servers in the client's limit on calls at a time, and waits from the intended arrival."""

    name: ClassVar[str] = "client-queue"
    title: ClassVar[str] = "Client-side queue"
    source: ClassVar[str] = "A. K. Erlang (1917): the delay formula of M/M/c"
    c: int = Field(default=10, ge=1, le=1000)
    """Calls at a time."""
    rho: float = Field(default=0.8, gt=0, le=0.98)
    requests: int = Field(default=60_000, ge=1000, le=2_000_000)
    precision: float = Field(default=0.1, gt=0, le=1)

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """Few servers, and more."""
        return (
            cls(c=2, rho=0.8, precision=0.05, seed=81),
            cls(c=10, rho=0.8, precision=0.07, seed=82),
        )

    def rows(self) -> list[Comparison]:
        """Mean wait, P(wait), mean latency, and the wait's tail."""
        rate_per_s = self.c * self.rho
        tables = f"""
service = "exponential"
service_s = 1
slots = 1000000
[traffic]
rate_per_s = {rate_per_s}
repeat_rate = 0
[[variants.bare.safeguards]]
kind = "concurrency"
max_in_flight = {self.c}
max_queue = 1000000
max_wait_s = 1e8
"""
        rows = measure(tables, seed=self.seed, duration_s=self.requests / rate_per_s)
        came_us = rows.requests["intended_us"]
        warm = len(came_us) // 20
        waits = (rows.attempts["started_us"] - came_us) / _US
        services = (rows.attempts["finished_us"] - rows.attempts["started_us"]) / _US
        gaps = np.diff(came_us, prepend=0) / _US
        controls = [(gaps[warm:], 1 / rate_per_s), (services[warm:], 1.0)]
        wait_s, tail_s = mmc_mean_wait_s(self.c, self.rho), 1 / (self.c * (1 - self.rho))
        known_tail = erlang_c(self.c, self.rho) * np.exp(-1)
        latency = (rows.requests["finished_us"] - came_us) / _US
        return [
            Comparison(Known(what, value, self.precision), batch_means(series[warm:], controls=controls))
            for what, value, series in (
                ("mean wait, s", wait_s, waits),
                ("P(wait)", erlang_c(self.c, self.rho), waits > 0),
                ("mean latency, s", wait_s + 1, latency),
                (f"P(wait > {tail_s:g} s)", float(known_tail), waits > tail_s),
            )
        ]


class Hedging(KnownResult):
    """Answers that take Exp(1), asked for a second time after a while: extra load, mean, tail; and that both are billed."""

    name: ClassVar[str] = "hedging"
    title: ClassVar[str] = "Hedged calls"
    source: ClassVar[str] = (
        'J. Dean, L. A. Barroso, "The tail at scale" (CACM 56, 2013), with exponential times'
    )
    after_s: float = Field(default=log(20), gt=0, le=20)
    requests: int = Field(default=100_000, ge=1000, le=2_000_000)
    precision: float = Field(default=0.12, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value; the shares in the tail are small."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """After ln 20, which one in 20 exceed; and at once, in effect."""
        return (cls(seed=83), cls(after_s=0.01, requests=20_000, precision=0.25, seed=84))

    def rows(self) -> list[Comparison]:
        """Extra calls, billed calls, the mean, and shares above the known percentiles."""
        per_s = 100
        tables = f"""
service = "exponential"
service_s = 1
slots = 1000000
[traffic]
rate_per_s = {per_s}
repeat_rate = 0
[[variants.bare.safeguards]]
kind = "hedge"
after_s = {self.after_s}
"""
        rows = measure(tables, seed=self.seed, duration_s=self.requests / per_s)
        times = (rows.requests["finished_us"] - rows.requests["intended_us"]) / _US
        extra = hedged_tail(self.after_s, self.after_s)
        found: list[tuple[str, float, Any]] = [
            ("extra calls of a request", extra, rows.requests["attempts"] - 1),
            (
                "billed calls of a request",
                1 + extra,
                np.bincount(_owners(rows.requests["attempts"]), rows.attempts["billed"]),
            ),
            ("mean time, s", hedged_mean_s(self.after_s), times),
        ]
        for share in (0.99, 0.999):
            time_s = hedged_quantile_s(share, self.after_s)
            found.append((f"P(time > {time_s:.3f} s), its p{share * 100:g}", 1 - share, times > time_s))
        return [
            # Requests know nothing of one another: what is rarer than all of them may not have happened.
            Comparison(
                Known(what, value, self.precision),
                batch_means(series, variance=extra * (1 - extra) if "calls" in what else 0),
            )
            for what, value, series in found
        ]


class AdaptiveThrottling(KnownResult):
    """A target that accepts a quarter of what is offered: what the client sends it settles at k times that."""

    name: ClassVar[str] = "adaptive-throttling"
    title: ClassVar[str] = "Adaptive throttling"
    source: ClassVar[str] = (
        '"Site Reliability Engineering" (Google, 2016), chapter 21: client-side throttling'
    )
    offered_per_s: float = Field(default=200, ge=10, le=2000)
    capacity_per_s: float = Field(default=50, ge=1, le=2000)
    k: float = Field(default=2, ge=1, le=100)
    window_s: float = Field(default=60, ge=10, le=600)
    precision: float = Field(default=0.02, gt=0, le=1)

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """k A = 55, 75 and 100 calls a second."""
        return (cls(k=1.1, seed=85), cls(k=1.5, seed=86), cls(k=2, seed=87))

    def rows(self) -> list[Comparison]:
        """Calls sent a second, once the first windows have passed.

        The window is counted in hundredths, and what is accepted trails what is sent by a call: one in a hundred is the
        bias that this may have.
        """
        tables = f"""
service = "constant"
service_s = 0.01
slots = 1000000
limit_reply_s = 0.01
rpm = {60 * self.capacity_per_s}
quota_burst_s = 1
[traffic]
rate_per_s = {self.offered_per_s}
repeat_rate = 0
[[variants.bare.safeguards]]
kind = "adaptive_throttle"
k = {self.k}
window_s = {self.window_s}
"""
        duration_s = 6 * self.window_s
        sent_s = measure(tables, seed=self.seed, duration_s=duration_s).attempts["started_us"] / _US
        seconds, _ = np.histogram(sent_s, np.arange(2 * self.window_s, duration_s + 1))
        value = throttled_per_s(self.offered_per_s, self.capacity_per_s, self.k)
        known = Known("sent per s", value, self.precision, bias=0.01 * value)
        return [Comparison(known, batch_means(seconds))]


def _owners(
    attempts: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The place of the request of each attempt."""
    return np.repeat(np.arange(len(attempts)), attempts)
