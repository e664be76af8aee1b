"""provider-outage: who is served while the primary is out, how few calls it takes, how soon it is back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import Ran
from tests.scenarios.runs import SEEDS, answer_s, between, by, pooled, run_of, share

NAME = "provider-outage"
OUTAGE, FLAPPING, BROWNOUT, BOTH_OUT = (60, 120), (180, 255), (290, 330), (370, 390)


def calls_to_primary(ran: Ran, variant: str, begin_s: float, end_s: float) -> list[dict[str, Any]]:
    """Attempts at the primary that began in [begin_s, end_s)."""
    return [
        each
        for each in ran.attempts(variant)
        if each["target"] == 0 and begin_s * 1e6 <= each["started_us"] < end_s * 1e6
    ]


@pytest.mark.parametrize(
    ("stretch", "bare_at_most", "guarded_at_least"),
    [(OUTAGE, 0.06, 0.88), (FLAPPING, 0.75, 0.9), (BOTH_OUT, 0.2, 0)],
)
def test_good_answers_while_it_lasts(
    stretch: tuple[float, float], bare_at_most: float, guarded_at_least: float
) -> None:
    assert share(pooled(NAME, "prototype", *stretch), "good") < bare_at_most
    assert share(pooled(NAME, "safeguarded", *stretch), "good") >= guarded_at_least


def test_in_the_outage_the_fallback_answers() -> None:
    guarded = pooled(NAME, "safeguarded", *OUTAGE)
    assert share(guarded, by("fallback")) > 0.8
    assert share(guarded, "failed") == 0


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_the_breaker_sheds_the_calls_within_seconds(seed: int) -> None:
    # Given an outage from 60 s on, when the breaker has seen it, then hardly a call goes there any more.
    ran = run_of(NAME, seed)
    shed_s = min(
        each["intended_us"] / 1e6
        for each in between(ran, "safeguarded", *OUTAGE)
        if each["reason"] == "fallback: breaker_open"
    )
    assert shed_s < 68
    assert len(calls_to_primary(ran, "safeguarded", 70, 120)) < 0.25 * len(
        between(ran, "safeguarded", 70, 120)
    )
    assert len(calls_to_primary(ran, "prototype", 70, 120)) > 1.5 * len(between(ran, "prototype", 70, 120))


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_when_the_primary_is_back_the_probes_find_out(seed: int) -> None:
    # Given its end at 120 s, when `open_s` (5 s) and three probes have passed, then the primary serves.
    ran = run_of(NAME, seed)
    back_s = (
        min(
            each["started_us"] for each in calls_to_primary(ran, "safeguarded", 120, 180) if not each["error"]
        )
        / 1e6
    )
    assert back_s < 120 + 5 + 4
    asked = [each for each in between(ran, "safeguarded", 135, 180) if each["served_by"] != "cache"]
    assert share(asked, by("primary")) > 0.95


def test_in_a_brownout_short_attempts_spare_the_wait() -> None:
    bare, guarded = (pooled(NAME, variant, *BROWNOUT) for variant in ("prototype", "safeguarded"))
    assert answer_s(guarded, 50) < 0.4 * answer_s(bare, 50)
    assert answer_s(guarded, 95) < answer_s(bare, 95)
    assert share(guarded, "good") > 0.9


def test_where_both_models_are_out_only_the_canned_answer_is_left() -> None:
    bare, guarded = (pooled(NAME, variant, *BOTH_OUT) for variant in ("prototype", "safeguarded"))
    assert share(bare, "failed") > 0.8
    assert share(guarded, "degraded") > 0.7
    assert share(guarded, "failed") == 0
