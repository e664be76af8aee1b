"""A live run replays to the same decisions, to the bit; and whatever is changed shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.engine.replay import replay
from app.errors import UserError
from app.scenario.edit import with_setting
from app.sessions.records import ObservationRecord
from tests.engine.live_runs import SCENARIO, Lived, live
from tests.engine.loopback import Play, fails, hangs
from tests.engine.test_live import good, trouble

Record = list[ObservationRecord]


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A run in which all happens: retries, fallbacks, open breakers, shared flights, canned answers."""

    def fallback(n: int) -> Play:
        return fails(500) if 5 <= n < 40 else trouble(n)

    return live(tmp_path_factory.mktemp("live"), "safe", trouble, fallback, requests=200)


def test_a_live_run_replays_to_identical_decisions(lived: Lived) -> None:
    asked = [command for each in lived.observations for command in each.command["asked"]]
    assert {command["do"] for command in asked} >= {"attempt", "sleep", "wait", "resolve", "finish"}
    assert replay(lived.observations, lived.scenario) == []


def test_so_does_a_record_of_two_variants_one_after_the_other(lived: Lived, tmp_path: Path) -> None:
    bare = live(tmp_path, "bare", trouble, good, requests=60)
    assert replay(bare.observations, bare.scenario) == []
    count = len(bare.observations)
    both = bare.observations + [replace(o, sequence=o.sequence + count) for o in lived.observations]
    assert replay(both, lived.scenario) == []


@pytest.fixture(scope="module")
def raced(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """A run with hedges, of which some win and all lose to something, and with queues of its own."""
    text = SCENARIO.replace(
        '{ kind = "retry"',
        '{ kind = "hedge", after_s = 0.06 }, { kind = "concurrency", max_in_flight = 30 }, '
        '{ kind = "rate_limit", rpm = 4200, burst_s = 0.1 }, { kind = "retry"',
    )

    def now_and_then_stuck(n: int) -> Play:
        return hangs() if n % 4 == 0 else good(n)

    return live(tmp_path_factory.mktemp("raced"), "safe", now_and_then_stuck, good, requests=150, text=text)


def test_hedges_are_called_and_cancelled_alike(raced: Lived) -> None:
    asked = [command["do"] for each in raced.observations for command in each.command["asked"]]
    assert asked.count("branch") > asked.count("cancel") > 10
    assert replay(raced.observations, raced.scenario) == []


def test_a_hedge_that_loses_is_known_by_its_end(raced: Lived) -> None:
    losers = [each for each in raced.attempts if each.error == "cancelled"]
    winners = [each for each in raced.requests if each.served_by == "hedge"]
    assert len(losers) > 10
    assert winners
    assert any(each.reason.startswith("hedge") for each in raced.attempts)
    assert any("rate limit" in each.reason for each in raced.attempts)


def test_so_does_a_race_that_was_cut_short(raced: Lived, tmp_path: Path) -> None:
    text = SCENARIO.replace('{ kind = "retry"', '{ kind = "hedge", after_s = 0.02 }, { kind = "retry"')
    cut = live(tmp_path, "safe", lambda n: hangs(), good, requests=100, text=text, stop_after=120)
    assert any(each.outcome.get("branch") for each in cut.observations)
    assert replay(cut.observations, cut.scenario) == []


def test_so_does_a_run_that_was_cut_short(tmp_path: Path) -> None:
    lived = live(tmp_path, "safe", trouble, good, requests=200, stop_after=150)
    assert any(each.outcome["came"] == "end" for each in lived.observations)
    assert replay(lived.observations, lived.scenario) == []


def test_so_does_a_run_with_faults_on_the_wire_and_its_log_names_them(tmp_path: Path) -> None:
    faults = "".join(
        f'[[faults]]\nkind = "{kind}"\nid = "my_{kind}"\nrate = 0.15\n'
        for kind in ("hang", "server_error", "cut_stream", "empty")
    )
    struck = live(tmp_path, "safe", good, good, requests=120, text=SCENARIO + faults)
    named = {attempt.fault for attempt in struck.attempts}
    assert named >= {"", "my_hang", "my_server_error", "my_cut_stream", "my_empty"}
    assert any("my_hang" in request.faults for request in struck.requests)
    assert replay(struck.observations, struck.scenario) == []


def test_another_now_shows(lived: Lived) -> None:
    at = first(lived.observations, "attempt", error="server_error")
    tampered = [replace(each, now_us=each.now_us + (each.sequence == at)) for each in lived.observations]
    found = replay(tampered, lived.scenario)
    assert found
    assert found[0].sequence == at


def test_another_outcome_shows_where_it_came(lived: Lived) -> None:
    at = first(lived.observations, "attempt", error=None)
    tampered = changed(lived.observations, at, error="server_error")
    found = replay(tampered, lived.scenario)
    assert found[0].sequence == at
    assert found[0].recorded[-1]["do"] == "finish"
    assert found[0].replayed[-1]["do"] in ("attempt", "sleep")


def test_another_command_shows_alone(lived: Lived) -> None:
    at = first(lived.observations, "request")
    tampered = [
        replace(each, command={"asked": [{**each.command["asked"][0], "until_us": 1}]})
        if each.sequence == at
        else each
        for each in lived.observations
    ]
    (difference,) = replay(tampered, lived.scenario)
    assert (difference.sequence, difference.recorded[0]["until_us"]) == (at, 1)
    assert "'until_us': 1" in str(difference)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("retry.base_s", 0.021),
        ("retry.max_retries", 1),
        ("retry_budget.max_tokens", 1),
        ("breaker.failure_ratio", 0.05),
        ("breaker.open_s", 30.0),
        ("cache.on", False),
        ("deadline.total_s", 0.2),
        ("budget.per_run_usd", 0.0),
        ("attempt_timeout.attempt_s", 0.299999),
        ("answer_check.on", False),
        ("canned.on", False),
    ],
)
def test_another_setting_of_a_safeguard_shows(lived: Lived, setting: str, value: Any) -> None:
    scenario = with_setting(lived.scenario, f"variants.safe.safeguards.{setting}", value)
    assert replay(lived.observations, scenario)


def test_another_seed_shows(lived: Lived) -> None:
    assert replay(lived.observations, lived.scenario.model_copy(update={"seed": 6}))


def test_a_request_that_does_not_wait_for_what_comes_is_told_once(lived: Lived) -> None:
    at = first(lived.observations, "time")
    tampered = changed(lived.observations, at, came="flight", flight=10_000)
    number = lived.observations[at].number
    found = [difference for difference in replay(tampered, lived.scenario) if difference.number == number]
    assert [difference.sequence for difference in found] == [at]
    assert "waits for sleep" in str(found[0]) or "waits for waitany" in str(found[0])


@pytest.mark.parametrize(
    "damage",
    [
        {"came": "a letter"},
        {"variant": 2},
        {"variant": -1},
        {"variant": "safe"},
        {"came": "attempt", "error": "bad luck"},
        {"came": "request", "intended_us": None},
    ],
)
def test_a_damaged_record_is_refused(lived: Lived, damage: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="damaged"):
        replay(changed(lived.observations, 3, **damage), lived.scenario)


def test_a_record_with_a_gap_is_refused(lived: Lived) -> None:
    with pytest.raises(UserError, match="observation 4 is missing"):
        replay([each for each in lived.observations if each.sequence != 4], lived.scenario)


def first(observations: Record, came: str, **data: Any) -> int:
    """Sequence of the first observation of this kind, with these data."""
    wanted = {"came": came, **data}
    return next(o.sequence for o in observations if wanted.items() <= o.outcome.items())


def changed(observations: Record, at: int, **data: Any) -> Record:
    """The record with other data delivered in one place."""
    return [replace(o, outcome={**o.outcome, **data}) if o.sequence == at else o for o in observations]
