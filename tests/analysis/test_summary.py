"""The sentence that says how a variant did: one denominator, shares that add up, and nothing rounded away."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.summary import of_totals, sentence, usd
from app.sessions.totals import EMPTY
from app.sessions.vocabulary import OUTCOMES


def variant(**outcomes: int) -> dict[str, Any]:
    """A variant's summary with these outcomes."""
    counts = dict.fromkeys(OUTCOMES, 0) | outcomes
    return of_totals(EMPTY) | {
        "requests": sum(counts.values()),
        "outcomes": counts,
        "answer_s": {"p50": 1.0, "p95": 2.0, "p99": None},
        "cost_usd": 3.0,
        "cost_usd_per_1000_good": 1.5 if counts["good"] else None,
    }


def test_a_sentence_a_stakeholder_understands() -> None:
    told = sentence("Prototype", variant(good=1500, failed=400, wrong=100))

    assert told == (
        "Prototype: 750 of 1,000 customers got a good answer, 200 got none, 50 got a wrong one; "
        "95 % had an answer within 2.0 s; 1,000 good answers cost $1.50 (n = 2,000)."
    )


def test_fewer_than_a_thousand_are_counted_as_they_are() -> None:
    assert "2 of 3 customers got a good answer, 1 got a stand-in" in sentence(
        "It", variant(good=2, degraded=1)
    )


def test_a_few_among_many_are_not_rounded_away() -> None:
    assert "fewer than 1 got none" in sentence("It", variant(good=999_999, failed=1))


def test_no_answers_and_no_requests_are_told_as_such() -> None:
    none_good = variant(failed=10) | {"answer_s": {"p50": None, "p95": None, "p99": None}}

    assert "more than 5 % never had an answer; $3.00 bought no good answer (n = 10)." in sentence(
        "It", none_good
    )
    assert sentence("It", variant()) == "It: no requests have ended yet."


@given(st.lists(st.integers(0, 10_000), min_size=5, max_size=5).filter(any))
def test_the_shares_add_up_to_their_denominator(counts: list[int]) -> None:
    told = sentence("It", variant(**dict(zip(OUTCOMES, counts, strict=True))))

    first, _, _ = told.removeprefix("It: ").partition(";")
    shares = [int(each.replace(",", "")) for each in re.findall(r"(?:^|, )(\d[\d,]*)", first)]
    assert sum(shares) == min(sum(counts), 1000)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [(0, "$0.00"), (1234.5, "$1,234.50"), (0.01, "$0.01"), (0.0032, "$0.0032"), (0.0000071, "$0.0000071")],
)
def test_money_is_shown_to_two_digits_at_least(amount: float, shown: str) -> None:
    assert usd(amount) == shown


def test_a_summary_of_nothing_has_no_numbers_that_look_like_some() -> None:
    empty = of_totals(EMPTY)

    assert empty["good_rate"] is None
    assert empty["cost_usd_per_1000_good"] is None
    assert empty["answer_s"] == {"p50": None, "p95": None, "p99": None}
    assert set(empty["outcomes"]) == set(OUTCOMES)
