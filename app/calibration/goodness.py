"""How well a lognormal fits: the Kolmogorov-Smirnov distance, and how often chance alone makes it as large.

The tables of Kolmogorov and Smirnov do not hold where the parameters come from the same values (the distance comes out too
small). So the chance is counted: samples drawn from the fit, censored and rounded as the measured ones were, are fitted
anew, each with its own distance (a parametric bootstrap; for complete values, Lilliefors' test). Few values tell little: a
good fit of ten calls excludes little.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

import numpy as np

from app.calibration.empirical import distribution
from app.calibration.lognormal import Floats, Lognormal, Sample, censored_fits
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
    logs = np.sort(mu + sigma * z, axis=1)
    if sample.whole:
        logs = np.log(np.maximum(np.rint(np.exp(logs)), 1))
    distances = _distances(logs, log(sample.limit) if len(sample.at_least) else inf, mu, sigma)
    return Goodness(measured, (1 + int(np.count_nonzero(distances >= measured))) / (1 + ROUNDS))


def _distance(sample: Sample, mu: float, sigma: float) -> float:
    values, below = distribution(sample)
    fitted = cdf((np.log(values) - mu) / sigma)
    before = np.concatenate([[0.0], below[:-1]])
    return float(max(np.abs(below - fitted).max(), np.abs(fitted - before).max()))


def _distances(logs: Floats, limit: float, mu: float, sigma: float) -> Floats:
    """The distances of samples from their own fits. `logs`, shape (samples, values), rises in each row and is followed up
    to `limit`; `mu` and `sigma` are where to begin looking. A sample without a fit has the distance 0."""
    seen = logs < limit
    fits = (np.count_nonzero(seen, axis=1) > 1) & (logs[:, 0] < np.where(seen, logs, -inf).max(axis=1))
    distances = np.zeros(len(logs))
    if fits.any():
        logs, seen = logs[fits], seen[fits]
        if limit < inf:
            mean, spread = censored_fits(logs, seen, limit, mu, sigma)
        else:
            mean, spread = logs.mean(axis=1), logs.std(axis=1)
        fitted = cdf((logs - mean[:, np.newaxis]) / spread[:, np.newaxis])
        n = logs.shape[1]
        ranks = np.arange(1, n + 1) / n
        gaps = np.maximum(np.abs(ranks - fitted), np.abs(fitted - (ranks - 1 / n)))
        distances[fits] = np.where(seen, gaps, 0.0).max(axis=1)
    return distances
