"""The fit: against scipy, with values that were followed only so far, and on samples that nobody would wish for."""

from __future__ import annotations

from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.calibration.lognormal import Lognormal, Sample, censored_fits, fit_lognormal
from app.engine.draws import Draws

VALUES = st.floats(1e-6, 1e6)


def sample(values: object, at_least: object = ()) -> Sample:
    return Sample(np.array(values, dtype=np.float64), np.array(at_least, dtype=np.float64))


def drawn(seed: int, count: int, median: float = 0.5, sigma: float = 0.6, limit: float = inf) -> Sample:
    """Keyed draws from a lognormal, followed up to `limit`."""
    values = median * np.exp(sigma * Draws(seed).normal_block("test", None, 0, count))
    seen = values < limit
    return sample(values[seen], np.full(np.count_nonzero(~seen), limit))


def fitted(of: Sample) -> Lognormal:
    found = fit_lognormal(of)
    assert found is not None
    return found


@pytest.mark.parametrize("count", [5, 10, 30, 300])
def test_complete_values_are_fitted_as_scipy_does_with_exact_intervals(count: int) -> None:
    of = drawn(3, count)
    logs = np.log(of.values)

    found = fitted(of)

    mu, sigma = stats.norm.fit(logs)
    assert (log(found.median), found.sigma) == pytest.approx((mu, sigma))
    s = logs.std(ddof=1)
    low, high = stats.t.interval(0.95, count - 1, loc=mu, scale=s / count**0.5)
    assert found.median_95 == pytest.approx((exp(low), exp(high)), rel=2e-3)
    bounds = [s * ((count - 1) / stats.chi2.ppf(share, count - 1)) ** 0.5 for share in (0.975, 0.025)]
    assert found.sigma_95 == pytest.approx(bounds, rel=0.04 if count == 5 else 0.01)


@pytest.mark.parametrize("limit", [0.3, 0.5, 0.9, 2.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_censored_values_are_fitted_as_scipy_does(seed: int, limit: float) -> None:
    of = drawn(seed, 40, limit=limit)
    found = fitted(of)

    mu, sigma = stats.norm.fit(stats.CensoredData(np.log(of.values), right=np.log(of.at_least)))
    assert (log(found.median), found.sigma) == pytest.approx((mu, sigma), abs=2e-3)


@pytest.mark.parametrize("limit", [inf, 0.7])
def test_the_intervals_hold_the_truth_as_often_as_they_say(limit: float) -> None:
    fits = [fitted(drawn(seed, 30, limit=limit)) for seed in range(400)]

    medians = sum(fit.median_95[0] <= 0.5 <= fit.median_95[1] for fit in fits)
    sigmas = sum(fit.sigma_95[0] <= 0.6 <= fit.sigma_95[1] for fit in fits)
    # 380 expected; the binomial's 0.01 % quantile is 363.
    assert medians >= 363
    assert sigmas >= 363


@pytest.mark.parametrize("limit", [0.4, 0.7, 1.5])
def test_many_samples_at_once_are_fitted_as_each_by_itself(limit: float) -> None:
    logs = np.log(0.5) + 0.6 * Draws(1).normal_block("test", None, 0, 50 * 30).reshape(50, 30)

    means, spreads = censored_fits(logs, logs < log(limit), log(limit), log(0.5), 0.6)

    for row, mean, spread in zip(np.exp(logs), means, spreads, strict=True):
        alone = fitted(sample(row[row < limit], np.full(np.count_nonzero(row >= limit), limit)))
        assert (mean, spread) == pytest.approx((log(alone.median), alone.sigma), abs=1e-6)


def test_leaving_slow_calls_out_would_make_it_look_fast() -> None:
    of = drawn(5, 200, limit=0.8)

    honest, naive = fitted(of), fitted(sample(of.values))

    assert honest.median_95[0] < 0.5 < honest.median_95[1]
    assert naive.median_95[1] < 0.5


def test_equal_values_are_a_point() -> None:
    assert fitted(sample([2.0] * 5)) == Lognormal(2.0, 0.0, (2.0, 2.0), (0.0, 0.0))
    assert fitted(sample([2.0] * 5, [1.0, 2.0])).sigma == 0
    assert list(fitted(sample([2.0, 2.0])).cdf(np.array([1.0, 2.0, 3.0]))) == [0, 1, 1]


def test_two_values_are_the_fewest() -> None:
    assert fit_lognormal(sample([])) is None
    assert fit_lognormal(sample([1.0])) is None
    assert fit_lognormal(sample([1.0], [2.0, 3.0])) is None


def test_its_quantiles_are_scipys() -> None:
    found = fitted(drawn(1, 30))
    theirs = stats.lognorm(found.sigma, scale=found.median)
    assert [found.quantile(share) for share in (0.1, 0.5, 0.99)] == pytest.approx(
        [theirs.ppf(share) for share in (0.1, 0.5, 0.99)]
    )
    assert found.cdf(np.array([0.2, 1.0])) == pytest.approx(theirs.cdf([0.2, 1.0]))


@given(st.lists(VALUES, min_size=2, max_size=40), st.lists(VALUES, max_size=20))
def test_whatever_comes_is_fitted_with_finite_numbers(values: list[float], at_least: list[float]) -> None:
    found = fitted(sample(values, at_least))

    assert np.isfinite([found.median, found.sigma, *found.median_95, *found.sigma_95]).all()
    assert found.sigma >= 0
    assert found.median_95[0] <= found.median <= found.median_95[1]
    assert found.sigma_95[0] <= found.sigma_95[1]


@given(st.lists(VALUES, min_size=2, max_size=30, unique=True), st.floats(1e-3, 1e3))
def test_other_units_change_the_median_alone(values: list[float], factor: float) -> None:
    one, other = fitted(sample(values)), fitted(sample(np.array(values) * factor))

    assert other.median == pytest.approx(one.median * factor, rel=1e-6)
    assert other.sigma == pytest.approx(one.sigma, rel=1e-6, abs=1e-7)


@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=30, unique=True))
def test_a_call_that_was_given_up_late_never_makes_it_faster(values: list[float]) -> None:
    complete = fitted(sample(values))
    assert fitted(sample(values, [2 * max(values)])).median > complete.median
