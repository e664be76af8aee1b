"""Known results of incidents at exact times: a breaker's opening and closing, a stall's percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from app.analysis.validation.base import KnownResult, exactly
from app.analysis.validation.formulas import stalled_quantile_s
from app.analysis.validation.measure import Ints, measure
from app.analysis.validation.statistics import Comparison

_STEP_US = 100_000
"""Requests for the breaker arrive at 0.1 s, 0.2 s, 0.3 s, ..."""
_SERVICE_US = 250_000
_STILL_OUT = 2
"""Arrivals between the last probe and its answer."""


class BreakerTimes(KnownResult):
    """A target that is down for a while, and a breaker that opens at half of all calls failing.

    It opens at the failure that makes as many as the successes before; turns calls back for `open_s`; lets a
    probe pass, which opens it again while the target is down; and closes after the probes that come back well.
    """

    name: ClassVar[str] = "breaker"
    title: ClassVar[str] = "Circuit breaker, exact times"
    source: ClassVar[str] = "Arithmetic of the settings and the schedule of arrivals"
    down_s: float = Field(default=2, ge=1, le=1000)
    up_s: float = Field(default=12, ge=1, le=10_000)
    open_s: float = Field(default=5, gt=0.2, le=1000)
    half_open_calls: int = Field(default=3, ge=1, le=100)

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """Two ends of the outage: between two probes, and just before one."""
        return (cls(), cls(up_s=18.75, open_s=2.5, half_open_calls=5))

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.up_s < 2 * self.down_s + 1:
            raise ValueError("'up_s' must be at least 2 'down_s' + 1, or the breaker hardly opens")
        if self.open_s < (self.half_open_calls + 1 + _STILL_OUT) * _STEP_US / 1e6:
            raise ValueError("'open_s' must leave the probes, which come every 0.1 s, the time to come back")
        return self

    def rows(self) -> list[Comparison]:
        """When it opens, which calls pass as probes, and when calls pass again."""
        down_us, up_us, open_us = (round(each * 1e6) for each in (self.down_s, self.up_s, self.open_s))
        # With k successes before it goes down, failure k opens it.
        successes = ceil(down_us / _STEP_US) - 1
        opens_us = (successes + successes) * _STEP_US
        probes_us = [_next_arrival_us(opens_us + open_us)]
        while probes_us[-1] < up_us:
            probes_us.append(_next_arrival_us(probes_us[-1] + open_us))
        recovered_us = probes_us[-1]
        rows = measure(
            self._tables(),
            seed=self.seed,
            duration_s=(recovered_us + (self.half_open_calls + 20) * _STEP_US) / 1e6,
        )
        came_us, turned_back = rows.requests["intended_us"], rows.requests["attempts"] == 0
        passed_us = came_us[~turned_back & (came_us > opens_us)]
        probed_us = passed_us[: len(probes_us)]
        later_us = recovered_us + self.half_open_calls * _STEP_US
        return [
            exactly("first call turned back, s", (opens_us + _STEP_US) / 1e6, _first_s(came_us[turned_back])),
            exactly("probes at other times", 0, int(np.sum(probed_us != probes_us))),
            exactly("first probe that comes back well, s", recovered_us / 1e6, float(probed_us[-1]) / 1e6),
            exactly(
                "first call beyond the probes, s",
                later_us / 1e6,
                _first_s(came_us[turned_back & (came_us > recovered_us)]),
            ),
            exactly(
                "first call once it is closed, s",
                later_us / 1e6 + _STILL_OUT * _STEP_US / 1e6,
                _first_s(came_us[~turned_back & (came_us >= later_us)]),
            ),
            exactly(
                "calls turned back after that",
                0,
                int(np.sum(turned_back & (came_us >= later_us + _STILL_OUT * _STEP_US))),
            ),
        ]

    def _tables(self) -> str:
        return f"""
service = "constant"
service_s = {_SERVICE_US / 1e6}
[traffic]
arrivals = "constant"
rate_per_s = {1e6 / _STEP_US}
repeat_rate = 0
[[faults]]
kind = "outage"
from_s = {self.down_s}
to_s = {self.up_s}
hang_share = 0
after_s = 0
[[variants.bare.safeguards]]
kind = "breaker"
failure_ratio = 0.5
min_calls = 1
window_s = 100000
open_s = {self.open_s}
half_open_calls = {self.half_open_calls}
"""


class Stall(KnownResult):
    """A server that stands still for a while, under evenly spaced arrivals: percentiles by the schedule alone."""

    name: ClassVar[str] = "stall"
    title: ClassVar[str] = "Stall, exact percentiles"
    source: ClassVar[str] = (
        "Arithmetic of the schedule of arrivals (against what G. Tene calls coordinated omission)"
    )
    rate_per_s: float = Field(default=50, ge=1, le=99)
    duration_s: int = Field(default=30, ge=2, le=3600)
    stall_s: int = Field(default=3, ge=1, le=1000)

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """3 s of 30 at 50/s, and another."""
        return (cls(), cls(rate_per_s=20, duration_s=60, stall_s=6))

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.stall_s >= self.duration_s:
            raise ValueError("'stall_s' must be less than 'duration_s'")
        if 1e6 % self.rate_per_s:
            raise ValueError(
                "1 s must hold whole microseconds between 'rate_per_s' arrivals, such as 20 or 50"
            )
        return self

    def rows(self) -> list[Comparison]:
        """Percentiles of latency, and the slowest."""
        service_s = 0.01
        begin_s = (self.duration_s - self.stall_s) // 2
        tables = f"""
service = "constant"
service_s = {service_s}
slots = 1000000
[traffic]
arrivals = "constant"
rate_per_s = {self.rate_per_s}
repeat_rate = 0
[[faults]]
kind = "outage"
outage_mode = "freeze"
from_s = {begin_s}
to_s = {begin_s + self.stall_s}
[variants.bare]
"""
        # Half a gap longer, so that the request at the end is one of them.
        rows = measure(tables, seed=self.seed, duration_s=self.duration_s + 0.5 / self.rate_per_s)
        latency_us = np.sort(rows.requests["finished_us"] - rows.requests["intended_us"])
        n = len(latency_us)
        compared = [exactly("requests", self.duration_s * self.rate_per_s, n)]
        for share in (0.5, 0.9, 0.95, 0.99, 0.999, 1.0):
            known_s = stalled_quantile_s(
                share, requests=n, rate_per_s=self.rate_per_s, stall_s=self.stall_s, service_s=service_s
            )
            ours_s = float(latency_us[ceil(share * n) - 1]) / 1e6
            compared.append(exactly(f"p{100 * share:g} of latency, s", known_s, ours_s))
        return compared


def _next_arrival_us(time_us: int) -> int:
    """The first arrival at that time or later."""
    return -(-time_us // _STEP_US) * _STEP_US


def _first_s(times_us: Ints) -> float:
    """The first of the times; infinite when there is none."""
    return float(times_us[0]) / 1e6 if len(times_us) else inf
