"""How far a share that was counted may be from the one behind it: intervals for one rate. Comparing two is not done here."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054
"""The standard normal's 97.5 % quantile: for an interval of 95 % to both sides."""


def wilson(k: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """The score interval (low, high), from 0 to 1, for the rate behind `k` of `n`; (0, 1) when n is 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference" (JASA 22, 1927); recommended for
    small n and rates near 0 or 1 by Brown, Cai and DasGupta, "Interval estimation for a binomial proportion" (2001).
    Raises ValueError unless 0 <= k <= n.
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return 0.0, 1.0
    rate = k / n
    centre = rate + z * z / (2 * n)
    margin = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    whole = 1 + z * z / n
    # Rounding would leave a speck beside the ends that are exact.
    low = 0.0 if k == 0 else (centre - margin) / whole
    high = 1.0 if k == n else (centre + margin) / whole
    return low, high
