"""Known results of Poisson arrivals: exponential gaps, independent of each other."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from app.analysis.validation.base import KnownResult
from app.analysis.validation.measure import Rows, measure
from app.analysis.validation.statistics import Comparison, Estimate, Known


class PoissonArrivals(KnownResult):
    """Mean gap, coefficient of variation, index of dispersion of counts, lag-1 correlation."""

    name: ClassVar[str] = "poisson-arrivals"
    title: ClassVar[str] = "Poisson arrivals"
    source: ClassVar[str] = 'D. R. Cox, P. A. W. Lewis, "The Statistical Analysis of Series of Events" (1966)'
    rate_per_s: float = Field(default=100, gt=0, le=10_000)
    requests: int = Field(default=80_000, ge=1000, le=2_000_000)
    precision: float = Field(default=0.02, gt=0, le=1)
    """The largest standard error that counts as an answer; all four values are 1."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """One; every queue's arrivals are tried by its waits, too."""
        return (cls(rate_per_s=100, seed=57),)

    def rows(self) -> list[Comparison]:
        """The four rows."""
        tables = f"""
service = "constant"
service_s = 0.01
slots = 100000
[traffic]
rate_per_s = {self.rate_per_s}
repeat_rate = 0
[variants.bare]
"""
        duration_s = self.requests / self.rate_per_s
        return arrival_rows(measure(tables, seed=self.seed, duration_s=duration_s), self)


def arrival_rows(rows: Rows, of: PoissonArrivals) -> list[Comparison]:
    """What the arrivals of a run are like.

    Standard errors are those of exponential gaps: 1/sqrt(n) for the coefficient of variation and for the
    correlation, sqrt(2 / (w - 1)) for the index of dispersion over w windows. The correlation is compared as
    1 + r with 1.
    """
    at_s = rows.requests["intended_us"] / 1e6
    gaps = np.diff(at_s)
    n = len(gaps)
    centred = gaps - gaps.mean()
    lag_1 = float(centred[1:] @ centred[:-1] / (centred @ centred))
    window_s = 10 / of.rate_per_s
    windows = int(at_s[-1] / window_s)
    counts = np.bincount((at_s / window_s).astype(np.int64))[:windows]
    dispersion = float(counts.var(ddof=1) / counts.mean())
    measured = [
        ("mean gap times rate", float(gaps.mean()) * of.rate_per_s, 1 / sqrt(n)),
        ("gap CV", float(gaps.std(ddof=1) / gaps.mean()), 1 / sqrt(n)),
        ("index of dispersion", dispersion, sqrt(2 / (windows - 1))),
        ("1 + lag-1 correlation", 1 + lag_1, 1 / sqrt(n)),
    ]
    return [Comparison(Known(what, 1.0, of.precision), Estimate(mean, err)) for what, mean, err in measured]
