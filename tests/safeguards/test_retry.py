"""Retries: what is tried again, when, and how often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.safeguards import presets
from app.safeguards.base import Again, Layer
from app.safeguards.commands import Result
from app.safeguards.errors import (
    BAD_ANSWER,
    BREAKER_OPEN,
    BUDGET_CANNED,
    CONNECTION_LOST,
    CONTEXT_LENGTH,
    DEADLINE,
    OUT_OF_MONEY,
    OVERLOADED,
    RATE_LIMITED,
    REJECTED,
    REQUEST_TOO_LARGE,
    SERVER_ERROR,
    TIMEOUT,
    UNREADABLE,
    CallError,
)
from app.safeguards.pipeline import Pipeline
from app.safeguards.request import Request
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench, request, us, world


def layer_of(settings: Retry) -> Layer:
    """The settings at work, alone in a pipeline."""
    return Pipeline([settings.layer(world())]).layers[0]


def wait_of(
    layer: Layer, asked: Request, error: CallError = SERVER_ERROR, after_s: float | None = None
) -> int | None:
    """How long (µs) the layer waits before it tries again, at 1,000 s; None where it does not."""
    failed = Result.failure(error)
    failed.retry_after_us = None if after_s is None else us(after_s)
    again = layer.failed(asked, failed, us(1000))
    if again is None:
        return None
    assert isinstance(again, Again)
    assert again.slot == layer.slot
    return again.at_us - us(1000)


def test_two_retries_are_three_calls() -> None:
    script = Bench(Retry(max_retries=2, base_s=1, jitter="none")).arrives().calls(retry=0)
    script.fails(SERVER_ERROR, at_s=1).sleeps(until_s=2).calls(retry=1)
    script.fails(SERVER_ERROR, at_s=3).sleeps(until_s=5).calls(retry=2)

    assert script.fails(OVERLOADED, at_s=6).error is OVERLOADED
    assert len(script.request.attempts) == 3


def test_no_retries_means_none() -> None:
    assert Bench(Retry(max_retries=0)).arrives().calls().fails(SERVER_ERROR, at_s=1).error is SERVER_ERROR


def test_the_backoff_doubles_up_to_its_cap() -> None:
    layer = layer_of(Retry(max_retries=6, base_s=0.5, cap_s=3, jitter="none"))
    asked = request()

    waits = [wait_of(layer, asked) for _ in range(7)]

    assert waits == [us(0.5), us(1), us(2), us(3), us(3), us(3), None]


@pytest.mark.parametrize(
    ("jitter", "least", "most"), [("full", 0.0, 1.0), ("equal", 0.5, 1.0), ("sdk", 0.75, 1.0)]
)
def test_jitter_stays_within_its_bounds_and_fills_them(jitter: str, least: float, most: float) -> None:
    layer = layer_of(Retry.model_validate({"max_retries": 3, "base_s": 2, "cap_s": 4, "jitter": jitter}))
    for backoff_s in (2, 4, 4):
        asked = [request(number) for number in range(2000)]
        for each in asked:
            each.memo[layer.slot] = {2: 0, 4: (1, us(2))}[backoff_s]
        shares = [(wait_of(layer, each) or 0) / us(backoff_s) for each in asked]
        assert min(shares) >= least
        assert max(shares) <= most
        assert min(shares) < least + 0.01
        assert max(shares) > most - 0.01
        assert sum(shares) / len(shares) == pytest.approx((least + most) / 2, abs=0.02)


def test_decorrelated_jitter_lies_between_the_base_and_three_times_the_last_wait() -> None:
    layer = layer_of(Retry(max_retries=4, base_s=1, cap_s=7, jitter="decorrelated"))
    for last_s, most_s in ((1, 3), (2, 6), (5, 7)):
        asked = [request(number) for number in range(2000)]
        for each in asked:
            each.memo[layer.slot] = (1, us(last_s))
        waits = [wait_of(layer, each) or 0 for each in asked]
        assert us(1) <= min(waits) < us(1.02)
        assert us(0.99 * most_s) < max(waits) <= us(most_s)


def test_a_wait_that_was_asked_for_leaves_decorrelated_jitter_where_it_was() -> None:
    # Given a target that asks for 100 s after the second call
    layer = layer_of(Retry(max_retries=9, base_s=1, cap_s=900, jitter="decorrelated"))
    asked, told = request(3), request(3)
    first = wait_of(layer, asked)
    assert (wait_of(layer, told), wait_of(layer, told, after_s=100)) == (first, us(100))
    # Then the third wait goes on from the first one
    asked.retry = told.retry = 2
    assert wait_of(layer, told) == wait_of(layer, asked)


def test_jitter_is_keyed_by_request_role_and_id_and_so_does_not_depend_on_who_came_before() -> None:
    settings = Retry(jitter="full", base_s=8)
    first, second = layer_of(settings), layer_of(settings)
    asked = [request(number) for number in range(50)]

    forwards = [wait_of(first, request(each.number)) for each in asked]
    backwards = [wait_of(second, request(each.number)) for each in reversed(asked)][::-1]

    assert forwards == backwards
    assert forwards != [wait_of(layer_of(Retry(id="other", jitter="full", base_s=8)), each) for each in asked]


@pytest.mark.parametrize(
    "error", [RATE_LIMITED, SERVER_ERROR, OVERLOADED, TIMEOUT, CONNECTION_LOST, UNREADABLE, BAD_ANSWER]
)
def test_what_may_pass_is_tried_again(error: CallError) -> None:
    assert wait_of(layer_of(Retry()), request(), error) is not None


@pytest.mark.parametrize(
    "error",
    [OUT_OF_MONEY, REQUEST_TOO_LARGE, CONTEXT_LENGTH, REJECTED, DEADLINE, BREAKER_OPEN, BUDGET_CANNED],
)
def test_what_cannot_succeed_is_not(error: CallError) -> None:
    assert wait_of(layer_of(Retry()), request(), error) is None


def test_retry_after_takes_the_place_of_the_backoff_to_the_microsecond() -> None:
    layer = layer_of(Retry(base_s=0.5, max_retry_after_s=5))

    assert wait_of(layer, request(), RATE_LIMITED, after_s=1.234567) == 1_234_567
    assert wait_of(layer, request(), RATE_LIMITED, after_s=5) == us(5)
    assert wait_of(layer, request(), RATE_LIMITED, after_s=5.000001) is None


def test_retry_after_is_not_heard_when_it_is_not_to_be() -> None:
    layer = layer_of(Retry(base_s=0.5, jitter="none", respect_retry_after=False, max_retry_after_s=5))

    assert wait_of(layer, request(), RATE_LIMITED, after_s=60) == us(0.5)


def test_the_prototype_does_what_an_official_sdk_does() -> None:
    bench = Bench(*presets.PROTOTYPE)
    waits = []
    for number in range(500):
        script = bench.arrives(number).calls(until_s=600, first_by_s=600).fails(SERVER_ERROR, at_s=10)
        first = bench.clock.now
        script.wakes()
        waits.append((bench.clock.now - first) / us(0.5))
        script.calls(retry=1).fails(SERVER_ERROR, at_s=20)
        second = bench.clock.now
        script.wakes()
        waits.append((bench.clock.now - second) / us(1))
        assert script.calls(retry=2).fails(SERVER_ERROR, at_s=30).error is SERVER_ERROR
    assert 0.75 <= min(waits) < 0.76
    assert 0.99 < max(waits) <= 1


def test_the_prototype_waits_two_minutes_if_told_so_and_no_longer() -> None:
    bench = Bench(*presets.PROTOTYPE)
    bench.arrives().calls().fails(RATE_LIMITED, at_s=1, retry_after_s=120).sleeps(until_s=121).calls(retry=1)

    assert bench.arrives().calls().fails(RATE_LIMITED, at_s=1, retry_after_s=121).error is RATE_LIMITED


def test_the_prototype_tries_again_even_with_no_money_left() -> None:
    script = Bench(*presets.PROTOTYPE).arrives()
    for at_s in (1, 10, 20):
        script.calls().fails(OUT_OF_MONEY, at_s=at_s)
        if at_s < 20:
            script.wakes()
    assert script.error is OUT_OF_MONEY


def test_but_not_a_request_that_is_wrong_in_itself() -> None:
    for error in (CONTEXT_LENGTH, REJECTED):
        assert Bench(*presets.PROTOTYPE).arrives().calls().fails(error, at_s=1).error is error


@given(
    retries=st.integers(0, 6),
    base_s=st.floats(0, 5),
    cap_s=st.floats(0, 20),
    jitter=st.sampled_from(["none", "full", "equal", "sdk"]),
    number=st.integers(0, 10_000),
)
def test_any_backoff_is_within_base_doubled_and_cap(
    retries: int, base_s: float, cap_s: float, jitter: str, number: int
) -> None:
    settings = {"max_retries": retries, "base_s": base_s, "cap_s": cap_s, "jitter": jitter}
    layer = layer_of(Retry.model_validate(settings))
    asked = request(number)

    waits = [wait_of(layer, asked) for _ in range(retries + 1)]

    assert waits[-1] is None
    for made, wait in enumerate(waits[:-1]):
        assert wait is not None
        assert 0 <= wait <= round(min(us(cap_s) + 1, (us(base_s) + 1) * 2**made))
