"""What holds for every ready-made scenario: it is sound, says what it teaches, and loses no request."""

from __future__ import annotations

import tomllib
from collections import Counter

import pytest

from app.safeguards.attempt_timeout import AttemptTimeout
from app.safeguards.presets import PROTOTYPE
from app.scenario.files import ScenarioFile, lesson, open_scenario, ready_made
from app.scenario.rehearsal import rehearse_changes
from app.sessions.vocabulary import OUTCOMES, SERVED_BY
from tests.scenarios.runs import SEEDS, runs_of


@pytest.fixture(params=sorted(ready_made()))
def file(request: pytest.FixtureRequest) -> ScenarioFile:
    return open_scenario(request.param)


def test_every_scenario_is_tested() -> None:
    assert set(ready_made()) == set(SEEDS)


def test_it_is_sound_and_so_are_its_changes(file: ScenarioFile) -> None:
    rehearse_changes(file.scenario)
    assert 120 <= file.scenario.duration_s <= 600


def test_its_first_comment_says_what_it_teaches(file: ScenarioFile) -> None:
    first = file.text.split("\n\n", 1)[0].splitlines()
    assert 1 <= len(first) <= 4
    assert all(line.startswith("# ") for line in first)
    assert len(lesson(file.text)) >= 40
    assert file.scenario.about


def test_its_safeguards_are_spelled_out(file: ScenarioFile) -> None:
    # Given that a preset may improve, when it does, then no number of a ready-made scenario shifts.
    for variant in tomllib.loads(file.text)["variants"].values():
        assert "preset" not in variant
        assert variant["safeguards"]


def test_its_prototype_does_what_an_official_sdk_does_unasked(file: ScenarioFile) -> None:
    assert {"prototype", "safeguarded"} <= set(file.scenario.variants)
    safeguards = file.scenario.variants["prototype"].safeguards
    if file.name == "retry-storm":
        # Whoever builds on an SDK sets its timeout; its retries come unasked all the same.
        retry, timeout = safeguards
        assert retry == PROTOTYPE[0]
        assert timeout == AttemptTimeout(attempt_s=10, first_token_s=10)
    else:
        assert safeguards == PROTOTYPE


def test_what_happens_in_it_is_labelled_for_the_charts(file: ScenarioFile) -> None:
    assert all(change.label for change in file.scenario.changes)
    assert all(fault.label for fault in file.scenario.faults)


def test_it_is_the_same_for_all_variants_and_every_request_is_accounted_for(file: ScenarioFile) -> None:
    ran = runs_of(file.name)[0]
    offered = ran.simulation.offered
    for variant in file.scenario.variants:
        requests = ran.requests(variant)
        assert [each["number"] for each in requests] == list(range(offered))
        assert [each["intended_us"] for each in requests] == ran.simulation.arrived_us
        outcomes = Counter(each["outcome"] for each in requests)
        assert sum(outcomes[name] for name in OUTCOMES) == offered
        assert sum(Counter(each["served_by"] for each in requests)[name] for name in SERVED_BY) == offered
        assert outcomes["good"] > 0
