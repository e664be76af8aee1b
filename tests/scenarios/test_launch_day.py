"""launch-day: where the prototype tips over and how long it stays down; what carries the other."""

from __future__ import annotations

from itertools import count

import pytest

from tests.harness import Ran
from tests.scenarios.runs import SEEDS, answer_s, between, by, pooled, run_of, share

NAME = "launch-day"
SLOTS = 40
MEAN_SERVICE_S = 0.6 * 1.11 + 157 / 70
"""First token (lognormal, sigma 0.45) and 157 tokens on average at 70 a second."""
CAPACITY_PER_S = SLOTS / MEAN_SERVICE_S


def tip_over_s(ran: Ran, variant: str) -> int:
    """Begin of the first ten seconds in which less than half of the answers are good."""
    return next(s for s in count(0, 10) if share(between(ran, variant, s, s + 10), "good") < 0.5)


def test_the_pilot_tells_nothing() -> None:
    assert share(pooled(NAME, "prototype", 0, 90), "good") > 0.93
    assert share(pooled(NAME, "safeguarded", 0, 90), "good") > 0.93


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_the_prototype_tips_over_where_more_come_than_the_slots_can_serve(seed: int) -> None:
    # Given a ramp from 2 to 25 a second, when it passes the slots' capacity, then the queue outgrows it.
    ran = run_of(NAME, seed)
    tipped_s = tip_over_s(ran, "prototype")
    offered_per_s = len(between(ran, "prototype", tipped_s - 10, tipped_s)) / 10
    assert 150 < tipped_s < 240
    assert CAPACITY_PER_S < offered_per_s < 2.2 * CAPACITY_PER_S
    assert not any(share(between(ran, "safeguarded", s, s + 10), "good") < 0.5 for s in range(0, 480, 10))


def test_in_the_rush_some_are_turned_away_and_the_others_wait_too_long() -> None:
    rush = pooled(NAME, "prototype", 210, 330)
    assert share(rush, "good") < 0.1
    assert share(rush, "late") > 0.4
    assert share(rush, "failed") > 0.1
    assert answer_s(rush, 50) > 30


def test_with_safeguards_most_are_served_in_the_rush_by_cache_primary_and_fallback() -> None:
    rush = pooled(NAME, "safeguarded", 210, 330)
    assert 0.88 < share(rush, "good") < 0.96
    assert share(rush, "failed") < 0.01
    assert answer_s(rush, 95) < 15
    for server in ("cache", "primary", "fallback"):
        assert share(rush, by(server)) > 0.1


def test_the_retry_budget_keeps_the_rush_from_growing() -> None:
    calls = {
        variant: sum(each["attempts"] for each in pooled(NAME, variant, 210, 330))
        for variant in ("prototype", "safeguarded")
    }
    assert calls["safeguarded"] < 0.6 * calls["prototype"]


def test_long_after_the_rush_the_prototype_is_still_late() -> None:
    # Given five requests a second again, when the queue of the rush is still there, then all wait behind it.
    assert share(pooled(NAME, "prototype", 390, 480), "good") < 0.1
    assert share(pooled(NAME, "safeguarded", 390, 480), "good") > 0.93
