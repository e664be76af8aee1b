"""Slowness that has a cause: slow tokens, wear over time, load; and targets that shrink or get dearer."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.faults.incidents import CapacityLoss, PriceRise
from app.faults.latency import Degradation, LoadLatency, SlowTokens
from tests.faults.struck import STREAMING
from tests.providers.rig import Rig, cost


def test_slow_tokens_leave_the_first_one_alone() -> None:
    rig = Rig([SlowTokens(rate=1, factor=3)], **STREAMING)
    call = rig.call()
    assert rig.done(call) == [(4.0, "right")]
    assert call.first_us == 1_000_000


def test_a_target_that_degrades_is_slower_from_minute_to_minute_up_to_a_bound() -> None:
    rig = Rig([Degradation(from_s=60, growth_per_minute=0.5, most_factor=3)])
    calls = [rig.call(number, at_s=at_s) for number, at_s in enumerate((60, 120, 180, 300, 6000))]
    took = [end - call.started_us / 1e6 for call, (end, _) in zip(calls, rig.done(*calls), strict=True)]
    assert took == pytest.approx([1.0, 1.5, 2.0, 3.0, 3.0])


def test_latency_grows_with_the_calls_that_are_there() -> None:
    rig = Rig([LoadLatency(slope=2)], slots=4)
    calls = [rig.call(number) for number in range(4)]
    assert [end for end, _ in rig.done(*calls)] == [1.0, 1.5, 2.0, 2.5]


def test_a_queue_counts_as_load() -> None:
    rig = Rig([LoadLatency(slope=1)], slots=1)
    calls = [rig.call(number) for number in range(3)]
    assert [end for end, _ in rig.done(*calls)] == [1.0, 3.0, 6.0]


def test_lost_capacity_makes_calls_queue_and_comes_back() -> None:
    # Given four slots of which three are lost, when five calls come, then one is served at a time; when the slots are
    # back, then all that wait are served at once.
    rig = Rig([CapacityLoss(lost_share=0.75)], slots=4)
    calls = [rig.call(number) for number in range(5)]
    rig.strike(False, at_s=2.5)
    assert [end for end, _ in rig.done(*calls)] == [1.0, 2.0, 3.0, 3.5, 3.5]


def test_work_in_service_goes_on_when_capacity_is_lost() -> None:
    rig = Rig([CapacityLoss(lost_share=0.5)], slots=2)
    rig.strike(False)
    calls = [rig.call(number) for number in range(4)]
    rig.strike(True, at_s=0.5)
    assert [end for end, _ in rig.done(*calls)] == [1.0, 1.0, 2.0, 3.0]


def test_other_settings_do_not_bring_lost_slots_back_and_one_is_always_left() -> None:
    rig = Rig([CapacityLoss(lost_share=1)], slots=4)
    calls = [rig.call(number) for number in range(3)]
    rig.configure(at_s=0.5, slots=8)
    assert [end for end, _ in rig.done(*calls)] == [1.0, 2.0, 3.0]


def test_capacity_is_lost_to_every_call() -> None:
    with pytest.raises(ValidationError, match="slots are lost to every call"):
        CapacityLoss(rate=0.5)
    rig = Rig([CapacityLoss(rate=0)], slots=2)
    assert [end for end, _ in rig.done(rig.call(), rig.call(1))] == [1.0, 1.0]


def test_a_price_rise_multiplies_what_calls_cost_while_it_lasts() -> None:
    rig = Rig([PriceRise(factor=2.5)])
    dear = rig.call()
    rig.strike(False, at_s=2)
    usual = rig.call(1, at_s=3)
    rig.done(dear, usual)
    assert (dear.cost_pico, usual.cost_pico) == (round(2.5 * cost(100, 11)), cost(100, 11))
