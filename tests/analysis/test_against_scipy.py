"""Our statistics against scipy's: intervals, percentiles, regression, quantiles, formulas, and the shapes of draws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.analysis.intervals import Z_95, wilson
from app.analysis.metrics import METRICS
from app.analysis.summary import of_totals
from app.analysis.validation import formulas
from app.analysis.validation.statistics import FAMILY_ALPHA, batch_means, together_likely
from app.engine.draws import Draws
from app.sessions.histogram import Histogram
from app.sessions.totals import EMPTY
from app.traffic.sequences import unit_gaps

ENTITIES = np.arange(50_000, dtype=np.uint64)
LEAST_P = 1e-3
"""Of a true null once in 1,000; seeds are fixed, so a test that passes keeps passing."""
BY_KEY = {metric.key: metric for metric in METRICS}

durations_us = st.lists(st.integers(1, 10**9), max_size=300)


@given(st.integers(1, 10**6), st.floats(0, 1), st.sampled_from([0.8, 0.95, 0.999]))
def test_the_interval_of_a_rate_is_wilson_s(n: int, share: float, level: float) -> None:
    k = round(share * n)
    theirs = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    ours = wilson(k, n, float(stats.norm.ppf((1 + level) / 2)))
    assert ours == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-12)


def test_the_normal_s_quantile_is_that_of_95_percent() -> None:
    assert float(stats.norm.ppf(0.975)) == pytest.approx(Z_95, rel=1e-12)


@given(durations_us, st.integers(0, 100), st.sampled_from([1, 5, 25, 50, 75, 90, 95, 99, 99.9, 100]))
def test_percentiles_are_by_nearest_rank_and_no_answer_ranks_last(
    values: list[int], never: int, percent: float
) -> None:
    ours = Histogram.of(values, never).percentile(percent)
    if not values and not never:
        assert ours is None
        return
    # The inverse of the empirical distribution is the nearest rank (Hyndman and Fan's definition 1).
    ranked = np.array([*values, *[math.inf] * never])
    (theirs,) = np.percentile(ranked, [percent], method="inverted_cdf")
    assert ours is None if math.isinf(theirs) else ours == pytest.approx(theirs, rel=0.005)


@pytest.mark.parametrize(("percent", "key"), [(50, "p50"), (95, "p95"), (99, "p99")])
def test_the_summary_and_the_metric_show_that_percentile(percent: int, key: str) -> None:
    # given lognormal times, and one request in twenty-five without an answer
    times_us = np.rint(np.exp(Draws(3).normal("times", None, ENTITIES[:4_800]) + 14)).astype(np.int64)
    answer = Histogram.of(times_us, infinite=200)
    totals = replace(EMPTY, requests=5_000, answer=answer)
    (theirs,) = np.percentile([*times_us, *[math.inf] * 200], [percent], method="inverted_cdf")
    shown = of_totals(totals, 60)["answer_s"][key]
    metric = BY_KEY[f"answer_s.{key}"].value(of_totals(totals, 60))
    if math.isinf(theirs):
        assert (shown, metric) == (None, math.inf)
    else:
        assert shown == metric == pytest.approx(theirs / 1e6, rel=0.005)


@pytest.mark.parametrize("percent", [95, 99])
def test_a_percentile_needs_as_many_requests_as_bound_it_with_95_percent(percent: int) -> None:
    def bounded(n: int) -> float:
        return float(stats.binom.sf(0, n, 1 - percent / 100))  # one at least of n lies above it

    needs = BY_KEY[f"answer_s.p{percent}"].needs
    assert bounded(needs - 1) < 0.95 <= bounded(needs)


def test_a_median_needs_as_many_as_enclose_it_with_95_percent() -> None:
    needs = BY_KEY["answer_s.p50"].needs
    enclosed = [
        float(stats.binom.cdf(n - 1, n, 0.5) - stats.binom.cdf(0, n, 0.5)) for n in (needs - 1, needs)
    ]
    assert enclosed[0] < 0.95 <= enclosed[1]


@pytest.mark.parametrize("k", [1, 2, 5, 20, 100])
def test_rows_together_are_judged_by_chi_square(k: int) -> None:
    # Wilson and Hilferty's quantile, so far out, is a little beyond the exact one where rows are few
    z = math.sqrt(float(stats.chi2.ppf(1 - FAMILY_ALPHA, k)) / k)
    off = 1 + 0.05 / k + 0.003
    assert together_likely([z / off] * k)
    assert not together_likely([z * off] * k)


def test_batch_means_are_mean_and_standard_error_of_the_batches() -> None:
    series = Draws(1).normal("series", None, ENTITIES)
    batches = series.reshape(40, -1).mean(axis=1)
    ours = batch_means(series)
    assert ours.mean == pytest.approx(batches.mean())
    assert ours.stderr == pytest.approx(stats.sem(batches))


def test_a_control_is_linear_regression() -> None:
    # given a series that goes with a control of known mean 2
    control = 2 + Draws(1).normal("control", None, ENTITIES)
    series = 5 + 0.7 * (control - 2) + Draws(1).normal("rest", None, ENTITIES)
    theirs = stats.linregress(control.reshape(40, -1).mean(axis=1) - 2, series.reshape(40, -1).mean(axis=1))
    ours = batch_means(series, controls=[(control, 2.0)])
    assert ours.mean == pytest.approx(theirs.intercept)
    assert ours.stderr == pytest.approx(theirs.intercept_stderr)


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (2, 0.8), (10, 0.9), (100, 0.9), (1000, 0.98)])
def test_erlang_s_recursion_is_a_share_of_poisson_s_distribution(servers: int, load: float) -> None:
    offered = servers * load
    blocked = stats.poisson.pmf(servers, offered) / stats.poisson.cdf(servers, offered)
    assert formulas.erlang_c(servers, load) == pytest.approx(blocked / (1 - load * (1 - blocked)), rel=1e-9)


@pytest.mark.parametrize("skew", [0.8, 1.0, 1.2])
def test_zipf_s_shares_are_those_of_a_zipf_with_an_end(skew: float) -> None:
    assert formulas.zipf(1000, skew) == pytest.approx(stats.zipfian.pmf(np.arange(1, 1001), skew, 1000))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_draws_are_uniform_and_normal_and_gaps_exponential(seed: int) -> None:
    draws = Draws(seed)
    for found, theory in (
        (draws.of("test.draw", None, ENTITIES), stats.uniform()),
        (draws.normal("test.normal", None, ENTITIES), stats.norm()),
        (unit_gaps(draws, None, ENTITIES), stats.expon()),
    ):
        assert stats.kstest(found, theory.cdf).pvalue > LEAST_P


@pytest.mark.parametrize("cv", [0.05, 0.3, 1.0, 3.0, 6.0])
def test_gamma_gaps_are_gamma_s(cv: float) -> None:
    shape = cv**-2
    gaps = unit_gaps(Draws(4), shape, ENTITIES)
    assert stats.kstest(gaps, stats.gamma(shape, scale=1 / shape).cdf).pvalue > LEAST_P
