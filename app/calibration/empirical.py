"""What measured values say by themselves, whatever fits them: their distribution, quantiles, and how sure these are."""

from __future__ import annotations

from math import comb, inf

import numpy as np

from app.calibration.lognormal import Floats, Sample

_MISSED = 0.025


def distribution(sample: Sample) -> tuple[Floats, Floats]:
    """Values, rising and each once, and the share of all that is at or below each (Kaplan and Meier, JASA 53, 1958). Without
    censored values that is the empirical distribution function."""
    values, counts = np.unique(sample.values, return_counts=True)
    # Whoever was given up at a value was still there at it.
    left = np.array([np.count_nonzero(sample.values >= each) for each in values], dtype=np.float64)
    left += np.array([np.count_nonzero(sample.at_least >= each) for each in values])
    return values, np.asarray(1 - np.cumprod(1 - counts / left), dtype=np.float64)


def quantile(sample: Sample, share: float) -> float | None:
    """The smallest value that at least the `share` of all does not exceed; None where too many were given up to say."""
    values, below = distribution(sample)
    reached = np.flatnonzero(below >= share - 1e-12)
    return float(values[reached[0]]) if len(reached) else None


def quantile_95(sample: Sample, share: float) -> tuple[float | None, float | None]:
    """The 95 % interval of a quantile from order statistics, which holds for any distribution; None where the sample is
    too small to bound it on that side. Values that were given up count as larger than all."""
    n = sample.count
    ordered = np.concatenate([np.sort(sample.values), np.full(len(sample.at_least), inf)])
    chances = [comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    below = np.cumsum(chances)
    low = int(np.searchsorted(below, _MISSED, side="right"))
    high = int(np.searchsorted(below, 1 - _MISSED, side="left")) + 1
    found_low = float(ordered[low - 1]) if low >= 1 else None
    found_high = float(ordered[high - 1]) if high <= n else None
    return found_low, None if found_high == inf else found_high


def calls_to_bound(share: float) -> int:
    """From how many values on a quantile has an upper bound: the largest is above it with a chance of 97.5 %."""
    n = 1
    while share**n > _MISSED:
        n += 1
    return n
