"""cost-spike: what multiplies the bill, what a good answer costs, and what ends it."""

from __future__ import annotations

import pytest

from tests.scenarios.runs import SEEDS, cost_usd, cost_usd_per_1000_good, pooled, run_of, share

NAME = "cost-spike"
BUDGET_USD = 3.75
CALM, THREADS, BUSY = (0, 90), (90, 180), (180, 270)


def test_pasted_threads_raise_the_price_of_an_answer_and_make_none_better() -> None:
    calm, threads = pooled(NAME, "prototype", *CALM), pooled(NAME, "prototype", *THREADS)
    assert cost_usd_per_1000_good(threads) > 1.5 * cost_usd_per_1000_good(calm)
    assert share(threads, "good") < share(calm, "good")


def test_the_busy_hour_triples_the_bill_again() -> None:
    threads, busy = pooled(NAME, "prototype", *THREADS), pooled(NAME, "prototype", *BUSY)
    assert cost_usd(busy) > 2.5 * cost_usd(threads)


def test_impatient_retries_pay_for_answers_that_nobody_reads() -> None:
    # Given a slow provider that bills what is given up, when calls are made anew, then more is paid for less.
    patient, impatient = pooled(NAME, "prototype", *BUSY), pooled(NAME, "impatient", *BUSY)
    assert cost_usd(impatient) > 2.5 * cost_usd(patient)
    assert share(impatient, "good") < share(patient, "good") - 0.1
    assert cost_usd_per_1000_good(impatient) > 4 * cost_usd_per_1000_good(patient)


def test_cache_breaker_and_cheaper_model_bring_the_price_of_a_good_answer_down() -> None:
    for stretch, factor in ((CALM, 0.85), (BUSY, 0.35)):
        bare, guarded = (pooled(NAME, variant, *stretch) for variant in ("prototype", "safeguarded"))
        assert cost_usd_per_1000_good(guarded) < factor * cost_usd_per_1000_good(bare)
        assert share(guarded, "good") > 0.88


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_the_budget_ends_the_bill_and_customers_get_a_canned_answer(seed: int) -> None:
    ran = run_of(NAME, seed)
    spent = {name: cost_usd(ran.requests(name)) for name in ("prototype", "impatient", "safeguarded")}
    assert 0.97 * BUDGET_USD < spent["safeguarded"] <= BUDGET_USD
    assert spent["prototype"] > 2 * BUDGET_USD
    assert spent["impatient"] > 4 * BUDGET_USD
    refused = [
        each for each in ran.requests("safeguarded") if each["reason"] == "canned: budget_exceeded_canned"
    ]
    assert refused
    assert all(each["outcome"] == "degraded" and each["intended_us"] > 270e6 for each in refused)
    assert share(ran.requests("safeguarded"), "failed") < 0.005
