"""The table of metrics: each by its formula, with its unit."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from app.analysis.metrics import METRICS, shown_metric
from app.analysis.summary import of_totals
from app.sessions.histogram import Histogram
from app.sessions.totals import EMPTY
from tests.cli.commands import ROOT

BY_KEY = {metric.key: metric for metric in METRICS}


def test_keys_are_unique_and_every_formula_is_told() -> None:
    assert max(Counter(metric.key for metric in METRICS).values()) == 1
    assert all(metric.formula and metric.title for metric in METRICS)


def test_the_readme_has_the_formulas_of_the_table() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [line for line in documented() if line not in text] == []


def documented() -> list[str]:
    """The lines of the README's table."""
    return [f"| {metric.title} | {metric.formula} |" for metric in METRICS]


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("goodput_per_s", 1.5, "1.50 per s"),
        ("attempts_per_request", 1.4, "1.40"),
        ("good_rate", 0.9, "90.0 %"),
    ],
)
def test_a_value_follows_its_formula(key: str, value: float, shown: str) -> None:
    # given 100 requests in a minute, 90 of them good, by 140 calls
    totals = replace(EMPTY, requests=100, outcomes={**EMPTY.outcomes, "good": 90}, attempts=140)
    metric = BY_KEY[key]
    assert metric.value(of_totals(totals, 60)) == value
    assert shown_metric(metric, value) == shown


def test_time_to_first_token_is_of_those_that_got_one() -> None:
    assert BY_KEY["ttft_s.p95"].value(of_totals(EMPTY, 60)) is None


def test_tokens_are_told_in_milliseconds() -> None:
    # given an answer of 11 tokens in 200 ms and one of 101 in 1 s
    tpot = Histogram.of([20_000, 10_000])
    totals = of_totals(replace(EMPTY, requests=2, tpot=tpot, token_gaps=110, token_gaps_us=1_200_000))
    # then each answer counts once in the time per token, and each gap once in the time between tokens
    told = {key: shown_metric(BY_KEY[key], BY_KEY[key].value(totals)) for key in ("tpot_s.p95", "itl_s.mean")}
    assert told == {"tpot_s.p95": "20.0 ms", "itl_s.mean": "10.9 ms"}
    assert BY_KEY["itl_s.mean"].value(of_totals(EMPTY)) is None


def test_a_cache_is_told_of_where_there_is_one() -> None:
    cache = {"miss": 60, "hit": 20, "shared": 10, "stale": 10, "evicted": 5}
    asked, never = of_totals(replace(EMPTY, cache=cache)), of_totals(EMPTY)
    names = [key for key in BY_KEY if key.startswith("cache.")]
    assert [shown_metric(BY_KEY[key], BY_KEY[key].value(asked)) for key in names] == [
        "20.0 %",
        "60",
        "10",
        "10",
        "5",
    ]
    assert {BY_KEY[key].value(never) for key in names} == {None}


def test_without_time_there_is_no_goodput() -> None:
    assert BY_KEY["goodput_per_s"].value(of_totals(EMPTY)) is None
    assert shown_metric(BY_KEY["goodput_per_s"], None) == "–"
