"""The circuit breaker's states, at exact times, and what it must never do."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.safeguards.breaker import CLOSED, HALF_OPEN, OPEN, Breaker, BreakerLayer
from app.safeguards.cache import Cache
from app.safeguards.commands import Answer, Attempt, Result
from app.safeguards.errors import (
    BAD_ANSWER,
    BREAKER_OPEN,
    CONNECTION_LOST,
    CONTEXT_LENGTH,
    DEADLINE,
    OUT_OF_MONEY,
    OVERLOADED,
    RATE_LIMITED,
    SERVER_ERROR,
    TIMEOUT,
    CallError,
)
from app.safeguards.fallback import Fallback
from app.safeguards.pipeline import Pipeline
from app.safeguards.request import Request
from tests.safeguards.script import Bench, request, us, world


def made(asked: Request, at_s: float) -> Attempt:
    """A call that was made for the request."""
    attempt = Attempt().begun(asked, 0, us(at_s), us(99), us(99))
    asked.attempts += (attempt,)
    return attempt


class Calls:
    """Calls through a breaker, one by one, at times in seconds."""

    def __init__(self, settings: Breaker) -> None:
        layer = Pipeline([settings.layer(world())]).layers[0]
        assert isinstance(layer, BreakerLayer)
        self.layer = layer

    def begins(self, at_s: float, target: int = 0) -> Request | None:
        """A call that is let pass; None if it is turned back."""
        asked = request()
        asked.target = target
        turned = self.layer.enter(asked, us(at_s))
        assert turned is None or (isinstance(turned, Result) and turned.error is BREAKER_OPEN)
        return asked if turned is None else None

    def ends(self, asked: Request | None, at_s: float, error: CallError | None = SERVER_ERROR) -> None:
        """It ends, with an error or an answer."""
        assert asked is not None, "the call was turned back"
        attempt = made(asked, at_s)
        if error is None:
            attempt.answer = Answer("right")
            assert self.layer.answered(asked, attempt, us(at_s)) is None
        else:
            attempt.error = error
            assert self.layer.failed(asked, attempt, us(at_s)) is None

    def fail(self, times: int, at_s: float, error: CallError = SERVER_ERROR, target: int = 0) -> None:
        """So many calls fail at once."""
        for _ in range(times):
            self.ends(self.begins(at_s, target), at_s, error)

    def succeed(self, times: int, at_s: float) -> None:
        """So many calls are answered at once."""
        for _ in range(times):
            self.ends(self.begins(at_s), at_s, None)

    @property
    def state(self) -> int:
        """The state for the first target."""
        return self.layer.circuits[0].state


def test_it_opens_at_the_failure_that_makes_it_so_many_of_so_many() -> None:
    calls = Calls(Breaker(failure_ratio=0.5, min_calls=4))
    calls.succeed(2, at_s=1)
    calls.fail(1, at_s=2)
    assert calls.state == CLOSED
    calls.fail(1, at_s=3)
    assert calls.state == OPEN


def test_below_the_least_number_of_calls_it_stays_closed_however_many_fail() -> None:
    calls = Calls(Breaker(min_calls=5))
    calls.fail(4, at_s=1)
    assert calls.state == CLOSED
    calls.fail(1, at_s=1)
    assert calls.state == OPEN


def test_below_the_ratio_it_stays_closed() -> None:
    calls = Calls(Breaker(failure_ratio=0.5, min_calls=2, window_s=1000))
    calls.succeed(50, at_s=1)
    calls.fail(49, at_s=2)
    assert calls.state == CLOSED
    calls.fail(1, at_s=2)
    assert calls.state == OPEN


def test_failures_older_than_the_window_are_forgotten_at_exactly_its_age() -> None:
    for at_s, opens in ((10.999999, True), (11.0, False)):
        calls = Calls(Breaker(failure_ratio=1, min_calls=2, window_s=10))
        calls.fail(1, at_s=1)
        calls.fail(1, at_s=at_s)
        assert (calls.state == OPEN) is opens


def test_it_serves_nothing_while_open_and_probes_to_the_microsecond() -> None:
    calls = Calls(Breaker(min_calls=1, open_s=5))
    calls.fail(1, at_s=2)

    assert calls.begins(2) is None
    assert calls.begins(6.999999) is None
    assert calls.begins(7) is not None
    assert calls.state == HALF_OPEN


def test_half_open_lets_so_many_probes_pass_and_no_more() -> None:
    calls = Calls(Breaker(min_calls=1, open_s=5, half_open_calls=3))
    calls.fail(1, at_s=2)

    let = [calls.begins(7 + 0.01 * n) for n in range(100)]

    assert sum(each is not None for each in let) == 3
    assert all(each is not None for each in let[:3])


def test_it_closes_when_all_probes_are_back_well() -> None:
    calls = Calls(Breaker(min_calls=1, open_s=5, half_open_calls=2))
    calls.fail(1, at_s=2)
    first, second = calls.begins(7), calls.begins(7)

    calls.ends(first, 8, None)
    assert calls.state == HALF_OPEN
    assert calls.begins(8) is None
    calls.ends(second, 9, None)

    assert calls.state == CLOSED
    assert calls.begins(9) is not None


def test_the_first_probe_that_fails_opens_it_anew_and_the_time_counts_from_then() -> None:
    # Not from when it opened before: with its earlier time it would let everything pass at once.
    calls = Calls(Breaker(min_calls=1, open_s=5, half_open_calls=2))
    calls.fail(1, at_s=2)
    first, second = calls.begins(7), calls.begins(7)

    calls.ends(first, 9)
    assert calls.state == OPEN
    assert calls.begins(13.999999) is None
    # What the other probe brings is old news.
    calls.ends(second, 13.5, None)
    assert calls.state == OPEN
    assert calls.begins(14) is not None


def test_a_probe_that_never_comes_back_does_not_keep_it_half_open() -> None:
    calls = Calls(Breaker(min_calls=1, open_s=5, half_open_calls=1))
    calls.fail(1, at_s=2)
    lost = calls.begins(7)

    assert calls.begins(11.999999) is None
    again = calls.begins(12)
    assert again is not None
    calls.ends(again, 13, None)
    assert calls.state == CLOSED
    # The lost one comes back after all, and has no say.
    calls.ends(lost, 14)
    assert calls.state == CLOSED


@pytest.mark.parametrize("error", [RATE_LIMITED, OUT_OF_MONEY, CONTEXT_LENGTH, BAD_ANSWER, DEADLINE])
def test_what_does_not_tell_that_the_target_is_unwell_does_not_count(error: CallError) -> None:
    calls = Calls(Breaker(min_calls=1))
    calls.fail(100, at_s=1, error=error)
    assert calls.state == CLOSED


@pytest.mark.parametrize("error", [SERVER_ERROR, OVERLOADED, TIMEOUT, CONNECTION_LOST])
def test_what_does_counts(error: CallError) -> None:
    calls = Calls(Breaker(min_calls=1))
    calls.fail(1, at_s=1, error=error)
    assert calls.state == OPEN


def test_a_probe_that_meets_a_limit_gives_its_place_back() -> None:
    calls = Calls(Breaker(min_calls=1, open_s=5, half_open_calls=1))
    calls.fail(1, at_s=2)
    calls.ends(calls.begins(7), 7.5, RATE_LIMITED)
    assert calls.state == HALF_OPEN
    calls.ends(calls.begins(7.5), 8, None)
    assert calls.state == CLOSED


def test_each_target_has_its_own_state() -> None:
    calls = Calls(Breaker(min_calls=1))
    calls.fail(1, at_s=1, target=0)

    assert calls.begins(1, target=0) is None
    assert calls.begins(1, target=1) is not None


def test_calls_that_began_before_it_opened_have_no_say_when_they_come_back() -> None:
    calls = Calls(Breaker(min_calls=1, open_s=5, half_open_calls=1))
    slow = [calls.begins(0) for _ in range(10)]
    calls.fail(1, at_s=1)

    for each in slow[:5]:
        calls.ends(each, 2)
    probe = calls.begins(6)
    for each in slow[5:]:
        calls.ends(each, 6.5)
    calls.ends(probe, 7, None)

    assert calls.state == CLOSED


def test_a_slow_answer_counts_as_failed_where_that_is_asked_for() -> None:
    for took_s, opens in ((3.0, False), (3.000001, True)):
        calls = Calls(Breaker(min_calls=1, slow_call_s=3))
        asked = calls.begins(1)
        assert asked is not None
        attempt = made(asked, 1)
        attempt.answer = Answer("right")
        calls.layer.answered(asked, attempt, us(1 + took_s))
        assert (calls.state == OPEN) is opens


@pytest.mark.parametrize("error", [DEADLINE, RATE_LIMITED])
def test_a_slow_call_counts_as_failed_however_it_ended(error: CallError) -> None:
    calls = Calls(Breaker(min_calls=1, slow_call_s=3))
    asked = calls.begins(1)
    assert asked is not None
    attempt = made(asked, 1)
    attempt.error = error
    calls.layer.failed(asked, attempt, us(4.5))
    assert calls.state == OPEN


def test_what_a_cache_further_in_answers_says_nothing_of_the_target() -> None:
    # Given a breaker around a cache that holds an answer, opened by failures
    bench = Bench(Breaker(min_calls=2, failure_ratio=0.5, open_s=5, half_open_calls=1), Cache())
    layer = bench.layer("breaker")
    assert isinstance(layer, BreakerLayer)
    circuit = layer.circuits[0]
    bench.arrives(0, key="known").calls().answers(at_s=0)
    for number in range(1, 20):
        assert bench.arrives(number, key="known").served_by == "cache"
    assert len(circuit.calls) == 1
    bench.arrives(20).calls().fails(SERVER_ERROR, at_s=1)
    assert circuit.state == OPEN
    # When the known question comes as the first probe, then it gives its place back, and closes nothing
    assert bench.arrives(21, at_s=6, key="known").served_by == "cache"
    assert (circuit.state, circuit.probes_out, circuit.probes_well) == (HALF_OPEN, 0, 0)
    bench.arrives(22, at_s=6).calls().fails(SERVER_ERROR, at_s=6.5)
    assert circuit.state == OPEN


def test_a_failure_that_was_shared_counts_once() -> None:
    bench = Bench(Breaker(min_calls=10), Cache())
    leader = bench.arrives(0, key="same").calls()
    follower = bench.arrives(1, key="same").waits()
    leader.fails(SERVER_ERROR, at_s=1)
    follower.lands(leader.resolved[0], at_s=1)
    assert follower.error is SERVER_ERROR
    layer = bench.layer("breaker")
    assert isinstance(layer, BreakerLayer)
    assert len(layer.circuits[0].failures) == 1


def test_a_refused_call_goes_to_the_fallback_without_delay() -> None:
    bench = Bench(Fallback(), Breaker(min_calls=1, open_s=5))
    bench.arrives(0).calls().fails(SERVER_ERROR, at_s=1).calls("fallback").answers(at_s=2)

    script = bench.arrives(1, at_s=3).calls("fallback").answers(at_s=3.5)

    assert script.served_by == "fallback"
    assert script.request.reason == "fallback: breaker_open"
    assert len(script.request.attempts) == 1


def test_around_a_fallback_it_judges_the_whole_chain_by_the_target_that_it_began_with() -> None:
    bench = Bench(Breaker(min_calls=1, open_s=5, half_open_calls=1), Fallback())
    bench.arrives().calls().fails(SERVER_ERROR, at_s=1).calls("fallback").fails(SERVER_ERROR, at_s=2)

    layer = bench.layer("breaker")
    assert isinstance(layer, BreakerLayer)
    assert [circuit.state for circuit in layer.circuits] == [OPEN, CLOSED]
    assert bench.arrives(1, at_s=6.999999).error is BREAKER_OPEN
    bench.arrives(2, at_s=7).calls().fails(SERVER_ERROR, at_s=8).calls("fallback").answers(at_s=9)
    assert layer.circuits[0].state == CLOSED
    assert layer.circuits[1].probes_out == 0


@given(
    ratio=st.sampled_from([0.1, 0.5, 1.0]),
    min_calls=st.integers(1, 5),
    probes=st.integers(1, 3),
    steps=st.lists(
        st.tuples(
            st.integers(0, 4_000_000), st.integers(0, 9), st.sampled_from([None, SERVER_ERROR, RATE_LIMITED])
        ),
        max_size=150,
    ),
)
def test_whatever_happens_it_neither_serves_while_open_nor_floods_nor_sticks(
    ratio: float, min_calls: int, probes: int, steps: list[tuple[int, int, CallError | None]]
) -> None:
    calls = Calls(
        Breaker(failure_ratio=ratio, min_calls=min_calls, half_open_calls=probes, open_s=5, window_s=8)
    )
    layer, circuit = calls.layer, calls.layer.circuits[0]
    out: list[Request] = []
    let_pass: Counter[int] = Counter()
    now = 0
    for gap_us, which, error in steps:
        now += gap_us
        before, reopens_us = circuit.state, circuit.reopens_us
        asked = request()
        if layer.enter(asked, now) is None:
            assert before != OPEN or now >= reopens_us
            if circuit.state == HALF_OPEN:
                let_pass[circuit.era] += 1
            out.append(asked)
        elif before == OPEN:
            assert now < reopens_us
        if len(out) > which:
            ended = out.pop(which)
            if error is None:
                layer.answered(ended, Result.of(Answer("right"), 0), now)
            else:
                layer.failed(ended, Result.failure(error), now)
                if circuit.state == HALF_OPEN and error is RATE_LIMITED:
                    let_pass[circuit.era] -= 1 if ended.memo[layer.slot][1] == circuit.era else 0
        assert 0 <= circuit.probes_out <= probes
    assert all(count <= probes for count in let_pass.values())
    # Whatever state it is in, `open_s` later it lets calls pass, and as many good ones as it wants close it.
    now += us(5)
    for _ in range(probes):
        asked = request()
        assert layer.enter(asked, now) is None
        layer.answered(asked, Result.of(Answer("right"), 0), now)
    assert circuit.state == CLOSED
