"""Known results of the provider's request limit, a token bucket: what any window admits at the most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from app.analysis.validation.base import KnownResult, exactly
from app.analysis.validation.measure import measure
from app.analysis.validation.statistics import Comparison

_OK = 200


class TokenBucket(KnownResult):
    """A bucket of b = one period's quota, asked for far more: b + r tau in any window, twice the quota in a period."""

    name: ClassVar[str] = "token-bucket"
    title: ClassVar[str] = "Token bucket"
    source: ClassVar[str] = (
        'R. L. Cruz, "A calculus for network delay" (IEEE Trans. Information Theory 37, 1991): b + r τ'
    )
    rpm: float = Field(default=600, ge=1, le=60_000)
    """Requests per minute: the rate r."""
    period_s: float = Field(default=10, gt=0, le=3600)
    """The bucket holds the quota of so long, and two requests at the least."""
    overload: float = Field(default=5, ge=3, le=100)
    """So many times the rate is asked for."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """A small bucket, and one of a whole minute."""
        return (cls(rpm=600, period_s=10, seed=71), cls(rpm=500, period_s=60, seed=72))

    def rows(self) -> list[Comparison]:
        """Windows that admitted too many; the most beyond r tau; the most in a period; the rate in the long run.

        Requests come evenly, 1 / overload of a token apart. The bucket's level after the last that is admitted is less than
        that, so the most beyond r tau is as near to b; and of a whole period less than a token and that is left over.
        """
        rate_per_s = self.rpm / 60
        bucket = max(2.0, rate_per_s * self.period_s)
        apart = 1 / self.overload
        tables = f"""
service = "constant"
service_s = 0.001
slots = 100000
rpm = {self.rpm}
quota_burst_s = {bucket / rate_per_s}
[traffic]
arrivals = "constant"
rate_per_s = {self.overload * rate_per_s}
repeat_rate = 0
[variants.bare]
"""
        period_s = bucket / rate_per_s
        duration_s = max(10 * period_s, 1000 / rate_per_s)
        attempts = measure(tables, seed=self.seed, duration_s=duration_s).attempts
        admitted_s = attempts["started_us"][attempts["status"] == _OK] / 1e6
        order = np.arange(len(admitted_s))
        # Of the windows that end with call j the worst begins with that i <= j whose i - r t is least.
        beyond = 1 + order - rate_per_s * admitted_s
        beyond -= np.minimum.accumulate(order - rate_per_s * admitted_s)
        in_period = 1 + order - np.searchsorted(admitted_s, admitted_s - period_s)
        later_s = admitted_s[admitted_s >= duration_s / 2]
        return [
            exactly("windows beyond b + r tau", 0, int((beyond > bucket + 1e-6).sum())),
            exactly("most beyond r tau in a window", bucket, float(beyond.max()), within=apart),
            exactly("most in a period", 2 * bucket, int(in_period.max()), within=1 + apart),
            exactly(
                "admitted per s in the long run",
                rate_per_s,
                len(later_s) / (duration_s / 2),
                within=2 / (duration_s / 2),
            ),
        ]
