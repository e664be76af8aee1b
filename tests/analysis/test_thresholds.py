"""Thresholds: what they say, when they are missed, and what is no threshold at all."""

from __future__ import annotations

from math import isnan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.summary import of_totals
from app.analysis.thresholds import Threshold
from app.errors import UserError
from app.sessions.totals import EMPTY

SUMMARY: dict[str, Any] = {
    "variants": {
        "safe-2": of_totals(EMPTY)
        | {
            "requests": 200,
            "outcomes": {"good": 150, "late": 10, "degraded": 20, "wrong": 12, "failed": 8},
            "good_rate": 0.75,
            "answer_s": {"p50": 1.0, "p95": 4.0, "p99": None},
            "latency_s": {"p50": 1.0, "p95": 4.0, "p99": 9.0, "max": None},
            "faults": {"outage": 3},
        }
    }
}


def missed(text: str) -> bool:
    return Threshold.parse(text).missed(SUMMARY)


@pytest.mark.parametrize(
    ("text", "is_missed"),
    [
        ("safe-2.good_rate < 0.75", False),
        ("safe-2.good_rate <= 0.75", True),
        ("safe-2.good_rate<.76", True),
        ("safe-2.answer_s.p95 > 4", False),
        ("safe-2.answer_s.p95 >= 4", True),
        ("safe-2.requests == 200", True),
        ("safe-2.requests != 200", False),
        ("safe-2.failed_rate > 0.03", True),
        ("safe-2.late_rate > 0.05", False),
        ("safe-2.outcomes.wrong > 11", True),
        ("safe-2.served_by.nobody > 0", False),
        ("safe-2.faults.outage > 2", True),
        ("safe-2.faults.hang > 0", False),  # it never struck, and so is not listed
        ("  safe-2.requests   >1e2 ", True),
    ],
)
def test_a_comparison(text: str, is_missed: bool) -> None:
    assert missed(text) is is_missed


def test_a_percentile_without_an_answer_is_infinite() -> None:
    assert missed("safe-2.answer_s.p99 > 1e300")
    assert not missed("safe-2.answer_s.p99 < 1e300")
    assert missed("safe-2.answer_s.p99 == inf")


def test_another_number_that_is_missing_fails_either_way() -> None:
    assert missed("safe-2.latency_s.max > 1")
    assert missed("safe-2.latency_s.max < 1")


@pytest.mark.parametrize(
    "text",
    [
        "nobody.good_rate > 1",
        "safe-2.god_rate > 1",
        "safe-2.answer_s > 1",
        "safe-2.answer_s.p50.x > 1",
        "safe-2.good_rate.x > 1",
        "safe-2.faults > 1",
        "safe-2.faults.nope > 1",
        "safe-2.answer_s.good_rate > 1",
        "safe-2.outcomes.failed_rate > 1",
    ],
)
def test_what_is_not_there_is_told_before_a_run_and_after_it(text: str) -> None:
    threshold = Threshold.parse(text)

    for tried in (lambda: threshold.check(["safe-2"]), lambda: threshold.missed(SUMMARY)):
        with pytest.raises(UserError) as caught:
            tried()
        assert text in caught.value.where


def test_what_is_there_passes_the_check_before_a_run() -> None:
    for metric in (
        "good_rate",
        "answer_s.p99",
        "latency_s.max",
        "faults.outage",
        "late_rate",
        "cost_usd_per_1000_good",
    ):
        Threshold.parse(f"safe-2.{metric} > 1").check(["safe-2"])


@given(st.text(max_size=40))
def test_any_text_is_a_threshold_or_told_to_be_none(text: str) -> None:
    try:
        threshold = Threshold.parse(text)
    except UserError:
        return
    assert not isnan(threshold.number)  # it would never be missed


@pytest.mark.parametrize("number", ["1e999", "-1e999", "nan"])
def test_what_no_number_can_be_above_or_below_is_no_threshold(number: str) -> None:
    with pytest.raises(UserError, match=f"'{number}' is no number to compare with"):
        Threshold.parse(f"safe-2.answer_s.p95 > {number}")
