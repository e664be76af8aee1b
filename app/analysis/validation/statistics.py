"""Compares what the engine measured with what theory says: statistics alone, no formulas (see there) and no engine.

A row passes when the effort reached its precision and |z| < Z_LIMIT, where z counts standard errors beyond
the bias that the formula itself is known to have. Z_LIMIT is for fixed seeds: over k independent rows it is
stricter than a family-wise level of FAMILY_ALPHA (Bonferroni would allow |z| < 4.9 over 50 rows). What no
single row shows, all being a little off, is what `together_likely` asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z_LIMIT = 3.5
FAMILY_ALPHA = 1e-4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Known:
    """A known result. `precision` is the largest standard error that counts as an answer, relative to
    `value`; `bias` is how far the formula itself may be off, in the value's unit."""

    name: str
    value: float
    precision: float
    bias: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """What was measured, with the standard error of the mean."""

    mean: float
    stderr: float


@dataclass(frozen=True)
class Comparison:
    """A known result beside its measurement."""

    known: Known
    ours: Estimate

    @property
    def z(self) -> float:
        """Standard errors by which we are off, beyond the bias; with an exact measurement 0 or infinite."""
        off = self.ours.mean - self.known.value
        beyond = max(0.0, abs(off) - self.known.bias)
        if beyond < 1e-12:
            return 0.0
        return float(np.copysign(beyond / self.ours.stderr if self.ours.stderr else inf, off))

    @property
    def interval(self) -> tuple[float, float]:
        """From where to where the value itself may be, by our measurement: Z_LIMIT standard errors, and the bias."""
        margin = Z_LIMIT * self.ours.stderr + self.known.bias
        return self.ours.mean - margin, self.ours.mean + margin

    @property
    def precise(self) -> bool:
        """Whether the effort was enough to tell."""
        return self.ours.stderr <= self.known.precision * self.known.value

    @property
    def passed(self) -> bool:
        """Whether the row is reproduced."""
        return self.precise and abs(self.z) < Z_LIMIT

    def __str__(self) -> str:
        ours, known = self.ours, self.known
        bias = f", bias up to {known.bias:g}" if known.bias else ""
        return (
            f"{known.name}: known {known.value:.5g}{bias}, ours {ours.mean:.5g} ± {ours.stderr:.2g}"
            f" (asked: {known.precision * known.value:.2g}), z = {self.z:+.2f}"
        )


def together_likely(zs: Sequence[float]) -> bool:
    """Whether independent rows, taken together, are off by no more than chance: sum of z² against chi-square.

    The quantile at 1 - FAMILY_ALPHA is Wilson and Hilferty's (1931) approximation, whose root is 3.5 % too high
    for a single row and 0.5 % for ten. Rows must be of different runs; none at all are likely.
    """
    k = len(zs)
    if k == 0:
        return True
    normal = NormalDist().inv_cdf(1 - FAMILY_ALPHA)
    limit = k * (1 - 2 / (9 * k) + normal * sqrt(2 / (9 * k))) ** 3
    return sum(z**2 for z in zs) < limit


def batch_means(
    series: Any, *, batches: int = 40, controls: Sequence[tuple[Any, float]] = (), variance: float = 0
) -> Estimate:
    """Mean and standard error of an autocorrelated series of shape (n,), by batches longer than its memory.

    `variance` is that of one of its values, where they are known to be independent: the standard error is no smaller than
    what follows from it, even if by chance nothing rare has happened.

    `controls` are (series of shape (n,), its known mean): what luck in them explains is taken out by linear
    regression over the batches (S. Lavenberg, P. Welch, "A perspective on the use of control variables",
    Management Science 27, 1981).
    """
    means = _means_of(series, batches)
    columns = [np.ones(batches)] + [_means_of(control, batches) - expected for control, expected in controls]
    design = np.stack(columns, axis=1)
    coefficients, *_ = np.linalg.lstsq(design, means, rcond=None)
    rest = means - design @ coefficients
    measured = float(rest @ rest) / (batches - len(columns)) * float(np.linalg.inv(design.T @ design)[0, 0])
    return Estimate(float(coefficients[0]), sqrt(max(measured, variance / len(series), 0.0)))


def _means_of(series: Any, batches: int) -> Floats:
    values = np.asarray(series, dtype=np.float64)
    size = len(values) // batches
    means: Floats = values[: size * batches].reshape(batches, size).mean(axis=1)
    return means
