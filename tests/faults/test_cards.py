"""The six cards: what their switches set, what state they are in, and that all of it works while a run goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.faults.card_knobs import knobs
from app.faults.card_table import CARDS, SEVERITIES, Card, Severity
from app.faults.cards import (
    Setting,
    all_off,
    configured,
    members,
    realised,
    settings_again,
    settings_off,
    settings_on,
    state,
    try_without,
)
from app.faults.kind_words import KIND_WORDS
from app.faults.registry import KINDS
from app.scenario.edit import check_changeable, with_setting
from app.scenario.files import changed_text, open_scenario, parse_scenario, ready_made
from app.scenario.model import Scenario
from tests.harness import simulation_of
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH

SUPPORT = open_scenario("support-assistant").scenario
LAUNCH = open_scenario("launch-day").scenario
FAILING = [card for card in CARDS.values() if card.faults is not None]


def applied(scenario: Scenario, settings: Sequence[Setting]) -> Scenario:
    for path, value in settings:
        check_changeable(path)
        scenario = with_setting(scenario, path, value)
    return scenario


def test_every_kind_of_fault_is_on_exactly_one_card_and_has_its_words() -> None:
    on_cards = Counter(kind for card in CARDS.values() for kind in card.kinds)
    assert on_cards == dict.fromkeys(KINDS, 1)
    assert set(KIND_WORDS) == set(KINDS)
    assert list(CARDS) == ["real_data", "load", "fallback", "cost", "unwatched", "overbuilt"]


@pytest.mark.parametrize("name", ready_made())
@pytest.mark.parametrize("card", FAILING, ids=lambda card: card.id)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_severity_once_set_is_the_cards_state_and_switching_off_leaves_nothing(
    name: str, card: Card, severity: Severity
) -> None:
    original = open_scenario(name).scenario
    on = applied(original, settings_on(card, original, severity, original))
    assert state(card, on, original) == severity
    off = applied(on, settings_off(card, on, original))
    assert state(card, off, original) is None
    assert not any(fault.on for fault in members(card, off))


@pytest.mark.parametrize("card", FAILING, ids=lambda card: card.id)
def test_each_severity_is_harder_than_the_one_before(card: Card) -> None:
    severe = [applied(SUPPORT, settings_on(card, SUPPORT, each, SUPPORT)) for each in SEVERITIES]
    hardness = [_hardness(card, scenario) for scenario in severe]
    assert hardness == sorted(hardness)
    assert hardness[0] < hardness[1] < hardness[2]


def _hardness(card: Card, scenario: Scenario) -> float:
    """A number that grows with rates, time in trouble, sizes and prices, and falls with limits."""
    faults = [fault for fault in members(card, scenario) if fault.on]
    hard = sum((each.rate or 0) * (each.mean_duration_s or 1) / (each.mean_between_s or 1) for each in faults)
    for knob in knobs(card, scenario, SUPPORT):
        assert knob.now is not None
        hard += 1 / knob.now if card.id == "load" else knob.now
    return hard


def test_what_the_scenario_brings_is_custom_goes_off_with_the_card_and_comes_back_with_it() -> None:
    # Given a scenario with everyday errors and a planned outage, when its card goes off and on, then both are as before.
    card = CARDS["fallback"]
    assert state(card, SUPPORT, SUPPORT) == "custom"
    off = applied(SUPPORT, settings_off(card, SUPPORT, SUPPORT))
    assert {fault.id: fault.on for fault in off.faults} == {"everyday_errors": False, "outage": False}
    assert applied(off, settings_again(card, off, SUPPORT)) == SUPPORT


def test_a_severity_takes_the_place_of_what_the_scenario_brings() -> None:
    mild = applied(SUPPORT, settings_on(CARDS["fallback"], SUPPORT, "mild", SUPPORT))
    on = {fault.id for fault in mild.faults if fault.on}
    assert on == {"card_server_error", "card_slow_first_token", "card_malformed_json"}
    assert all(fault.targets == ["primary"] for fault in mild.faults if fault.on)


def test_limits_of_the_scenarios_own_are_lifted_and_come_back() -> None:
    card = CARDS["load"]
    assert state(card, LAUNCH, LAUNCH) == "custom"
    off = applied(LAUNCH, settings_off(card, LAUNCH, LAUNCH))
    assert all(target.rpm is None and target.tpm is None for target in off.targets.values())
    assert applied(off, settings_again(card, off, LAUNCH)) == LAUNCH


def test_limits_are_a_share_of_what_the_scenario_offers() -> None:
    # Given 8 requests a second, which are 480 a minute of 875 tokens each, when load is typical, then three quarters fit.
    typical = applied(SUPPORT, settings_on(CARDS["load"], SUPPORT, "typical", SUPPORT))
    assert {target.rpm for target in typical.targets.values()} == {360}
    assert {target.tpm for target in typical.targets.values()} == {315_000}


def test_longer_prompts_stay_within_half_of_the_smallest_context_window() -> None:
    narrow = with_setting(SUPPORT, "targets.fallback.context_tokens", 4000)
    severe = applied(narrow, settings_on(CARDS["cost"], narrow, "severe", narrow))
    assert severe.tokens.input_tokens == 2000


def test_switching_on_what_nobody_configured_is_typical() -> None:
    card = CARDS["real_data"]
    assert state(card, SUPPORT, SUPPORT) is None
    on = applied(SUPPORT, settings_again(card, SUPPORT, SUPPORT))
    assert state(card, on, SUPPORT) == "typical"


def test_prices_that_are_published_are_not_turned() -> None:
    text = changed_text(
        open_scenario("support-assistant").text,
        [("targets.primary.price", None), ("targets.primary.model", "gpt-4o-mini")],
    )
    listed = parse_scenario(text, PATH).scenario
    paths = [path for path, _ in settings_on(CARDS["cost"], listed, "typical", listed)]
    assert "tokens.input_tokens" in paths
    assert not any(path.startswith("targets.primary") for path in paths)
    assert any(path.startswith("targets.fallback.price.") for path in paths)


def test_all_failures_off_leaves_no_fault_on_and_no_limit_but_keeps_what_is_tried_without() -> None:
    busy = SUPPORT
    for card in FAILING:
        busy = applied(busy, settings_on(card, busy, "severe", SUPPORT))
    busy = with_setting(busy, "variants.safeguarded.safeguards.cache.on", False)
    calm = applied(busy, all_off(busy, SUPPORT))
    assert not any(fault.on for fault in calm.faults)
    assert calm.tokens == SUPPORT.tokens
    assert calm.targets == SUPPORT.targets
    assert state(CARDS["overbuilt"], calm, SUPPORT) == "custom"


def test_overbuilt_offers_to_try_without_each_safeguard_and_puts_them_back() -> None:
    offered = try_without(SUPPORT)
    assert {each.variant for each in offered} == {"safeguarded"}
    assert [each.title for each in offered][:3] == ["Deadline", "Cached answers", "Fallback model"]
    without = applied(SUPPORT, [(offered[1].path, False), (offered[2].path, False)])
    card = CARDS["overbuilt"]
    assert state(card, without, SUPPORT) == "custom"
    assert applied(without, settings_off(card, without, SUPPORT)) == SUPPORT
    assert settings_again(card, without, SUPPORT) == []


@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_card_bites_from_the_moment_it_is_switched_on_in_mid_run(severity: Severity) -> None:
    # Given a run that has gone for 5 s without a failure, when every card is switched on, then each of its kinds strikes
    # sooner or later (random incidents may take their time), and when all is off again nothing more does. Nobody repeats
    # a question here: a repeat comes verbatim, with the mess that it had when that was on.
    file = open_scenario(
        "support-assistant",
        ["duration_s=120", "seed=2", "traffic.rate_per_s=12", "traffic.repeat_rate=0", "changes=[]"],
    )
    original = file.scenario
    with simulation_of(file) as (simulation, _):

        def change(settings: Sequence[Setting]) -> None:
            for path, value in settings:
                simulation.change(path, value)

        def struck() -> Counter[str]:
            return Counter(kind for world in simulation.worlds for _, kind in world.take_faults())

        change(all_off(simulation.scenario, original))
        simulation.advance(5_000_000)
        assert not struck()
        for card in FAILING:
            change(settings_on(card, simulation.scenario, severity, original))
            assert state(card, simulation.scenario, original) == severity
        simulation.advance(100_000_000)
        seen = struck()
        certain = {
            fault.kind for fault in simulation.scenario.faults if fault.on and not fault.mean_between_s
        }
        assert certain <= set(seen)
        assert "brownout" in seen
        change(all_off(simulation.scenario, original))
        simulation.advance(100_500_000)
        struck()
        simulation.advance(120_000_000)
        assert not struck()
        simulation.finish()


def test_limits_turn_calls_away_in_mid_run() -> None:
    file = open_scenario("support-assistant", ["duration_s=60", "changes=[]"])
    with simulation_of(file) as (simulation, names):
        simulation.advance(20_000_000)
        for path, value in settings_on(CARDS["load"], simulation.scenario, "severe", file.scenario):
            simulation.change(path, value)
        simulation.advance(60_000_000)
        simulation.finish()
    assert "rate_limited" in names


def test_realised_stands_beside_configured() -> None:
    scenario = applied(SUPPORT, settings_on(CARDS["real_data"], SUPPORT, "mild", SUPPORT))
    variants: dict[str, Any] = {
        "prototype": {"requests": 200, "attempts": 260, "faults": {"typos": 11, "server_error": 3}},
        "safeguarded": {
            "requests": 198,
            "attempts": 140,
            "faults": {"typos": 11, "server_error": 1, "empty": 1},
        },
    }
    mess = {each.kind: each for each in realised(CARDS["real_data"], variants, scenario)}
    assert (mess["typos"].configured, mess["typos"].struck, mess["typos"].of) == ("5 % of requests", 11, 200)
    assert mess["typos"].share == pytest.approx(0.055)
    assert mess["missing_field"].struck == 0
    assert "duplicate" not in mess
    calls = {each.kind: each for each in realised(CARDS["fallback"], variants, scenario)}
    assert (calls["server_error"].struck, calls["server_error"].of) == (4, 400)
    assert calls["server_error"].configured == "0.4 % of calls"
    assert calls["outage"].configured == "100 % of calls to primary from 180 s to 220 s"
    assert calls["empty"].configured == "off"


def test_before_anything_ended_there_is_no_share() -> None:
    nothing = {"a": {"requests": 0, "attempts": 0, "faults": {}}}
    assert [each.share for each in realised(CARDS["fallback"], nothing, SUPPORT)] == [None, None]
    assert realised(CARDS["fallback"], {}, SUPPORT)[0].of == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rate": 0.5, "per": "request"}, "50 % of requests"),
        ({"first": 5}, "the first 5 calls"),
        ({"every": 10, "rate": 0.5}, "every 10th of the calls 50 % of them"),
        ({"rate": 1, "period_s": 60, "bad_s": 15}, "100 % of calls for 15 s in every 60 s"),
        (
            {"rate": 1, "mean_between_s": 75, "mean_duration_s": 20, "targets": ["primary", "fallback"]},
            "100 % of calls to primary and fallback at random, about 20 s long and 75 s apart",
        ),
        ({"rate": 0.1, "from_s": 90}, "10 % of calls from 90 s"),
    ],
)
def test_a_fault_is_told_in_words(settings: dict[str, Any], words: str) -> None:
    assert configured(KINDS["hang"].model_validate({"kind": "hang", **settings})) == words


@given(
    st.lists(st.tuples(st.sampled_from(FAILING), st.sampled_from([*SEVERITIES, "off", "again"])), max_size=6)
)
def test_any_series_of_switches_keeps_the_scenario_sound_and_the_last_of_a_card_counts(
    moves: list[tuple[Card, Any]],
) -> None:
    small = parse_scenario(SMALL, PATH).scenario
    scenario = small
    last: dict[str, Any] = {}
    for card, move in moves:
        if move == "off":
            settings = settings_off(card, scenario, small)
        elif move == "again":
            settings = settings_again(card, scenario, small)
        else:
            settings = settings_on(card, scenario, move, small)
        scenario = applied(scenario, settings)
        last[card.id] = move
    for name, move in last.items():
        found = state(CARDS[name], scenario, small)
        assert found is not None if move == "again" else found == (None if move == "off" else move)
