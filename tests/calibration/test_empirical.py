"""What values say by themselves, and how far they are from a fit: against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.calibration.empirical import calls_to_bound, distribution, quantile, quantile_95
from app.calibration.goodness import goodness
from app.calibration.lognormal import fit_lognormal
from app.engine.draws import Draws
from tests.calibration.test_lognormal import drawn, fitted, sample

VALUES = st.lists(st.floats(0.01, 100), min_size=1, max_size=30)


@given(VALUES, st.lists(st.floats(0.01, 100), max_size=10))
def test_the_distribution_is_kaplan_and_meiers(values: list[float], at_least: list[float]) -> None:
    found, below = distribution(sample(values, at_least))

    theirs = stats.ecdf(stats.CensoredData(values, right=at_least)).cdf
    assert below == pytest.approx(theirs.evaluate(found), abs=1e-9)


def test_quantiles_are_values_and_none_where_too_many_were_given_up() -> None:
    of = sample([4, 1, 3, 2], [4] * 4)
    assert [quantile(of, share) for share in (0.1, 0.25, 0.5, 0.51)] == [1, 2, 4, None]


@pytest.mark.parametrize(("count", "share"), [(6, 0.5), (30, 0.5), (30, 0.9), (100, 0.95), (20, 0.1)])
def test_intervals_of_quantiles_are_the_binomials(count: int, share: float) -> None:
    of = sample(np.arange(1, count + 1))
    low, high = quantile_95(of, share)

    # Of `count` values at most k are below the quantile with this chance.
    chance = stats.binom(count, share)
    if low is None:
        assert chance.cdf(0) > 0.025
    else:
        assert chance.cdf(int(low) - 1) <= 0.025 < chance.cdf(int(low))
    if high is None:
        assert chance.sf(count - 1) > 0.025
    else:
        assert chance.sf(int(high) - 1) <= 0.025 < chance.sf(int(high) - 2)


def test_so_many_calls_bound_a_percentile_and_one_less_does_not() -> None:
    for share, needed in ((0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)):
        assert calls_to_bound(share) == needed
        assert quantile_95(sample(np.arange(1.0, needed + 1)), share)[1] is not None
        assert quantile_95(sample(np.arange(1.0, needed)), share)[1] is None


def test_the_distance_and_its_chance_are_scipys() -> None:
    of = drawn(2, 40)
    found = goodness(of, fitted(of), Draws(1), "test")

    logs = np.log(of.values)
    theirs = stats.goodness_of_fit(
        stats.norm, logs, statistic="ks", n_mc_samples=2_000, rng=np.random.default_rng(1)
    )
    assert found is not None
    assert found.distance == pytest.approx(
        stats.kstest(logs, stats.norm(*stats.norm.fit(logs)).cdf).statistic
    )
    assert found.chance == pytest.approx(theirs.pvalue, abs=0.08)


def test_chance_is_what_it_says_for_values_from_the_fit_complete_or_censored() -> None:
    complete = [drawn(seed, 30) for seed in range(200)]
    censored = [drawn(seed, 20, limit=0.6) for seed in range(100)]

    chances = [goodness(of, fitted(of), Draws(seed), "test") for seed, of in enumerate(complete)]
    poor = sum(each is not None and each.poor for each in chances)
    assert 2 <= poor <= 22  # 10 expected: five in a hundred
    chances = [goodness(of, fitted(of), Draws(seed), "test") for seed, of in enumerate(censored)]
    assert sum(each is not None and each.poor for each in chances) <= 13


def test_what_is_no_lognormal_is_found_out() -> None:
    two_kinds = sample(np.concatenate([drawn(1, 20, 0.1, 0.1).values, drawn(2, 20, 5.0, 0.1).values]))
    found = goodness(two_kinds, fitted(two_kinds), Draws(1), "test")
    assert found is not None
    assert found.poor


def test_equal_values_have_no_distance() -> None:
    of = sample([1.0] * 10)
    assert goodness(of, fitted(of), Draws(1), "test") is None


@given(st.lists(st.integers(1, 300), min_size=5, max_size=25), st.integers(0, 5))
def test_whatever_comes_has_a_chance(values: list[int], cut_off: int) -> None:
    of = sample(values, [300] * cut_off)
    fit = fit_lognormal(of)
    assert fit is not None
    found = goodness(of, fit, Draws(1), "test")
    if found is not None:
        assert 0 <= found.distance <= 1
        assert 0 < found.chance <= 1
