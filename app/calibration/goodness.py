"""How well a lognormal fits: the Kolmogorov-Smirnov distance, and how often chance alone makes it as large.

The tables of Kolmogorov and Smirnov do not hold where the parameters come from the same values (the distance comes out too
small). So the chance is counted: samples drawn from the fit, censored and rounded as the measured ones were, are fitted
anew, each with its own distance (a parametric bootstrap; for complete values, Lilliefors' test). Few values tell little: a
good fit of ten calls excludes little.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from app.calibration.empirical import distribution
from app.calibration.lognormal import Floats, Lognormal, Sample, fast_fit
from app.calibration.normal import cdf
from app.engine.draws import Draws

ROUNDS = 499
POOR = 0.05
"""A distance that chance makes so seldom tells of a poor fit."""


@dataclass(frozen=True)
class Goodness:
    """`distance` is the largest gap between the shares below any value, as measured and as fitted; `chance` is the share of
    samples from the fit itself that are at least as far off."""

    distance: float
    chance: float

    @property
    def poor(self) -> bool:
        """Whether the values are hardly from such a distribution."""
        return self.chance < POOR


def goodness(sample: Sample, fit: Lognormal, draws: Draws, purpose: str) -> Goodness | None:
    """How well `fit` describes `sample`; None where all values are the same. Draws are keyed by `purpose`."""
    if fit.sigma == 0:
        return None
    mu, sigma = log(fit.median), fit.sigma
    measured = _distance(sample, mu, sigma)
    z = draws.normal_block(purpose, None, 0, ROUNDS * sample.count).reshape(ROUNDS, sample.count)
    values = np.exp(mu + sigma * z)
    if sample.whole:
        values = np.maximum(np.rint(values), 1)
    if len(sample.at_least):
        distances = np.array([_refitted(row, sample) for row in values])
    else:
        distances = _of_complete(np.log(values))
    return Goodness(measured, (1 + int(np.count_nonzero(distances >= measured))) / (1 + ROUNDS))


def _refitted(values: Floats, like: Sample) -> float:
    """The distance of one drawn sample from its own fit; 0 where it has none."""
    seen = values < like.limit
    sample = Sample(values[seen], np.full(np.count_nonzero(~seen), like.limit))
    if len(sample.values) < 2:
        return 0.0
    mu, sigma = fast_fit(np.log(sample.values), np.log(sample.at_least))
    return _distance(sample, mu, sigma) if sigma > 0 else 0.0


def _distance(sample: Sample, mu: float, sigma: float) -> float:
    values, below = distribution(sample)
    fitted = cdf((np.log(values) - mu) / sigma)
    before = np.concatenate([[0.0], below[:-1]])
    return float(max(np.abs(below - fitted).max(), np.abs(fitted - before).max()))


def _of_complete(logs: Floats) -> Floats:
    """The distances of complete samples from their own fits; `logs` has the shape (samples, values)."""
    n = logs.shape[1]
    spread = logs.std(axis=1, keepdims=True)
    z = np.sort((logs - logs.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1), axis=1)
    fitted = cdf(z)
    ranks = np.arange(1, n + 1) / n
    distances = np.maximum(np.abs(ranks - fitted), np.abs(fitted - (ranks - 1 / n))).max(axis=1)
    return np.where(spread[:, 0] > 0, distances, 0.0)
