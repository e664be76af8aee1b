"""unwatched: the same trouble for both, and how much later the one without monitoring knows of it."""

from __future__ import annotations

from typing import Any

import pytest

from app.analysis.detection import Spell, spells
from app.sessions.records import EventRecord
from app.sessions.vocabulary import BAD_OUTCOMES
from tests.harness import Ran
from tests.scenarios.runs import SEEDS, between, pooled, run_of, share

NAME = "unwatched"
UPDATE, DRIFT = (90, 330), (390, 600)


def spells_of(ran: Ran, variant: str) -> list[Spell]:
    events = [
        EventRecord(place, each.at_us, each.kind, each.label, variant, each.details)
        for place, each in enumerate(ran.simulation.events)
        if each.details.get("variant") == variant
    ]
    return spells(variant, events, ran.simulation.now_us / 1e6)


def let_down(ran: Ran, spell: Spell) -> list[dict[str, Any]]:
    """Who was let down before anybody knew."""
    return [
        each
        for each in ran.requests(spell.variant)
        if each["outcome"] in BAD_OUTCOMES
        and spell.onset_s * 1e6 <= each["finished_us"] < spell.unknown_until_s * 1e6
    ]


def test_half_of_the_answers_are_useless_and_no_call_fails() -> None:
    assert share(pooled(NAME, "prototype", 0, 85), "good") > 0.94
    for begin_s, end_s in (UPDATE, DRIFT):
        assert 0.44 < share(pooled(NAME, "prototype", begin_s + 10, end_s - 10), "good") < 0.54
    assert share(pooled(NAME, "prototype", 0, 600), "failed") == 0


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_watching_changes_nothing_for_anybody(seed: int) -> None:
    ran = run_of(NAME, seed)
    bare, watched = (between(ran, variant, 0, 600) for variant in ("prototype", "safeguarded"))
    assert [each["outcome"] for each in bare] == [each["outcome"] for each in watched]


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_an_alert_tells_within_half_a_minute_of_what_customers_tell_minutes_later(seed: int) -> None:
    ran = run_of(NAME, seed)
    bare, watched = spells_of(ran, "prototype")[0], spells_of(ran, "safeguarded")[0]
    assert abs(bare.onset_s - UPDATE[0]) < 10
    assert watched.noticed_by == "alert"
    assert (watched.time_to_detect_s or 999) < 30
    assert bare.noticed_by in ("customer", None)
    assert bare.time_to_detect_s is None or bare.time_to_detect_s > 60
    assert len(let_down(ran, bare)) > 4 * len(let_down(ran, watched))


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_no_alert_sees_an_answer_in_perfect_shape_that_is_wrong(seed: int) -> None:
    ran = run_of(NAME, seed)
    bare, watched = spells_of(ran, "prototype")[-1], spells_of(ran, "safeguarded")[-1]
    assert abs(bare.onset_s - DRIFT[0]) < 10
    assert watched.noticed_by != "alert"
    assert watched.noticed_s == bare.noticed_s


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_no_alert_is_false(seed: int) -> None:
    alerts = [each for each in run_of(NAME, seed).simulation.events if each.kind == "alert"]
    assert alerts
    assert all(UPDATE[0] < each.at_us / 1e6 < UPDATE[1] + 10 for each in alerts)
