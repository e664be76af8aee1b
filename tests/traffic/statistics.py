"""What a Poisson process must look like, as z scores: near standard normal if it is one, far out if not.

Plain numpy, for tests and for `seatrial validate`'s own tests; not a test itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIMIT = 3.5
"""A true null exceeds it once in 2,000 times; seeds are fixed, so a test that passes keeps passing."""


def poisson_z_scores(times_us: NDArray[np.int64]) -> dict[str, float]:
    """How far arrivals of a constant rate, in order, are from Poisson ones, in standard errors.

    gap_cv: coefficient of variation of the gaps against 1. For n exponential gaps its variance is 1/n (delta
    method: (mu4 - 1)/4 + 1 - mu3 = 1 with mu3 = 2, mu4 = 9).
    dispersion: variance over mean of the counts in m windows of 20 arrivals on average, against 1; variance
    2 / (m - 1) (Cox and Lewis 1966, "The Statistical Analysis of Series of Events", chapter 6).
    lag_1: correlation of each gap with the next against 0; variance 1/n.
    """
    gaps = np.diff(times_us).astype(np.float64)
    n = len(gaps)
    windows = n // 20
    counts, _ = np.histogram(times_us, bins=windows, range=(float(times_us[0]), float(times_us[-1])))
    dispersion = counts.var(ddof=1) / counts.mean()
    centred = gaps - gaps.mean()
    spread = float(np.sum(centred**2))
    lag_1 = float(np.sum(centred[1:] * centred[:-1])) / spread if spread > 0 else 0.0
    return {
        "gap_cv": float((gaps.std(ddof=1) / gaps.mean() - 1) * np.sqrt(n)),
        "dispersion": float((dispersion - 1) * np.sqrt((windows - 1) / 2)),
        "lag_1": float(lag_1 * np.sqrt(n)),
    }


def assert_poisson(times_us: NDArray[np.int64]) -> None:
    """Fail if arrivals of a constant rate are not Poisson's."""
    far = {name: round(z, 2) for name, z in poisson_z_scores(times_us).items() if abs(z) >= LIMIT}
    assert not far, f"not a Poisson process; z scores {far}"


def count_z_score(count: int, expected: float) -> float:
    """How far a Poisson count is from its expectation, in standard errors."""
    return float((count - expected) / np.sqrt(expected))


def share_z_score(hits: int, trials: int, probability: float) -> float:
    """How far a binomial count is from its expectation, in standard errors."""
    return float((hits - trials * probability) / np.sqrt(trials * probability * (1 - probability)))


def chi_square_z_score(counts: NDArray[np.int64], expected: NDArray[np.float64]) -> float:
    """Pearson's chi square as a z score (Wilson and Hilferty 1931); give it bins of 5 or more expected."""
    freedom = len(counts) - 1
    chi_square = float(np.sum((counts - expected) ** 2 / expected))
    spread = 2 / (9 * freedom)
    return float(((chi_square / freedom) ** (1 / 3) - (1 - spread)) / np.sqrt(spread))
