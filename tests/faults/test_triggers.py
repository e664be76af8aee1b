"""Triggers: zero means never, one means always, and a higher rate hits what a lower one hit, and more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from app.engine.draws import Draws, Role
from app.faults.base import Fault
from app.faults.fault_set import FaultSet
from app.faults.incidents import Outage
from app.faults.latency import Hang
from app.faults.mess import Typos
from app.faults.provider_errors import Overloaded, RateLimited, ServerError

MANY = 200_000
ROLE = Role("primary")


def hits(*faults: Fault, role: Role = ROLE, seed: int = 1, count: int = MANY) -> list[NDArray[np.bool_]]:
    """For each fault: which of the first `count` requests' attempts in this role it fires for."""
    bits = FaultSet(faults, Draws(seed), [True] * len(faults)).attempt_hits(role, 0, count)
    return [(bits >> number & 1).astype(np.bool_) for number in range(len(faults))]


def numbers(fires: NDArray[np.bool_]) -> Sequence[int]:
    """The requests that are hit."""
    return [int(n) for n in np.flatnonzero(fires)]


def test_a_rate_of_zero_never_strikes_and_one_always() -> None:
    never, always = hits(ServerError(rate=0), Hang(rate=1))
    assert not never.any()
    assert always.all()


def test_ninety_nine_in_a_hundred_is_not_always_and_one_in_a_hundred_not_never() -> None:
    most, few = hits(ServerError(rate=0.99), Hang(rate=0.01))
    # Three standard deviations of the share are 0.0007.
    assert most.mean() == pytest.approx(0.99, abs=0.0007)
    assert few.mean() == pytest.approx(0.01, abs=0.0007)


def test_the_probability_is_rolled_once() -> None:
    (half,) = hits(ServerError(rate=0.5))
    assert half.mean() == pytest.approx(0.5, abs=0.004)


@given(low=st.floats(0, 1), high=st.floats(0, 1), seed=st.integers(0, 2**63 - 1), retry=st.integers(0, 3))
def test_raising_the_rate_only_adds(low: float, high: float, seed: int, retry: int) -> None:
    low, high = sorted((low, high))
    role = Role("primary", retry)
    (fewer,) = hits(ServerError(rate=low), role=role, seed=seed, count=500)
    (more,) = hits(ServerError(rate=high), role=role, seed=seed, count=500)
    assert not (fewer & ~more).any()


@given(
    rate=st.floats(0, 1),
    others=st.lists(st.sampled_from(["hang", "overloaded", "rate_limited"]), unique=True),
)
def test_other_faults_and_the_order_they_are_listed_in_change_nothing(rate: float, others: list[str]) -> None:
    kinds: dict[str, Fault] = {
        "hang": Hang(rate=0.3),
        "overloaded": Overloaded(every=2),
        "rate_limited": RateLimited(first=9),
    }
    fault = ServerError(rate=rate)
    alone = hits(fault, count=300)[0]

    first = hits(fault, *(kinds[name] for name in others), count=300)[0]
    last = hits(*(kinds[name] for name in others), fault, count=300)[-1]

    assert (alone == first).all()
    assert (alone == last).all()


def test_two_faults_of_one_kind_draw_by_their_ids() -> None:
    one, other = hits(ServerError(id="one", rate=0.5), ServerError(id="other", rate=0.5))
    assert (one & other).mean() == pytest.approx(0.25, abs=0.004)


def test_each_attempt_draws_anew_unless_the_fault_is_the_requests() -> None:
    anew, same = ServerError(rate=0.5), Hang(rate=0.5, per="request")
    here, there = hits(anew, same, role=Role("primary", 0)), hits(anew, same, role=Role("primary", 1))
    elsewhere = hits(anew, same, role=Role("fallback", 0))

    assert (here[0] & there[0]).mean() == pytest.approx(0.25, abs=0.004)
    assert (here[0] & elsewhere[0]).mean() == pytest.approx(0.25, abs=0.004)
    assert (here[1] == there[1]).all()
    assert (here[1] == elsewhere[1]).all()


def test_the_first_so_many_requests_then_none() -> None:
    (fires,) = hits(ServerError(first=3))
    assert numbers(fires) == [0, 1, 2]


def test_every_so_manieth_request() -> None:
    (fires,) = hits(ServerError(every=4), count=13)
    assert numbers(fires) == [3, 7, 11]
    assert hits(ServerError(every=1))[0].all()


def test_counted_by_retry_the_first_calls_of_each_request_fail_and_then_it_succeeds() -> None:
    for retry, fails in ((0, True), (1, True), (2, False), (3, False)):
        (fires,) = hits(ServerError(first=2, count_by="retry"), role=Role("primary", retry), count=50)
        assert fires.all() if fails else not fires.any()


def test_counted_by_retry_every_second_call_of_a_request() -> None:
    for retry, fails in ((0, False), (1, True), (2, False), (3, True)):
        (fires,) = hits(ServerError(every=2, count_by="retry"), role=Role("primary", retry), count=50)
        assert fires.all() if fails else not fires.any()


def test_a_rate_and_a_count_must_both_hold() -> None:
    (fires,) = hits(ServerError(first=1000, rate=0.5))
    assert fires[:1000].mean() == pytest.approx(0.5, abs=0.06)
    assert not fires[1000:].any()
    assert not hits(ServerError(first=1000, rate=0))[0].any()


def test_a_block_is_the_same_however_it_is_asked_for() -> None:
    faults = FaultSet([ServerError(rate=0.3), Hang(every=7)], Draws(5), [True, True])
    whole = faults.attempt_hits(ROLE, 0, 3000)
    pieces = [faults.attempt_hits(ROLE, first, 600) for first in range(0, 3000, 600)]
    assert (whole == np.concatenate(pieces)).all()


def test_mess_is_drawn_for_the_request_by_its_number() -> None:
    faults = FaultSet([Typos(rate=0.2), ServerError(rate=1)], Draws(1), [True, True])
    fires = faults.mess_hits(0, np.arange(MANY))
    assert fires.mean() == pytest.approx(0.2, abs=0.003)
    assert (faults.mess_hits(0, np.array([7, 5, 100])) == fires[[7, 5, 100]]).all()
    assert not (faults.attempt_hits(ROLE, 0, 100) & 1).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "say when it strikes"),
        ({"rate": 1.01}, "less than or equal to 1"),
        ({"rate": -0.01}, "greater than or equal to 0"),
        ({"first": 1, "every": 2}, "not both"),
        ({"first": 0}, "greater than or equal to 1"),
        ({"rate": 1, "from_s": 5, "to_s": 5}, "must be after"),
        ({"rate": 1, "period_s": 5}, "both 'period_s' and 'bad_s'"),
        ({"rate": 1, "period_s": 5, "bad_s": 6}, "must not exceed"),
        ({"rate": 1, "mean_between_s": 5}, "both 'mean_between_s' and 'mean_duration_s'"),
        ({"rate": 1, "period_s": 5, "bad_s": 1, "mean_between_s": 5, "mean_duration_s": 1}, "not both"),
        ({"rate": 1, "match": {"column": "plan"}}, "either 'equals' or 'contains'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ServerError.model_validate(settings)


def test_messy_data_is_the_same_for_all_variants_and_targets() -> None:
    for scope in ("targets", "variants"):
        with pytest.raises(ValidationError, match="the same for all"):
            Typos.model_validate({"rate": 1, scope: ["primary"]})


@pytest.mark.parametrize("mode", ["freeze", "redeliver"])
@pytest.mark.parametrize("trigger", [{"rate": 0.5}, {"first": 3}, {"every": 2}, {"prompts": ["ask"]}])
def test_a_target_cannot_stand_still_for_some_calls_only(mode: str, trigger: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="stops the target for every call"):
        Outage.model_validate({"outage_mode": mode} | trigger)
    assert Outage.model_validate({"outage_mode": "lost"} | trigger)


def test_an_outage_with_rate_zero_is_none() -> None:
    for mode in ("freeze", "redeliver"):
        assert Outage.model_validate({"outage_mode": mode}).standstill == mode
        assert Outage.model_validate({"outage_mode": mode, "rate": 0}).standstill is None
