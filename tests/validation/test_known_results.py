"""The engine reproduces known results: real lifecycle, real worlds, real simulated provider, fixed seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.validation import measure
from tests.validation.known import (
    Comparison,
    Estimate,
    Known,
    batch_means,
    budgeted_attempts,
    che_hit_ratio,
    erlang_c,
    md1_mean_wait_s,
    mmc_mean_wait_s,
    retry_attempts,
    together_likely,
    zipf,
)
from tests.validation.measure import Queue

# Precision: the standard error that the effort must reach, relative to the value.
ERLANG = [
    # queue, requests, precision, seed; P(wait) and mean wait as published
    (Queue("exponential", 2, 0.8), 80_000, 0.04, 11, 0.7111, 1.7778),
    (Queue("exponential", 10, 0.8), 80_000, 0.06, 12, 0.4092, 0.2046),
    (Queue("exponential", 10, 0.9), 120_000, 0.07, 13, 0.6687, 0.6687),
    (Queue("exponential", 100, 0.9), 200_000, 0.14, 14, 0.2169, 0.0217),
]
CONSTANT = [
    (Queue("constant", 1, 0.8), 80_000, 0.03, 15, 2.0),
    (Queue("constant", 1, 0.9), 120_000, 0.04, 16, 4.5),
]
CACHES = [
    # items, skew, capacity; hit ratio as published, seed
    (1000, 0.8, 100, 0.378, 21),
    (1000, 1.0, 100, 0.576, 22),
    (10_000, 0.8, 1000, 0.437, 23),
    (10_000, 1.2, 100, 0.656, 24),
]
CHE_BIAS = 0.0005
"""Hit ratio: Che's approximation is within this of LRU itself at these sizes (1.5 million references)."""


def test_the_formulas_give_the_published_values() -> None:
    for queue, _, _, _, waiting, wait_s in ERLANG:
        assert erlang_c(queue.slots, queue.load) == pytest.approx(waiting, abs=5e-5)
        assert mmc_mean_wait_s(queue.slots, queue.load) == pytest.approx(wait_s, abs=5e-5)
    for queue, _, _, _, wait_s in CONSTANT:
        assert md1_mean_wait_s(queue.load) == pytest.approx(wait_s)
    for items, skew, capacity, hits, _ in CACHES:
        assert che_hit_ratio(zipf(items, skew), capacity) == pytest.approx(hits, abs=1e-3)
    assert retry_attempts(0.5, 3) == 1.875
    assert budgeted_attempts(0.5, 0.1) == pytest.approx(1.0526, abs=5e-5)
    assert budgeted_attempts(1, 0.1) == 1


def test_queues_wait_as_erlang_and_khinchine_say(tmp_path: Path) -> None:
    """M/M/c: waiting probability, mean wait, tail. M/D/1: mean wait. Arrivals of each: Poisson."""
    comparisons, mean_waits = [], []
    for queue, requests, precision, seed, *_ in ERLANG:
        rows = queue.measure(tmp_path, seed=seed, requests=requests)
        erlang = measure.erlang_rows(queue, rows, precision)
        comparisons += erlang + measure.arrival_rows(rows, queue.rate_per_s)
        mean_waits.append(erlang[1])
    for queue, requests, precision, seed, *_ in CONSTANT:
        rows = queue.measure(tmp_path, seed=seed, requests=requests)
        known = Known(f"M/D/1, load {queue.load:g}: mean wait, s", md1_mean_wait_s(queue.load), precision)
        mean_waits.append(queue.mean(rows, measure.waits_of(rows), known))
    _must_agree([*comparisons, *mean_waits])
    assert together_likely(mean_waits), "each is well, all are off the same way"


@pytest.mark.parametrize(("failure", "retries", "seed"), [(0.5, 3, 31), (0.1, 2, 32), (0.9, 5, 33)])
def test_independent_failures_are_retried_as_often_as_they_must(
    tmp_path: Path, failure: float, retries: int, seed: int
) -> None:
    rows = measure.measure(tmp_path, measure.retry_tables(failure, retries), seed=seed, duration_s=120)
    attempts = Known(f"attempts, f={failure}, {retries} retries", retry_attempts(failure, retries), 0.01)
    success = Known("success", 1 - failure ** (retries + 1), 0.01)
    _must_agree(
        [
            Comparison(attempts, batch_means(rows.requests["attempts"])),
            Comparison(success, batch_means(measure.answered(rows))),
        ]
    )


def test_an_empty_retry_budget_lets_through_what_successes_deposit(tmp_path: Path) -> None:
    rows = measure.measure(tmp_path, _budgeted(0.5), seed=41, duration_s=400)
    attempts, success = rows.requests["attempts"], measure.answered(rows)
    load = budgeted_attempts(0.5, 0.1)
    # Luck in the failures moves load and success together, and cancels out of what each success pays for.
    paid = (attempts - 1.0).sum() / success.sum()
    assert paid == pytest.approx(0.1, rel=1e-3)
    _must_agree(
        [
            Comparison(Known("load, f=0.5", load, 0.01), batch_means(attempts)),
            Comparison(Known("success, f=0.5", load * 0.5, 0.01), batch_means(success)),
        ]
    )


def test_an_empty_retry_budget_forbids_all_retries_when_nothing_succeeds(tmp_path: Path) -> None:
    rows = measure.measure(tmp_path, _budgeted(1), seed=42, duration_s=20)
    _must_agree(
        [Comparison(Known("load, f=1", budgeted_attempts(1, 0.1), 0), batch_means(rows.requests["attempts"]))]
    )


@pytest.mark.parametrize(("items", "skew", "capacity", "_published", "seed"), CACHES)
def test_a_cache_hits_as_often_as_che_says(
    tmp_path: Path, items: int, skew: float, capacity: int, _published: float, seed: int
) -> None:
    warm = 10 * capacity
    rows = measure.measure(
        tmp_path, measure.cache_tables(skew, capacity), seed=seed, duration_s=500 + warm / 100, rows=items
    )
    known = Known(
        f"LRU, N={items}, skew {skew}, C={capacity}",
        che_hit_ratio(zipf(items, skew), capacity),
        0.01,
        CHE_BIAS,
    )
    _must_agree([Comparison(known, batch_means(measure.hits_of(rows, warm)))])


def test_too_little_effort_does_not_pass() -> None:
    # Given a measurement that agrees, and is too coarse to mean anything
    noise = np.random.default_rng(1).exponential(size=400)
    coarse = Comparison(Known("coarse", float(noise.mean()), 0.001), batch_means(noise))
    # Then it is no proof
    assert abs(coarse.z) < 1
    assert not coarse.passed


def test_rows_that_are_all_a_little_off_fail_together() -> None:
    rows = [Comparison(Known(str(n), 1.0, 1.0), Estimate(1.03, 0.01)) for n in range(6)]
    assert all(row.passed for row in rows)
    assert not together_likely(rows)


def _budgeted(failure: float) -> str:
    return measure.retry_tables(failure, 3, measure.EMPTY_BUDGET)


def _must_agree(rows: list[Comparison]) -> None:
    missed = [str(row) for row in rows if not row.passed]
    assert not missed, "\n".join(missed)
