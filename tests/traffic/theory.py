"""What each arrival process must look like: its theoretical gap CV, dispersion and lag-1 correlation.

Estimates come from independent replicas; the jackknife over these takes off the bias of the ratios and gives their
standard errors (Efron and Stein 1981), whatever correlation there is within a replica. Not a test itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.traffic.settings import Bursts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """Gap CV, index of dispersion of the counts in windows, correlation of a gap with the next."""

    gap_cv: float
    dispersion: float
    lag_1: float


def gamma_look(cv: float, arrivals_a_window: float) -> Look:
    """Gamma gaps, windows that begin anywhere. Cox, "Renewal Theory" (1962), section 4.5: Var N(t) of an equilibrium
    renewal process = c² m + 1/6 + c⁴/2 - mu3/3 + o(1) for mean gap 1, c its CV; mu3 = 2 c⁴ for gamma gaps."""
    return Look(cv, cv**2 + (1 - cv**4) / (6 * arrivals_a_window), 0.0)


def burst_look(bursts: Bursts, rate_per_s: float, window_s: float) -> Look:
    """A Markov-modulated Poisson process of two states in equilibrium; Fischer and Meier-Hellstern (1993).

    Gaps: phase-type with D0 = Q - L, from the state as an arrival leaves it. Counts: a Poisson count plus the integrated
    covariance of the rate, which falls off as exp(-(sum of the switching rates) t).
    """
    rates = rate_per_s * np.array([bursts.burst_factor, bursts.quiet_factor])
    out = 1 / np.array([bursts.mean_burst_s, bursts.mean_quiet_s])
    generator = np.array([[-out[0], out[0]], [out[1], -out[1]]])
    inverse = np.linalg.inv(np.diag(rates) - generator)
    share = out[::-1] / out.sum()
    seen = share * rates / (share @ rates)
    onwards = inverse @ np.diag(rates)
    one = np.ones(2)
    mean = seen @ inverse @ one
    square = 2 * seen @ inverse @ inverse @ one
    variance = square - mean**2
    lag_1 = (seen @ inverse @ onwards @ inverse @ one - mean**2) / variance
    x = out.sum() * window_s
    spread = (rates[0] - rates[1]) ** 2 * share[0] * share[1]
    dispersion = 1 + 2 * spread / (rate_per_s * out.sum()) * (1 - (1 - np.exp(-x)) / x)
    return Look(float(np.sqrt(variance) / mean), float(dispersion), float(lag_1))


def z_scores(
    replicas: list[NDArray[np.int64]], window_us: float, theory: Look
) -> dict[str, tuple[float, float]]:
    """By statistic: distance from theory in standard errors, and the standard error.

    Each replica holds the arrivals of one run in order, of the same length of time; whole windows of it count.
    """
    moments = np.array([_moments(times, window_us) for times in replicas])
    n = len(moments)
    whole = _look(moments.sum(axis=0))
    without = np.array([_look(moments.sum(axis=0) - each) for each in moments])
    corrected = n * whole - (n - 1) * without.mean(axis=0)
    error = np.sqrt((n - 1) / n * np.sum((without - without.mean(axis=0)) ** 2, axis=0))
    wanted = np.array([theory.gap_cv, theory.dispersion, theory.lag_1])
    names = ("gap_cv", "dispersion", "lag_1")
    return {
        name: (float(z), float(e))
        for name, z, e in zip(names, (corrected - wanted) / error, error, strict=True)
    }


def _moments(times: NDArray[np.int64], window_us: float) -> Floats:
    gaps = np.diff(times) / 1e6
    windows = int(times[-1] // window_us)
    counts = np.bincount(
        (times[times < windows * window_us] // window_us).astype(np.int64), minlength=windows
    )
    sums = [len(gaps), gaps.sum(), (gaps**2).sum(), len(gaps) - 1, (gaps[1:] * gaps[:-1]).sum()]
    return np.array([*sums, windows, counts.sum(), (counts.astype(np.float64) ** 2).sum()])


def _look(sums: Floats) -> Floats:
    n, gap, gap_2, pairs, product, windows, count, count_2 = sums
    mean = gap / n
    variance = gap_2 / n - mean**2
    average = count / windows
    return np.array(
        [
            np.sqrt(variance) / mean,
            (count_2 / windows - average**2) / average,
            (product / pairs - mean**2) / variance,
        ]
    )
