"""Hand-off to a person: a queue with staff, patience and a price."""

from __future__ import annotations

import pytest

from app.safeguards.canned import Canned
from app.safeguards.deadline import Deadline
from app.safeguards.errors import BUDGET_STOP, SERVER_ERROR
from app.safeguards.hand_off import HandOff, HandOffLayer
from tests.safeguards.script import Bench, Script, us


def given_up(bench: Bench, number: int, at_s: float) -> Script:
    return bench.arrives(number, at_s=at_s).calls().fails(SERVER_ERROR, at_s=at_s)


def free_at(bench: Bench) -> list[int]:
    layer = bench.layer("hand_off")
    assert isinstance(layer, HandOffLayer)
    return layer.free_at_us


def test_a_person_takes_it_and_is_busy_until_it_is_answered() -> None:
    bench = Bench(HandOff(agents=1, handle_s=100, cost_usd=3))
    taken = given_up(bench, 0, 5)
    (busy_until_us,) = free_at(bench)
    assert busy_until_us > us(5)
    taken.waits(until_s=busy_until_us / 1e6).runs_out_of_time()
    assert taken.served_by == "human"
    assert taken.request.reason == "hand-off: server_error"
    assert taken.request.fee_pico == 3 * 10**12


def test_who_comes_next_waits_for_the_first_to_be_free() -> None:
    bench = Bench(HandOff(agents=2, handle_s=100, patience_s=1e6))
    for number in range(2):
        given_up(bench, number, 0)
    first, second = sorted(free_at(bench))
    third = given_up(bench, 2, 1)
    (ends_us,) = set(free_at(bench)) - {second}
    assert ends_us > first, "it begins when the first is free, and not before"
    third.waits(until_s=ends_us / 1e6)
    assert third.runs_out_of_time().served_by == "human"


def test_who_would_wait_too_long_gives_up_then_and_takes_nobodys_time() -> None:
    bench = Bench(Canned(), HandOff(agents=1, handle_s=1e6, patience_s=30))
    bench.change(HandOff(agents=1, handle_s=1e6, patience_s=30), Canned())
    given_up(bench, 0, 0)
    busy = list(free_at(bench))
    gone = given_up(bench, 1, 10).waits(until_s=40).runs_out_of_time()
    assert free_at(bench) == busy
    assert gone.served_by == "canned"
    assert gone.request.fee_pico == 0


def test_without_another_last_resort_it_is_nobodys() -> None:
    bench = Bench(HandOff(agents=1, handle_s=1e6, patience_s=30))
    given_up(bench, 0, 0)
    gone = given_up(bench, 1, 10).runs_out_of_time()
    assert gone.error is SERVER_ERROR
    assert gone.request.reason == "hand-off: nobody was free in time"


def test_the_deadline_of_calls_does_not_hold_for_people() -> None:
    bench = Bench(Deadline(total_s=1), HandOff(agents=1, handle_s=1e6))
    assert given_up(bench, 0, 0).runs_out_of_time().served_by == "human"


def test_what_ends_for_good_is_not_handed_on() -> None:
    bench = Bench(HandOff())
    assert bench.arrives(0).calls().fails(BUDGET_STOP, at_s=0).error is BUDGET_STOP


def test_requests_from_before_a_change_stand_in_the_same_queue() -> None:
    # Given a call under way when a switch is flipped, and the only person busy from then on
    bench = Bench(HandOff(agents=1, handle_s=1e6, patience_s=30))
    before = bench.arrives(0).calls()
    bench.change(HandOff(agents=1, handle_s=1e6, patience_s=30))
    given_up(bench, 1, 5)
    busy = list(free_at(bench))

    # When the call from before the change fails, then its request finds that person busy
    before.fails(SERVER_ERROR, at_s=6).waits(until_s=36)
    assert free_at(bench) == busy


@pytest.mark.parametrize("agents", [1, 2, 5])
def test_with_more_or_fewer_people_those_who_are_busy_stay_busy(agents: int) -> None:
    bench = Bench(HandOff(agents=2, handle_s=1e6))
    for number in range(2):
        given_up(bench, number, 0)
    first, second = sorted(free_at(bench))
    bench.change(HandOff(agents=agents, handle_s=1e6))
    assert sorted(free_at(bench)) == sorted([first, second][:agents] + [0] * (agents - 2))
