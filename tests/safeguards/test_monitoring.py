"""Alert rules held against series worked out by hand, and what must hold for every series."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.errors import UserError
from app.safeguards.alert_rules import Alarm, Seen, Turn
from app.safeguards.monitoring import AnyRule, BurnRate, ErrorRate, Monitoring
from app.scenario.files import parse_scenario
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH

RULE: TypeAdapter[Any] = TypeAdapter(AnyRule)
GOOD, SLOW, NONE, ODD = (1e6, False, 0), (9e6, False, 0), (math.inf, False, 0), (1e6, True, 0)
PATIENCE_US = 8_000_000


def alarm_of(rule: AnyRule) -> Alarm:
    alarm = Alarm(rule)
    alarm.meter.patience_us = PATIENCE_US
    return alarm


def turns(rule: AnyRule, seconds: Sequence[Sequence[Seen]]) -> list[Turn]:
    """What one rule tells of a run that is so many seconds long."""
    alarm = alarm_of(rule)
    told = [alarm.judge(ended, end_s * 1_000_000) for end_s, ended in enumerate(seconds, start=1)]
    return [turn for turn in told if turn is not None]


def in_short(rule: AnyRule, seconds: Sequence[Sequence[Seen]]) -> list[tuple[str, float, float]]:
    return [
        ("alert" if each.begins else "over", each.onset_us / 1e6, each.at_us / 1e6)
        for each in turns(rule, seconds)
    ]


def rule_of(kind: str, **settings: Any) -> AnyRule:
    made: AnyRule = RULE.validate_python({"kind": kind, "for_s": 0, **settings})
    return made


@pytest.mark.parametrize(
    ("rule", "bad"),
    [
        (rule_of("error_rate", above_rate=0.5, window_s=4, min_requests=1), NONE),
        (rule_of("wrong_rate", above_rate=0.5, window_s=4, min_requests=1), ODD),
        # nearest rank: half of 4 or 8 requests are within 8.5 s where at most half of them are slower
        (rule_of("answer_time", percentile=50, above_s=8.5, window_s=4, min_requests=1), SLOW),
        (rule_of("answer_time", percentile=50, above_s=8.5, window_s=4, min_requests=1), NONE),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_share_of_a_window_is_exceeded_by_one_more_and_not_by_the_limit_itself(
    rule: AnyRule, bad: Seen
) -> None:
    # Given two requests a second, of which from 4 s on both are bad
    seconds = [[GOOD, GOOD]] * 4 + [[bad, bad]] * 4 + [[GOOD, GOOD]] * 4
    # Then half of the 8 in the window are bad at 6 s, which is no alert, and six of them at 7 s; at 10 s half again.
    assert in_short(rule, seconds) == [("alert", 7, 7), ("over", 7, 10)]


def test_an_alert_waits_until_its_condition_has_held_and_ends_when_it_has_not_for_as_long() -> None:
    rule = rule_of("error_rate", above_rate=0, window_s=1, min_requests=1, for_s=3)
    # Given a condition that holds for three seconds (at 2, 3 and 4 s), then from 6 s on, but for 10 s
    holds = [0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0]
    seconds = [[NONE] if each else [GOOD] for each in holds]
    # Then two seconds later it had not held for 3 s; from 6 s to 9 s it had. It ends 3 s after 12 s, and not at 10 s.
    assert in_short(rule, seconds) == [("alert", 6, 9), ("over", 6, 15)]


def test_the_value_is_what_the_window_has() -> None:
    (turn,) = turns(
        rule_of("error_rate", above_rate=0.2, window_s=10, min_requests=4), [[GOOD, NONE], [GOOD, NONE]]
    )
    assert turn.value == 0.5


def test_with_too_few_requests_there_is_nothing_to_say() -> None:
    few = rule_of("error_rate", above_rate=0, window_s=3, min_requests=4)
    assert turns(few, [[NONE]] * 20) == []
    assert in_short(few, [[NONE], [NONE], [NONE, NONE]]) == [("alert", 3, 3)]


def test_the_cost_rate_is_told_by_the_minute() -> None:
    # Given 0.01 dollars a second, and then 0.03: over two seconds 0.04, which is 1.2 dollars a minute
    cent = (1e6, False, 10**10)
    rule = rule_of("cost_rate", above_usd_per_minute=1.19, window_s=2)
    (turn,) = turns(rule, [[cent], [cent], [cent], [cent, cent, cent]])
    assert turn.at_us == 4_000_000
    assert turn.value == pytest.approx(1.2)


def test_a_budget_alerts_where_less_than_its_share_is_left_and_never_ends() -> None:
    cent = (1e6, False, 10**10)
    rule = rule_of("budget_left", per_run_usd=0.1, below_share=0.2)
    assert in_short(rule, [[cent]] * 12) == [("alert", 9, 9)]


def test_a_burn_rate_needs_both_windows() -> None:
    # Given an objective of 90 %, so that 1 of 10 bad burns the budget just so fast as allowed
    rule = rule_of(
        "burn_rate", slo_rate=0.9, long_window_s=10, short_window_s=2, above_factor=4, min_requests=10
    )
    ten = [GOOD] * 10
    bad = [NONE, SLOW, ODD] + [NONE] * 7  # no answer, later than anybody waits, or failing a check
    # When everything is bad from 10 s on, then the long window has more than 40 % at 15 s; the short one has had at once.
    # When all is well from 20 s on, the short window ends the alert at 22 s, though the long one has 80 % then.
    assert in_short(rule, [ten] * 10 + [bad] * 10 + [ten] * 10) == [("alert", 15, 15), ("over", 15, 22)]
    # A second that is bad by itself is none.
    assert in_short(rule, [ten] * 10 + [bad] + [ten] * 10) == []


def test_the_defaults_tell_of_an_outage_within_fifteen_seconds_and_of_a_calm_hour_nothing() -> None:
    (burn, slow) = Monitoring().rules
    calm = [[GOOD] * 19 + [ODD]] * 120
    for rule in (burn, slow):
        assert turns(rule, calm * 30) == []
        ((_, _, detected_s), *_) = in_short(rule, calm + [[NONE] * 20] * 30)
        assert 120 < detected_s <= 135


shares = st.lists(st.lists(st.sampled_from([GOOD, NONE, ODD, SLOW]), max_size=6), min_size=1, max_size=60)
any_rule = st.one_of(
    st.builds(
        rule_of,
        st.sampled_from(["error_rate", "wrong_rate"]),
        above_rate=st.sampled_from([0.0, 0.1, 0.5]),
        window_s=st.integers(1, 20),
        min_requests=st.integers(1, 10),
        for_s=st.sampled_from([0.0, 0.5, 1.0, 4.0]),
    ),
    st.builds(
        rule_of,
        st.just("burn_rate"),
        slo_rate=st.just(0.8),
        above_factor=st.sampled_from([0.5, 2.0, 4.5]),
        long_window_s=st.integers(10, 20),
        short_window_s=st.integers(1, 10),
        for_s=st.sampled_from([0.0, 3.0]),
    ),
)


@given(rule=any_rule, seconds=shares)
def test_an_alert_never_begins_while_its_condition_is_false_and_always_soon_after_it_holds(
    rule: AnyRule, seconds: list[list[Seen]]
) -> None:
    # Given what the rule's condition is at the end of each second
    meter = alarm_of(rule).meter
    holds = [meter.take(ended) for ended in seconds]
    # When it is judged, then an alert begins only where it holds, and has held since its onset,
    on: int | None = None
    begun: dict[int, Turn] = {turn.at_us // 1_000_000: turn for turn in turns(rule, seconds)}
    for end_s, true in enumerate(holds, start=1):
        turn = begun.get(end_s)
        if turn is not None and turn.begins:
            assert all(holds[turn.onset_us // 1_000_000 - 1 : end_s])
            assert turn.at_us - turn.onset_us >= rule.for_s * 1e6
            on = end_s
        elif turn is not None:
            assert not true
            on = None
        # and where it has held for so long as the rule asks, and a second more, there is one.
        asked = math.ceil(rule.for_s) + 1
        if end_s >= asked and all(holds[end_s - asked : end_s]):
            assert on is not None
    if not any(holds):
        assert not begun


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ('[{ kind = "error_rat" }]', "did you mean 'error_rate'"),
        ('[{ kind = "error_rate", above_rat = 1 }]', "did you mean 'above_rate'"),
        ('[{ kind = "cost_rate" }]', "above_usd_per_minute"),
        ('[{ kind = "error_rate" }, { kind = "error_rate" }]', "two alert rules are called 'error_rate'"),
        ('[{ kind = "burn_rate", slo_rate = 0.5, above_factor = 2 }]', "can never be exceeded"),
        ('[{ kind = "burn_rate", short_window_s = 90 }]', "short_window_s is longer"),
        ("[]", "at least 1"),
    ],
)
def test_a_mistake_in_a_rule_is_told_where_it_is(rules: str, says: str) -> None:
    text = f'{SMALL}\n[variants.watched]\nsafeguards = [{{ kind = "monitoring", rules = {rules} }}]\n'
    with pytest.raises(UserError, match=says) as caught:
        parse_scenario(text, PATH)
    assert "watched" in str(caught.value)


def test_rules_of_one_kind_go_by_their_ids() -> None:
    fast, slow = BurnRate(id="fast"), BurnRate(id="slow", long_window_s=600, short_window_s=50)
    assert [rule.id for rule in Monitoring(rules=(fast, slow, ErrorRate())).rules] == [
        "fast",
        "slow",
        "error_rate",
    ]
    with pytest.raises(ValidationError):
        Monitoring(rules=(fast, fast))


def test_the_rules_that_the_readme_shows_are_sound() -> None:
    shown = re.findall(r"^\| `(\{ kind = .* \})` \|", Path("README.md").read_text(encoding="utf-8"), re.M)
    text = f'{SMALL}\n[variants.watched]\nsafeguards = [{{ kind = "monitoring", rules = [{", ".join(shown)}] }}]\n'
    (monitoring,) = parse_scenario(text, PATH).scenario.variants["watched"].safeguards
    assert [rule.kind for rule in monitoring.rules] == [
        *("error_rate", "answer_time", "wrong_rate", "cost_rate", "burn_rate", "budget_left")
    ]
