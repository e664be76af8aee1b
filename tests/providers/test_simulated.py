"""The simulated provider at exact times: queue, limits, clients that give up, and what is billed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.faults.content import Truncated
from app.faults.incidents import Outage
from app.faults.latency import Hang, SlowFirstToken
from app.faults.provider_errors import RateLimited, ServerError
from app.providers.states import QUEUED, SERVING
from app.safeguards.errors import RUN_ENDED, TIMEOUT
from tests.providers.rig import Rig, cost, gives_up

STREAMING: dict[str, Any] = {
    "service": "tokens",
    "first_token_s": 1,
    "first_token_sigma": 0,
    "tokens_per_s": 10,
}
"""First token after 1 s, the eleventh and last after 2 s."""


# -- slots and queue ------------------------------------------------------------


def test_calls_beyond_the_slots_queue_first_in_first_out() -> None:
    rig = Rig(slots=2)
    calls = [rig.call(n, at_s=n / 10) for n in range(5)]

    assert [end for end, _ in rig.done(*calls)] == [1.0, 1.1, 2.0, 2.1, 3.0]
    assert [call.queued_us for call in calls] == [0, 0, 800_000, 800_000, 1_600_000]


def test_an_answer_comes_token_by_token() -> None:
    rig = Rig(**STREAMING)
    call = rig.call()

    assert rig.done(call) == [(2.0, "right")]
    assert (call.first_us, call.output_tokens, call.status) == (1_000_000, 11, 200)
    assert call.cost_pico == cost(100, 11)


def test_service_slows_down_with_the_share_of_busy_slots_when_it_begins() -> None:
    rig = Rig(slots=4, slowdown=2)
    calls = [rig.call(n) for n in range(4)]

    assert [end for end, _ in rig.done(*calls)] == [1.0, 1.5, 2.0, 2.5]


def test_more_slots_serve_the_queue_at_once_and_fewer_wait_for_the_ends() -> None:
    rig = Rig(slots=1)
    calls = [rig.call(n) for n in range(3)]
    rig.configure(at_s=0.5, slots=3)
    assert [end for end, _ in rig.done(*calls)] == [1.0, 1.5, 1.5]

    rig = Rig(slots=3)
    calls = [rig.call(n) for n in range(5)]
    rig.configure(at_s=0.5, slots=1)
    assert [end for end, _ in rig.done(*calls)] == [1.0, 1.0, 1.0, 2.0, 3.0]


@given(
    slots=st.integers(1, 3),
    on_cancel=st.sampled_from(["stop", "finish"]),
    drop_expired=st.booleans(),
    calls=st.lists(
        st.tuples(st.integers(0, 900_000), st.integers(1, 4_000_000), st.integers(1, 4_000_000)), max_size=40
    ),
)
def test_every_call_ends_within_its_bounds_and_leaves_nothing_behind(
    slots: int, on_cancel: str, drop_expired: bool, calls: list[tuple[int, int, int]]
) -> None:
    rig = Rig(slots=slots, on_cancel=on_cancel, drop_expired=drop_expired, **STREAMING)
    begun = []
    now = 0
    for number, (gap_us, first_by_us, until_us) in enumerate(calls):
        now += gap_us
        begun.append(
            rig.call(
                number, at_s=now / 1e6, first_by_s=(now + first_by_us) / 1e6, until_s=(now + until_us) / 1e6
            )
        )
        assert rig.provider.in_service <= slots
    rig.until(10_000)

    assert sorted(map(id, rig.ended)) == sorted(map(id, begun))
    assert rig.provider.in_service == 0
    assert not rig.agenda.heap
    for call in begun:
        assert call.finished_us <= call.until_us
        assert (call.error is None) == (call.answer is not None)
        if call.error is None:
            assert call.first_us is not None
            assert call.first_us <= call.first_by_us
        assert call.cost_pico == (cost(100, call.output_tokens) if call.billed else 0)


# -- clients that give up ------------------------------------------------------------


def test_an_answer_in_the_very_microsecond_of_the_timeout_is_in_time() -> None:
    assert Rig().call(until_s=1).until_us == 1_000_000
    rig = Rig()
    assert rig.done(rig.call(until_s=1)) == [(1.0, "right")]
    rig = Rig()
    assert rig.done(rig.call(until_s=0.999999)) == [(0.999999, "timeout")]


def test_no_first_token_in_time_is_a_timeout() -> None:
    rig = Rig(**STREAMING)
    assert rig.done(rig.call(first_by_s=0.9, until_s=9)) == [(0.9, "timeout")]
    rig = Rig(**STREAMING)
    assert rig.done(rig.call(first_by_s=1, until_s=9)) == [(2.0, "right")]


def test_an_error_that_takes_longer_than_the_wait_for_a_first_token_is_not_heard() -> None:
    rig = Rig([ServerError(rate=1, after_s=2)])
    assert rig.done(rig.call(first_by_s=1.5)) == [(1.5, "timeout")]
    rig = Rig([ServerError(rate=1, after_s=2)])
    assert rig.done(rig.call(first_by_s=2)) == [(2.0, "server_error")]


@pytest.mark.parametrize(("until_s", "generated"), [(0.5, 0), (1.0, 1), (1.5, 6), (1.999999, 10)])
def test_a_server_that_stops_bills_the_prompt_and_what_it_generated(until_s: float, generated: int) -> None:
    rig = Rig(**STREAMING)
    call = rig.call(until_s=until_s)

    assert rig.done(call) == [(until_s, "timeout")]
    assert call.output_tokens == generated
    assert call.cost_pico == cost(100, generated)
    assert (call.first_us is None) is (generated == 0)


def test_a_server_that_stops_has_its_slot_free_at_once() -> None:
    rig = Rig(slots=1)
    first, second = rig.call(0, until_s=0.5), rig.call(1)

    assert rig.done(first, second) == [(0.5, "timeout"), (1.5, "right")]


def test_a_server_that_finishes_keeps_its_slot_and_bills_it_all() -> None:
    rig = Rig(slots=1, on_cancel="finish")
    first, second = rig.call(0, until_s=0.5), rig.call(1)

    assert rig.done(first, second) == [(0.5, "timeout"), (2.0, "right")]
    assert first.cost_pico == cost(100, 11)


@pytest.mark.parametrize(
    ("settings", "end_s", "billed"),
    [
        ({"on_cancel": "stop"}, 2.0, False),
        ({"on_cancel": "finish"}, 3.0, True),
        ({"on_cancel": "finish", "drop_expired": True}, 2.0, False),
    ],
)
def test_a_queued_call_whose_client_has_left(settings: dict[str, Any], end_s: float, billed: bool) -> None:
    # Given a call in service, one whose client leaves the queue, and one that waits on
    rig = Rig(slots=1, **settings)
    first, left, last = rig.call(0), rig.call(1, until_s=0.5), rig.call(2)

    # Then the server works on what nobody waits for, and bills it, only if it finishes what it has taken on
    assert rig.done(first, left, last) == [(1.0, "right"), (0.5, "timeout"), (end_s, "right")]
    assert left.billed is billed
    assert left.queued_us == 500_000


def test_work_that_nobody_waits_for_slows_down_with_load_like_all_other() -> None:
    rig = Rig(slots=2, slowdown=2, on_cancel="finish")
    rig.call(0)
    rig.call(1)
    rig.call(2, until_s=0.5)
    last = rig.call(3)

    # Slots come free at 1 s and 2 s: the lost call has the one for 2 s, the last has the other from 2 s on.
    assert rig.done(last) == [(4.0, "right")]
    assert last.queued_us == 2_000_000


def test_the_end_of_the_run_lets_nobody_in() -> None:
    rig = Rig(slots=1)
    serving, queued = rig.call(0), rig.call(1)

    gives_up(rig, serving, at_s=0.5, error=RUN_ENDED)
    gives_up(rig, queued, at_s=0.5, error=RUN_ENDED)

    assert serving.billed
    assert not queued.billed
    assert queued.cost_pico == 0


# -- limits ------------------------------------------------------------


def test_beyond_the_requests_per_minute_comes_a_429_with_the_exact_wait() -> None:
    rig = Rig(rpm=60, quota_burst_s=2)
    calls = [rig.call(n, at_s=0.25) for n in range(3)]

    assert rig.done(*calls) == [(1.25, "right"), (1.25, "right"), (0.3, "rate_limited")]
    assert calls[2].status == 429
    assert calls[2].retry_after_us == 1_000_000
    assert not calls[2].billed

    # Who comes back when told to is let in; a microsecond earlier is too early.
    rig = Rig(rpm=60, quota_burst_s=2)
    for n in range(2):
        rig.call(n, at_s=0.25)
    early, right = rig.call(2, at_s=1.249999), rig.call(3, at_s=1.25)
    assert [how for _, how in rig.done(early, right)] == ["rate_limited", "right"]


def test_tokens_are_reserved_with_the_bound_and_given_back_with_the_answer() -> None:
    # 1,800 tokens a minute, 300 at once; a call reserves 100 + 50 and uses 111.
    rig = Rig(tpm=1800, quota_burst_s=10)
    calls = [rig.call(n) for n in range(3)]
    assert [how for _, how in rig.done(*calls)] == ["right", "right", "rate_limited"]
    assert calls[2].retry_after_us == 5_000_000

    # When both have answered, after 1 s, they have given back 78, and time has brought 30.
    rig = Rig(tpm=1800, quota_burst_s=10)
    for n in range(2):
        rig.call(n)
    late = rig.call(2, at_s=1.000001)
    assert rig.done(late)[0][1] == "rate_limited"
    assert late.retry_after_us == 1_400_000 - 1


def test_a_call_that_stops_in_the_queue_gives_all_its_tokens_back() -> None:
    rig = Rig(tpm=1800, quota_burst_s=10, slots=1)
    rig.call(0)
    left = rig.call(1, until_s=0.5)
    again = rig.call(2, at_s=0.6)

    assert [how for _, how in rig.done(left, again)] == ["timeout", "right"]


def test_a_call_that_can_never_fit_is_told_so() -> None:
    rig = Rig(tpm=600, quota_burst_s=10)
    call = rig.call()
    assert rig.done(call) == [(0.05, "request_too_large")]
    assert call.retry_after_us is None


def test_calls_turned_away_use_quota_only_where_that_is_so() -> None:
    for uses, then in ((False, "right"), (True, "rate_limited")):
        # Ten requests, and the tokens of one: nine are turned away for want of tokens.
        rig = Rig(rpm=60, tpm=900, quota_burst_s=10, rejected_use_quota=uses)
        for n in range(10):
            rig.call(n)
        rig.configure(at_s=0, tpm=None)
        assert rig.done(rig.call(10))[0][1] == then


def test_a_prompt_that_does_not_fit_into_the_context_is_refused_at_once() -> None:
    rig = Rig(context_tokens=149, limit_reply_s=0.1)
    assert rig.done(rig.call()) == [(0.1, "context_length_exceeded")]
    assert Rig(context_tokens=150).call().state != 0


# -- faults that strike ------------------------------------------------------------


def test_the_first_fault_to_say_so_is_heard_and_all_that_fired_are_noted() -> None:
    rig = Rig([RateLimited(rate=1, after_s=0.1, retry_after_s=3), Hang(rate=1), ServerError(rate=1)])
    call = rig.call()

    assert rig.done(call) == [(0.1, "rate_limited")]
    assert call.retry_after_us == 3_000_000
    assert call.hits == call.request.hits == 0b111
    assert [kind for _, kind in rig.provider.faults.log] == ["rate_limited", "hang", "server_error"]


def test_a_call_that_hangs_ends_when_its_client_gives_up_and_holds_no_slot() -> None:
    rig = Rig([Hang(first=1)], slots=1)
    hung, other = rig.call(0, first_by_s=5, until_s=8), rig.call(1)

    assert rig.done(hung, other) == [(5.0, "timeout"), (1.0, "right")]
    assert not hung.billed


def test_an_answer_cut_short_is_quicker_and_billed_for_what_there_is() -> None:
    rig = Rig([Truncated(rate=1, keep_fraction=0.5)], **STREAMING)
    call = rig.call()

    # 11 * 0.5 rounds to 6 tokens (half to even); service after the first token shrinks alike, 6/11 of 1 s.
    assert rig.done(call) == [(1.545454, "truncated")]
    assert call.cost_pico == cost(100, 6)


def test_a_slow_first_token_moves_the_rest_along() -> None:
    rig = Rig([SlowFirstToken(rate=1, factor=3, sigma=0, tail_rate=0)], **STREAMING)
    call = rig.call()
    assert rig.done(call) == [(4.0, "right")]
    assert call.first_us == 3_000_000


def test_an_answer_keeps_to_the_bound_its_request_set_out_with() -> None:
    rig = Rig(output_tokens=40, **STREAMING)
    call = rig.call(max_tokens=20)

    assert rig.done(call) == [(2.95, "right")]
    assert call.output_tokens == 20


def test_a_price_that_changes_holds_for_calls_that_begin_after_it() -> None:
    rig = Rig()
    before = rig.call(0, at_s=0)
    dearer = {"input_usd_per_million_tokens": 5, "output_usd_per_million_tokens": 50}
    rig.configure(at_s=0.5, price=dearer)
    after = rig.call(1, at_s=0.5)
    rig.done(before, after)

    assert before.cost_pico == cost(100, 11)
    assert after.cost_pico == 5 * cost(100, 11)


# -- standing still ------------------------------------------------------------


def test_frozen_work_goes_on_where_it_stood() -> None:
    rig = Rig([Outage(outage_mode="freeze")], **STREAMING)
    rig.strike(False)
    streaming, waiting = rig.call(0), rig.call(1, at_s=0.8)
    rig.strike(True, at_s=1.2)
    rig.strike(False, at_s=5)

    assert rig.done(streaming, waiting) == [(5.8, "right"), (6.6, "right")]
    assert (streaming.first_us, waiting.first_us) == (1_000_000, 5_600_000)


@pytest.mark.parametrize(("on_cancel", "generated"), [("stop", 3), ("finish", 11)])
def test_a_client_that_gives_up_on_frozen_work_pays_for_what_was_or_will_be_generated(
    on_cancel: str, generated: int
) -> None:
    rig = Rig([Outage(outage_mode="freeze")], on_cancel=on_cancel, slots=1, **STREAMING)
    rig.strike(False)
    call = rig.call(0, until_s=4)
    rig.strike(True, at_s=1.2)
    rig.strike(False, at_s=5)
    next_one = rig.call(1, at_s=5)

    end_s = {"stop": 7.0, "finish": 7.8}[on_cancel]
    assert rig.done(call, next_one) == [(4.0, "timeout"), (end_s, "right")]
    assert call.output_tokens == generated
    assert call.cost_pico == cost(100, generated)
    assert call.first_us == 1_000_000


def test_a_first_token_that_froze_on_its_way_never_came() -> None:
    rig = Rig([Outage(outage_mode="freeze")], **STREAMING)
    rig.strike(False)
    call = rig.call(until_s=4)
    rig.strike(True, at_s=0.5)

    assert rig.done(call) == [(4.0, "timeout")]
    assert call.first_us is None
    assert call.cost_pico == cost(100, 0)


def test_abandoned_work_that_the_server_finishes_freezes_too() -> None:
    rig = Rig([Outage(outage_mode="freeze")], on_cancel="finish", slots=1)
    rig.strike(False)
    left, queued = rig.call(0, until_s=0.2), rig.call(1)
    rig.strike(True, at_s=0.4)
    rig.strike(False, at_s=3)

    assert rig.done(left, queued) == [(0.2, "timeout"), (4.6, "right")]
    assert left.error is TIMEOUT


def test_frozen_twice_it_goes_on_twice() -> None:
    rig = Rig([Outage(outage_mode="freeze")])
    rig.strike(False)
    call = rig.call()
    for begin, end in ((0.25, 1), (1.25, 2), (2.25, 3)):
        rig.strike(True, at_s=begin)
        rig.strike(False, at_s=end)

    assert rig.done(call) == [(3.25, "right")]


@given(
    on_cancel=st.sampled_from(["stop", "finish"]),
    drop_expired=st.booleans(),
    modes=st.lists(
        st.sampled_from(["freeze", "redeliver", "lost", "error"]), min_size=1, max_size=3, unique=True
    ),
    steps=st.lists(
        st.tuples(st.integers(0, 700_000), st.integers(0, 4), st.integers(1, 5_000_000)), max_size=50
    ),
)
def test_through_any_outages_every_call_ends_in_time_and_the_slots_come_free(
    on_cancel: str, drop_expired: bool, modes: list[str], steps: list[tuple[int, int, int]]
) -> None:
    faults = [Outage.model_validate({"id": mode, "outage_mode": mode}) for mode in modes]
    rig = Rig(faults, on_cancel=on_cancel, drop_expired=drop_expired, slots=2, **STREAMING)
    on = [False] * len(faults)
    rig.strike(*on)
    begun = []
    now = 1
    for number, (gap_us, what, patience_us) in enumerate(steps):
        now += 1 + gap_us
        if what < len(on):
            on[what] = not on[what]
            rig.strike(*on, at_s=now / 1e6)
        else:
            begun.append(rig.call(number, at_s=now / 1e6, until_s=(now + patience_us) / 1e6))
        assert 0 <= rig.provider.in_service <= 2
    rig.strike(*([False] * len(on)), at_s=now / 1e6 + 1)
    rig.until(100_000)

    assert sorted(map(id, rig.ended)) == sorted(map(id, begun))
    assert all(call.finished_us <= call.until_us for call in begun)
    assert rig.provider.in_service == 0
    assert not rig.provider.queue
    assert rig.provider.standstill is None
    for call in begun:
        assert call.cost_pico == (cost(100, call.output_tokens) if call.billed else 0)


def test_one_call_more_than_it_takes_at_once_is_turned_away_without_a_time() -> None:
    # Given two slots, and three calls at once at the most: one of them queues
    rig = Rig(slots=2, max_concurrency=3, service_s=1)
    calls = [rig.call(number) for number in range(5)]
    # When one has ended there is room for one more
    later = [rig.call(number, at_s=1.5) for number in (5, 6, 7)]
    assert [how for _, how in rig.done(*calls)] == ["right"] * 3 + ["rate_limited"] * 2
    assert [how for _, how in rig.done(*later)] == ["right", "right", "rate_limited"]
    assert {call.retry_after_us for call in (*calls[3:], later[2])} == {None}
    assert rig.done(calls[3])[0][0] == 0.05


def test_who_has_left_the_queue_no_longer_counts_among_those_at_once() -> None:
    rig = Rig(slots=1, max_concurrency=2, service_s=10)
    rig.call(0)
    rig.call(1, until_s=1)
    full, room = rig.call(2, at_s=0.5), rig.call(3, at_s=2)
    assert [how for _, how in rig.done(full, room)] == ["rate_limited", "right"]


@given(
    most=st.integers(1, 5),
    slots=st.integers(1, 5),
    gaps=st.lists(st.floats(0, 1.5), min_size=1, max_size=40),
    patience_s=st.floats(0.1, 5),
)
def test_never_more_at_once_than_it_takes(
    most: int, slots: int, gaps: list[float], patience_s: float
) -> None:
    rig = Rig(slots=slots, max_concurrency=most, service_s=1)
    at_s, calls = 0.0, []
    for number, gap in enumerate(gaps):
        at_s = round(at_s + gap, 6)
        calls.append(rig.call(number, at_s=at_s, until_s=at_s + patience_s))
        assert sum(call.state in (QUEUED, SERVING) for call in calls) <= most
    turned = [call for call, (_, how) in zip(calls, rig.done(*calls), strict=True) if how == "rate_limited"]
    for call in turned:
        there = [each for each in calls if each not in turned and each.started_us <= call.started_us]
        assert sum(each.finished_us >= call.started_us for each in there) >= most
