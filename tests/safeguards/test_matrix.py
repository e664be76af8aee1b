"""The matrix of safeguards: what a cell says, what its checkbox sets, and that this works while a run goes."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from app.errors import UserError
from app.safeguards.base import KINDS
from app.safeguards.budget import Budget
from app.safeguards.canned import Canned
from app.safeguards.listing import text_with_safeguards
from app.safeguards.matrix import ROWS, in_words, listed, settings_for, state
from app.safeguards.presets import SAFEGUARDED
from app.scenario.edit import check_changeable, with_setting
from app.scenario.files import open_scenario, parse_scenario, ready_made
from app.scenario.model import Scenario
from tests.harness import Ran, simulation_of
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH

SUPPORT = open_scenario("support-assistant").scenario
ADDABLE = ["cache", "deadline", "retry_budget", "fallback", "breaker", "budget", "answer_check", "canned"]
"""Those that the preset has and the prototype lacks."""
ADDED_BY_DEFAULT = [
    "hedge",
    "concurrency",
    "rate_limit",
    "adaptive_throttle",
    "load_shedding",
    "hand_off",
    "input_check",
    "prompt_trim",
    "prompt_cache",
]


def flipped(scenario: Scenario, variant: str, kind: str, on: bool) -> Scenario:
    for path, value in settings_for(scenario, variant, kind, on):
        check_changeable(path)
        scenario = with_setting(scenario, path, value)
    return scenario


def test_every_kind_has_one_row_nine_are_shown_first_and_jobs_stand_together() -> None:
    assert sorted(row.kind for row in ROWS) == sorted(KINDS)
    assert sum(row.shown for row in ROWS) == 9
    jobs = [row.job for row in ROWS]
    assert len(dict.fromkeys(jobs)) == sum(1 for a, b in zip(["", *jobs], jobs, strict=False) if a != b)
    assert ROWS[0].title == "Cached answers"


def test_a_cell_is_on_off_or_absent() -> None:
    off = with_setting(SUPPORT, "variants.safeguarded.safeguards.cache.on", False)
    assert state(SUPPORT, "safeguarded", "cache") == "on"
    assert state(off, "safeguarded", "cache") == "off"
    assert state(SUPPORT, "prototype", "cache") == "absent"


def test_the_main_setting_is_told_in_words() -> None:
    words = {row.kind: in_words(row, SUPPORT, "safeguarded") for row in ROWS}
    assert {kind: said for kind, said in words.items() if said} == {
        "cache": "kept for 10 min",
        "deadline": "30 s in all",
        "attempt_timeout": "8 s a call",
        "retry": "up to 2 retries",
        "retry_budget": "1 a second",
        "fallback": "to fallback",
        "breaker": "opens at 50 % failures",
        "budget": "$5.00 a run",
        "answer_check": "all checks",
        "canned": "a text of 20 words",
    }
    assert in_words(ROWS[0], SUPPORT, "prototype") == ""
    once = with_setting(SUPPORT, "variants.safeguarded.safeguards.retry.max_retries", 1)
    retry = next(row for row in ROWS if row.kind == "retry")
    assert in_words(retry, once, "safeguarded") == "up to 1 retry"


def test_what_a_new_one_would_do_is_told_in_words() -> None:
    added = SUPPORT
    for kind in ADDED_BY_DEFAULT:
        added = flipped(added, "safeguarded", kind, on=True)
    words = {row.kind: in_words(row, added, "safeguarded") for row in ROWS}
    assert {kind: words[kind] for kind in ADDED_BY_DEFAULT} == {
        "hedge": "after the p95 of calls",
        "concurrency": "20 at a time, 100 in the queue",
        "rate_limit": "as the provider's",
        "adaptive_throttle": "at 2 times what is accepted",
        "load_shedding": "when the queue is older than 2 s",
        "hand_off": "3 people, 2 min each",
        "input_check": "all fields",
        "prompt_trim": "to 4,000 tokens",
        "prompt_cache": "kept for 5 min",
    }
    of_budget = next(row.main for row in ROWS if row.kind == "budget")
    assert of_budget(Budget(per_minute_usd=0.005, per_request_usd=2)) == "$0.005 a minute, $2.00 a request"
    of_canned = next(row.main for row in ROWS if row.kind == "canned")
    assert of_canned(Canned(text="", texts={"ask": "Sorry."})) == "1 by prompt"


def test_shedding_needs_a_queue() -> None:
    with pytest.raises(UserError, match="no queue"):
        settings_for(SUPPORT, "safeguarded", "load_shedding", on=True)
    limited = flipped(SUPPORT, "safeguarded", "rate_limit", on=True)
    kinds = [
        each.kind
        for each in flipped(limited, "safeguarded", "load_shedding", on=True)
        .variants["safeguarded"]
        .safeguards
    ]
    assert kinds.index("load_shedding") < kinds.index("rate_limit")


@pytest.mark.parametrize(
    "kind", [*(each.kind for each in SUPPORT.variants["safeguarded"].safeguards), "monitoring"]
)
def test_off_and_on_again_is_as_before(kind: str) -> None:
    on = flipped(SUPPORT, "safeguarded", kind, on=True)
    off = flipped(on, "safeguarded", kind, on=False)
    assert state(off, "safeguarded", kind) == "off"
    assert settings_for(off, "safeguarded", kind, on=False) == []
    assert flipped(off, "safeguarded", kind, on=True) == on


def test_monitoring_that_is_added_has_its_usual_rules_and_stands_outermost() -> None:
    added = flipped(SUPPORT, "prototype", "monitoring", on=True)
    assert added.variants["prototype"].safeguards[0].kind == "monitoring"
    assert (
        in_words(next(row for row in ROWS if row.kind == "monitoring"), added, "prototype") == "2 alert rules"
    )


def test_switching_off_what_is_absent_sets_nothing() -> None:
    assert settings_for(SUPPORT, "prototype", "cache", on=False) == []


def test_the_prototype_with_all_safeguards_added_has_them_in_the_usual_order() -> None:
    scenario = SUPPORT
    for kind in reversed(ADDABLE):
        scenario = flipped(scenario, "prototype", kind, on=True)
    kinds = [each.kind for each in scenario.variants["prototype"].safeguards]
    assert kinds == [each.kind for each in SAFEGUARDED]


def test_what_is_added_is_like_the_other_variants_and_else_like_the_presets() -> None:
    added = flipped(SUPPORT, "prototype", "budget", on=True)
    assert listed(added, "prototype", "budget") == listed(SUPPORT, "safeguarded", "budget")
    small = parse_scenario(SMALL, PATH).scenario
    alone = flipped(small, "careful", "cache", on=True)
    assert listed(alone, "careful", "cache") == [each for each in SAFEGUARDED if each.kind == "cache"]


def test_a_fallback_goes_to_the_second_model_and_without_one_there_is_none() -> None:
    small = parse_scenario(SMALL, PATH).scenario
    with pytest.raises(UserError, match="no other model to fall back to"):
        settings_for(small, "careful", "fallback", on=True)
    tables = small.model_dump(mode="json", by_alias=True)
    tables["targets"]["cheap"] = tables["targets"]["primary"]
    two = Scenario.model_validate(tables)
    (fallback,) = listed(flipped(two, "careful", "fallback", on=True), "careful", "fallback")
    assert fallback.model_dump()["targets"] == ["cheap"]


TRACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "cache": ("cache", ("hit", "shared")),
    "deadline": ("reason", ("deadline_exceeded",)),
    "retry_budget": ("reason", ("retry budget empty",)),
    "fallback": ("served_by", ("fallback",)),
    "breaker": ("reason", ("breaker_open",)),
    "budget": ("reason", ("budget_exceeded_canned",)),
    "answer_check": ("reason", ("bad_answer",)),
    "canned": ("served_by", ("canned",)),
}
"""Where a safeguard at work shows in a request, and as what."""


@pytest.mark.parametrize("kind", ADDABLE)
def test_a_safeguard_added_to_the_prototype_in_mid_run_takes_effect(kind: str) -> None:
    # Given a prototype in trouble, when a safeguard is added to it, then its trace is in what comes after.
    file = open_scenario(
        "support-assistant",
        [
            "duration_s=40",
            "changes=[]",
            "faults.outage.from_s=0",
            "faults.outage.rate=0.8",
            "faults.outage.hang_share=0.1",
            "faults.garbled={kind='malformed_json', rate=1, targets=['primary']}",
            "variants.safeguarded.safeguards.deadline.total_s=5",
            "variants.safeguarded.safeguards.retry_budget.min_per_s=0",
            "variants.safeguarded.safeguards.retry_budget.max_tokens=1",
            "variants.safeguarded.safeguards.budget.per_run_usd=0.0001",
        ],
    )
    field, words = TRACES[kind]
    with simulation_of(file) as (simulation, names):
        simulation.advance(15_000_000)
        for path, value in settings_for(simulation.scenario, "prototype", kind, on=True):
            simulation.change(path, value)
        world = simulation.worlds[0]
        before = list(world.request_rows)
        world.request_rows.clear()
        simulation.advance(40_000_000)
        simulation.finish()
        after = Ran(simulation, names, {}).requests("prototype")
        world.request_rows.clear()
        for row in before:
            world.request_rows.add(row)
        earlier = Ran(simulation, names, {}).requests("prototype")
    assert not any(row[field].endswith(words) for row in earlier)
    assert any(row[field].endswith(words) for row in after), {row[field] for row in after}


@pytest.mark.parametrize("name", ready_made())
@pytest.mark.parametrize("kind", [*ADDABLE, "monitoring"])
def test_a_text_with_a_safeguard_more_says_so_and_keeps_every_comment(name: str, kind: str) -> None:
    file = open_scenario(name)
    ((_, entries),) = settings_for(file.scenario, "prototype", kind, on=True)
    text = text_with_safeguards(file.text, "prototype", entries)
    expected = flipped(file.scenario, "prototype", kind, on=True)
    assert parse_scenario(text, PATH).scenario == expected
    for line in file.text.splitlines():
        if "#" in line:
            assert line in text
    # Nothing but the one entry differs.
    before, after = tomllib.loads(file.text), tomllib.loads(text)
    added = [each for each in after["variants"]["prototype"]["safeguards"] if each["kind"] == kind]
    for each in added:
        after["variants"]["prototype"]["safeguards"].remove(each)
    assert before == after


def test_a_preset_gives_way_to_the_list() -> None:
    small = parse_scenario(SMALL, PATH).scenario
    ((_, entries),) = settings_for(small, "prototype", "canned", on=True)
    text = text_with_safeguards(SMALL, "prototype", entries)
    assert "preset" not in text
    assert parse_scenario(text, PATH).scenario == flipped(small, "prototype", "canned", on=True)


def test_a_list_that_was_changed_is_written_anew() -> None:
    file = open_scenario("support-assistant")
    entries: list[dict[str, Any]] = [
        {"kind": "retry", "max_retries": 7},
        {"kind": "canned", "text": "Later."},
    ]
    text = text_with_safeguards(file.text, "prototype", entries)
    safeguards = parse_scenario(text, PATH).scenario.variants["prototype"].safeguards
    assert [each.kind for each in safeguards] == ["retry", "canned"]
