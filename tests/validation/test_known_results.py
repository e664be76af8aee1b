"""The engine reproduces known results: real lifecycle, real worlds, real simulated provider, fixed seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from app.analysis.validation import formulas
from app.analysis.validation.arrivals import PoissonArrivals, arrival_rows
from app.analysis.validation.backoff import PUBLISHED
from app.analysis.validation.base import KnownResult, exactly
from app.analysis.validation.queues import MD1, ErlangC, Queue
from app.analysis.validation.results import RESULTS, cases_of
from app.analysis.validation.retries import RetryTokenBucket
from app.analysis.validation.statistics import (
    Comparison,
    Estimate,
    Known,
    batch_means,
    together_likely,
)

QUEUES = {"erlang-c", "md1"}
"""Tried together below, and their arrivals with them."""

ERLANG = [
    # servers, load; P(wait) and mean wait as published
    (2, 0.8, 0.7111, 1.7778),
    (10, 0.8, 0.4092, 0.2046),
    (10, 0.9, 0.6687, 0.6687),
    (100, 0.9, 0.2169, 0.0217),
]
CACHES = [
    # items, skew, capacity; hit ratio as published
    (1000, 0.8, 100, 0.378),
    (1000, 1.0, 100, 0.576),
    (10_000, 0.8, 1000, 0.437),
    (10_000, 1.2, 100, 0.656),
]


def test_the_formulas_give_the_published_values() -> None:
    for servers, load, waiting, wait_s in ERLANG:
        assert formulas.erlang_c(servers, load) == pytest.approx(waiting, abs=5e-5)
        assert formulas.mmc_mean_wait_s(servers, load) == pytest.approx(wait_s, abs=5e-5)
    for load, md1_s, mm1_s in [(0.8, 2.0, 4.0), (0.9, 4.5, 9.0)]:
        assert formulas.md1_mean_wait_s(load) == pytest.approx(md1_s)
        assert formulas.mm1_mean_wait_s(load) == pytest.approx(mm1_s)
        assert formulas.mmc_mean_wait_s(1, load) == pytest.approx(mm1_s)
    for items, skew, capacity, hits in CACHES:
        assert formulas.che_hit_ratio(formulas.zipf(items, skew), capacity) == pytest.approx(hits, abs=1e-3)
    for ttl_s, hits in [(60, 0.653), (600, 0.892)]:
        assert formulas.ttl_hit_ratio(formulas.zipf(1000, 1), 10, ttl_s) == pytest.approx(hits, abs=5e-4)
    # one user never waits; two at one server who do not think are served one after the other
    assert formulas.repairman(3, 1, 4) == pytest.approx((0.2, 1))
    assert formulas.repairman(1, 2, 1e-9) == pytest.approx((1, 2))
    assert formulas.retry_attempts(0.5, 3) == 1.875
    assert formulas.retry_attempts(1, 3) == 4
    assert formulas.budgeted_attempts(0.5, 0.1) == pytest.approx(1.0526, abs=5e-5)
    assert formulas.budgeted_attempts(1, 0.1) == 1
    after_s = math.log(20)
    assert formulas.hedged_tail(after_s, after_s) == pytest.approx(0.05)
    assert formulas.hedged_mean_s(after_s) == pytest.approx(0.975)
    for share, plain_s, hedged_s in [(0.99, 4.605, 3.801), (0.999, 6.908, 4.952)]:
        assert formulas.hedged_quantile_s(share, after_s) == pytest.approx(hedged_s, abs=1e-3)
        assert formulas.hedged_quantile_s(share, 100) == pytest.approx(plain_s, abs=1e-3)
    for k, sent_per_s in [(1.1, 54.8), (1.5, 74.9), (2, 100.2)]:
        assert formulas.throttled_per_s(200, 50, k) == pytest.approx(sent_per_s, rel=0.005)


def test_the_formula_of_metastable_failure_gives_the_published_recoveries() -> None:
    def recovery_s(rate_per_s: float, retries: int = 1) -> float | None:
        return formulas.recovery_s(rate_per_s, 300, 1, retries, 10)

    assert recovery_s(280) is None
    assert recovery_s(155) is None
    assert recovery_s(280, retries=0) == pytest.approx(125)
    at_half = recovery_s(140)
    assert at_half is not None
    assert at_half <= 150


def test_the_published_parameters_are_those_that_are_tried() -> None:
    def tried(name: str, *keys: str) -> list[tuple[object, ...]]:
        return [tuple(case.model_dump()[key] for key in keys) for case in RESULTS[name].cases()]

    assert tried("erlang-c", "c", "rho") == [row[:2] for row in ERLANG]
    assert tried("mm1", "rho") == tried("md1", "rho") == [(0.8,), (0.9,)]
    assert tried("lru-cache", "items", "skew", "capacity") == [row[:3] for row in CACHES]
    assert tried("ttl-cache", "items", "skew", "rate_per_s", "ttl_s") == [
        (1000, 1, 10, 60),
        (1000, 1, 10, 600),
    ]
    assert (4, 3) in tried("layered-retries", "tries", "layers")
    assert tried("metastable", "rate_per_s", "max_retries", "outage_mode", "drop_expired") == [
        (280, 1, "redeliver", False),
        (140, 1, "redeliver", False),
        (155, 1, "redeliver", False),
        (280, 0, "redeliver", False),
        (280, 1, "redeliver", True),
        (280, 1, "lost", False),
    ]
    assert tried("backoff", "jitter") == [(kind,) for kind in PUBLISHED]
    assert tried("client-queue", "c", "rho") == [(2, 0.8), (10, 0.8)]
    assert (math.log(20),) in tried("hedging", "after_s")
    assert tried("adaptive-throttling", "offered_per_s", "capacity_per_s", "k") == [
        (200, 50, 1.1),
        (200, 50, 1.5),
        (200, 50, 2),
    ]
    assert (50, 30, 3) in tried("stall", "rate_per_s", "duration_s", "stall_s")


@pytest.mark.parametrize(
    "case",
    [case for name in RESULTS if name not in QUEUES for case in cases_of(name)],
    ids=lambda case: f"{case.name}-{case.seed}",
)
def test_a_known_result_is_reproduced(case: KnownResult) -> None:
    _must_agree(case.rows())


def test_queues_wait_as_erlang_and_khinchine_say() -> None:
    """M/M/c: waiting probability, mean wait, tail. M/D/1: mean wait. Arrivals of each M/M/c: Poisson."""
    comparisons, mean_waits = [], []
    for case in ErlangC.cases():
        queue = Queue("exponential", case.c, case.rho)
        assert case.requests is not None
        rows = queue.measure(seed=case.seed, requests=case.requests)
        erlang = case.compared(queue, rows)
        comparisons += erlang + arrival_rows(rows, PoissonArrivals(rate_per_s=queue.rate_per_s))
        mean_waits.append(erlang[0])
    for constant in MD1.cases():
        mean_waits += constant.rows()
    _must_agree([*comparisons, *mean_waits])
    assert together_likely([row.z for row in mean_waits]), "each is well, all are off the same way"


def test_an_empty_retry_budget_pays_for_retries_with_successes_alone() -> None:
    _, _, paid = RetryTokenBucket(failure_rate=0.5, seed=43).rows()
    assert paid.ours.mean == pytest.approx(0.1, rel=1e-3)
    assert paid.passed


@pytest.mark.parametrize("settings", [("failure_rate=0.23", "max_retries=7"), ("failure_rate=0.000001",)])
def test_what_is_too_rare_to_have_happened_speaks_against_nothing(settings: Sequence[str]) -> None:
    (case,) = cases_of("retries", settings)
    assert all(row.passed for row in case.rows())


def test_nor_is_a_hedge_that_never_happened_one_that_cannot() -> None:
    (case,) = cases_of("hedging", ("after_s=20", "requests=2000"))
    extra = case.rows()[0]
    assert not extra.precise
    assert abs(extra.z) < 1


def test_too_little_effort_does_not_pass() -> None:
    # Given a measurement that agrees, and is too coarse to mean anything
    noise = np.random.default_rng(1).exponential(size=400)
    coarse = Comparison(Known("coarse", float(noise.mean()), 0.001), batch_means(noise))
    # Then it is no proof
    assert abs(coarse.z) < 1
    assert not coarse.passed


def test_an_exact_value_that_is_off_by_anything_does_not_pass() -> None:
    assert exactly("calls", 64, 64).passed
    assert not exactly("calls", 64, 63).passed
    assert exactly("seconds", 125, 125.2, within=0.25).passed
    assert not exactly("seconds", 125, 125.3, within=0.25).passed


def test_rows_that_are_all_a_little_off_fail_together() -> None:
    rows = [Comparison(Known(str(n), 1.0, 1.0), Estimate(1.03, 0.01)) for n in range(6)]
    assert all(row.passed for row in rows)
    assert not together_likely([row.z for row in rows])
    assert together_likely([])


def _must_agree(rows: Sequence[Comparison]) -> None:
    missed = [str(row) for row in rows if not row.passed]
    assert not missed, "\n".join(missed)
