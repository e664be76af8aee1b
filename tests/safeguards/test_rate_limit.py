"""The client's own rate limit: requests and tokens together, reserved before a call and settled after it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.providers.quota import Limits
from app.safeguards.deadline import Deadline
from app.safeguards.errors import OWN_RATE_LIMIT, SERVER_ERROR
from app.safeguards.fallback import Fallback
from app.safeguards.rate_limit import RateLimit, RateLimitLayer
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench, us

NO_LIMITS = (Limits(None, None, 10),) * 2


def bench(
    *safeguards: RateLimit | Deadline | Fallback | Retry, limits: tuple[Limits, ...] = NO_LIMITS
) -> Bench:
    made = Bench()
    made.world = replace(made.world, limits=limits)
    made.change(*safeguards)
    return made


def test_calls_are_spaced_when_the_burst_is_used() -> None:
    at = bench(RateLimit(rpm=60, burst_s=2))
    for number in range(2):
        at.arrives(number).calls()
    at.arrives(2).waits(until_s=1).runs_out_of_time().calls()
    third = at.arrives(3, at_s=1)
    assert third.waits(until_s=2).runs_out_of_time().attempt.why == "waited for the rate limit"


def test_who_would_wait_too_long_is_turned_back_and_takes_nothing() -> None:
    at = bench(RateLimit(rpm=60, burst_s=1, max_wait_s=1.5))
    at.arrives(0).calls()
    at.arrives(1).waits(until_s=1)
    for number in range(2, 5):
        assert at.arrives(number).error is OWN_RATE_LIMIT
    at.arrives(5, at_s=1).waits(until_s=2)


def test_the_deadline_bounds_the_wait() -> None:
    at = bench(Deadline(total_s=0.9), RateLimit(rpm=60, burst_s=1))
    at.arrives(0).calls()
    assert at.arrives(1).error is OWN_RATE_LIMIT


def test_tokens_that_were_not_used_are_given_back() -> None:
    # 100 tokens in and up to 50 out are reserved for each; the bucket holds 300
    at = bench(RateLimit(tpm=1800, burst_s=10, max_wait_s=20))
    first, _ = at.arrives(0).calls(), at.arrives(1).calls()
    at.arrives(2).waits(until_s=5)
    first.attempt.input_tokens, first.attempt.output_tokens, first.attempt.billed = 100, 20, True
    first.answers(at_s=0)
    # 30 of 150 came back: a second less to wait
    at.arrives(3).waits(until_s=9)


def test_what_was_never_billed_used_nothing() -> None:
    at = bench(RateLimit(tpm=1800, burst_s=5))
    at.arrives(0).calls().fails(SERVER_ERROR, at_s=0)
    at.arrives(1).calls()


def test_a_retry_is_counted_again() -> None:
    at = bench(Retry(base_s=0, jitter="none"), RateLimit(rpm=60, burst_s=1))
    first = at.arrives(0).calls().fails(SERVER_ERROR, at_s=0)
    first.waits(until_s=1).runs_out_of_time().calls(retry=1)
    assert first.attempt.why == "retry: server_error, waited for the rate limit"


def test_around_retries_it_is_for_all_their_calls() -> None:
    at = bench(RateLimit(rpm=60, burst_s=3), Retry(max_retries=2, base_s=0, jitter="none"))
    script = at.arrives(0)
    for retry in range(3):
        script.calls(retry=retry).fails(SERVER_ERROR, at_s=0)
    at.arrives(1).waits(until_s=1)


def test_each_target_has_its_own_and_it_is_the_providers_unless_set() -> None:
    limits = (Limits(60, None, 1), Limits(None, None, 10))
    at = bench(Fallback(), RateLimit(max_wait_s=0), limits=limits)
    at.arrives(0).calls("primary")
    at.arrives(1).calls("fallback")
    at.arrives(2).calls("fallback")


def test_a_change_of_something_else_keeps_what_is_left() -> None:
    at = bench(RateLimit(rpm=60, burst_s=1))
    at.arrives(0).calls()
    at.change(RateLimit(rpm=60, burst_s=1, max_wait_s=0.5))
    assert at.arrives(1).error is OWN_RATE_LIMIT


@settings(max_examples=60)
@given(
    rpm=st.floats(1, 6_000),
    tpm=st.floats(200, 60_000),
    burst_s=st.floats(1, 60),
    gaps=st.lists(st.floats(0, 3), min_size=2, max_size=40),
)
def test_no_window_admits_more_than_burst_and_rate(
    rpm: float, tpm: float, burst_s: float, gaps: list[float]
) -> None:
    at = bench(RateLimit(rpm=rpm, tpm=tpm, burst_s=burst_s, max_wait_s=100))
    layer = at.layer("rate_limit")
    assert isinstance(layer, RateLimitLayer)
    admitted: list[int] = []
    now_s = 0.0
    for number, gap in enumerate(gaps):
        now_s += gap
        script = at.arrives(number, at_s=now_s)
        if script.result is None:
            admitted.append(
                script.request.attempts[0].started_us if script.request.attempts else _until(script)
            )
    assert all(a <= b for a, b in pairwise(admitted)), "first come, first served"
    for first, begin in enumerate(admitted):
        for last, end in enumerate(admitted[first:], first):
            calls, span_s = last - first + 1, (end - begin) / 1e6
            assert calls <= max(1, rpm / 60 * burst_s) + rpm / 60 * span_s + 1e-3
            assert 150 * calls <= max(150, tpm / 60 * burst_s) + tpm / 60 * span_s + 1e-2


def _until(script: object) -> int:
    command = getattr(script, "command")  # noqa: B009
    return int(command.until_us)


@pytest.mark.parametrize("tokens", [151, 10_000])
def test_what_never_fits_is_turned_back_at_once(tokens: int) -> None:
    at = bench(RateLimit(tpm=900, burst_s=10))
    at.clock.now = us(0)
    assert at.arrives(0, max_tokens=tokens).error is OWN_RATE_LIMIT
    at.arrives(1).calls()
