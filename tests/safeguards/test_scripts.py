"""Whole pipelines, as scripts of exchanges: the two presets, and how layers compound."""

from __future__ import annotations

import pytest

from app.safeguards import presets
from app.safeguards.commands import Attempt
from app.safeguards.deadline import Deadline
from app.safeguards.errors import (
    BREAKER_OPEN,
    OVERLOADED,
    RATE_LIMITED,
    SERVER_ERROR,
    TIMEOUT,
)
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench, us


def no_jitter(name: str, retries: int) -> Retry:
    """Retries at once."""
    return Retry(id=name, max_retries=retries, base_s=0, jitter="none")


@pytest.mark.parametrize(("outer", "inner"), [(0, 3), (1, 1), (2, 2), (3, 2)])
def test_two_retry_layers_multiply(outer: int, inner: int) -> None:
    script = Bench(no_jitter("outer", outer), no_jitter("inner", inner)).arrives()
    calls = 0
    while script.result is None:
        script.calls(retry=calls).fails(SERVER_ERROR, at_s=calls)
        calls += 1

    assert calls == (1 + outer) * (1 + inner)


def test_and_a_deadline_bounds_them_all_the_same() -> None:
    bench = Bench(Deadline(total_s=7.5), no_jitter("outer", 5), no_jitter("inner", 5))
    script = bench.arrives()
    while script.result is None:
        now_s = bench.clock.now / 1e6
        assert script.attempt.until_us == us(7.5)
        script.fails(TIMEOUT, at_s=min(now_s + 1, 7.5))

    assert script.finished_s == 7.5
    assert len(script.request.attempts) == 8


def test_no_two_attempts_of_a_request_have_the_same_role() -> None:
    bench = Bench(no_jitter("outer", 2), *presets.SAFEGUARDED[2:4])
    script = bench.arrives()
    while script.result is None:
        if isinstance(script.command, Attempt):
            script.fails(SERVER_ERROR, at_s=bench.clock.now / 1e6)
        else:
            script.wakes()
    roles = [(a.target, a.retry, a.hedge) for a in script.request.attempts]
    assert len(roles) == 3 * 2 * 3
    assert len(set(roles)) == len(roles)


def test_the_safeguarded_preset_on_a_bad_day() -> None:
    # Given a primary that fails, and asks for more patience than there is
    bench = Bench(*presets.SAFEGUARDED)
    script = bench.arrives(at_s=10).calls("primary", until_s=30, first_by_s=20)
    script.fails(SERVER_ERROR, at_s=10.5)
    woke = script.wakes()
    woke.calls("primary", retry=1).fails(RATE_LIMITED, at_s=12, retry_after_s=60)

    # Then the fallback is asked at once, and what it says is kept
    script.calls("fallback", retry=0).answers(at_s=13)
    assert script.served_by == "fallback"
    assert script.request.reason == "fallback: rate_limited"
    bench.change(*presets.SAFEGUARDED)
    assert bench.arrives(1, at_s=14, key=script.request.cache_key).served_by == "cache"


def test_the_safeguarded_preset_never_leaves_a_customer_without_a_word() -> None:
    bench = Bench(*presets.SAFEGUARDED)
    script = bench.arrives()
    while script.result is None:
        if isinstance(script.command, Attempt):
            script.fails(OVERLOADED, at_s=bench.clock.now / 1e6 + 1)
        else:
            script.wakes()

    assert script.served_by == "canned"
    assert script.finished_s < 30
    assert [attempt.target for attempt in script.request.attempts] == [0, 0, 0, 1, 1, 1]


def test_without_safeguards_an_error_is_an_error() -> None:
    assert Bench().arrives().calls().fails(SERVER_ERROR, at_s=1).error is SERVER_ERROR


def test_a_retry_does_not_knock_at_an_open_breaker() -> None:
    assert not BREAKER_OPEN.transient
    assert not BREAKER_OPEN.sdk_retries
