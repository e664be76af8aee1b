"""Adaptive throttling: the formula, the window, and what counts as accepted."""

from __future__ import annotations

from app.safeguards.adaptive_throttle import AdaptiveThrottle, AdaptiveThrottleLayer, Counts
from app.safeguards.answer_check import AnswerCheck
from app.safeguards.breaker import Breaker
from app.safeguards.cache import Cache
from app.safeguards.errors import BREAKER_OPEN, DEADLINE, OVERLOADED, REJECTED, THROTTLED, TIMEOUT
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench


def counted(bench: Bench, target: int = 0) -> tuple[int, int]:
    layer = bench.layer("adaptive_throttle")
    assert isinstance(layer, AdaptiveThrottleLayer)
    return layer.counts[target].requests, layer.counts[target].accepted


def test_nothing_is_turned_back_while_half_is_accepted() -> None:
    bench = Bench(AdaptiveThrottle(k=2))
    for number in range(100):
        script = bench.arrives(number, at_s=number / 10).calls()
        if number % 2:
            script.fails(OVERLOADED, at_s=number / 10)
        else:
            script.answers(at_s=number / 10)
    assert counted(bench) == (100, 50)


def test_of_a_target_that_accepts_nothing_few_are_asked() -> None:
    bench = Bench(AdaptiveThrottle(k=2, window_s=120))
    sent = 0
    for number in range(1000):
        script = bench.arrives(number, at_s=number / 100)
        if script.result is None:
            sent += 1
            script.fails(OVERLOADED, at_s=number / 100)
        else:
            assert script.error is THROTTLED
    # P(sent) = 1 / (R + 1) for R = 0, 1, ...: the harmonic number, 7.5 of 1,000
    assert 3 <= sent <= 13
    assert counted(bench) == (1000, 0)


def test_what_the_request_itself_was_to_blame_for_was_accepted() -> None:
    bench = Bench(AdaptiveThrottle())
    bench.arrives(0).calls().fails(REJECTED, at_s=0)
    assert counted(bench) == (1, 1)


def test_what_the_client_broke_off_for_its_own_reasons_does_not_count() -> None:
    bench = Bench(AdaptiveThrottle())
    bench.arrives(0).calls().fails(DEADLINE, at_s=0)
    assert counted(bench) == (0, 0)
    bench.arrives(1).calls().fails(TIMEOUT, at_s=0)
    assert counted(bench) == (1, 0)


def test_what_never_came_to_the_target_does_not_count() -> None:
    bench = Bench(AdaptiveThrottle(), Breaker(min_calls=2, open_s=100))
    bench.arrives(0).calls().answers(at_s=0)
    bench.arrives(1).calls().fails(OVERLOADED, at_s=0)
    assert bench.arrives(2).error is BREAKER_OPEN
    assert counted(bench) == (2, 1)


def test_what_a_cache_further_in_answered_does_not_count() -> None:
    bench = Bench(AdaptiveThrottle(), Cache())
    bench.arrives(0, key="same").calls().answers(at_s=0)
    assert bench.arrives(1, key="same").served_by == "cache"
    assert counted(bench) == (1, 1)


def test_an_answer_that_a_check_further_in_refuses_was_accepted() -> None:
    bench = Bench(AdaptiveThrottle(), AnswerCheck())
    bench.arrives(0).calls().answers(at_s=0, failed_checks=frozenset({"format"}))
    assert counted(bench) == (1, 1)


def test_a_refusal_counts_though_a_breaker_speaks_last() -> None:
    bench = Bench(AdaptiveThrottle(), Retry(base_s=0, jitter="none"), Breaker(min_calls=1, open_s=100))
    script = bench.arrives(0).calls().fails(OVERLOADED, at_s=0)
    assert script.error is BREAKER_OPEN
    assert counted(bench) == (1, 0)


def test_around_a_fallback_its_answers_are_those_of_the_target_that_was_asked_first() -> None:
    bench = Bench(AdaptiveThrottle(), Fallback())
    bench.arrives(0).calls("primary").fails(OVERLOADED, at_s=0).calls("fallback").answers(at_s=0)
    assert (counted(bench, 0), counted(bench, 1)) == ((1, 1), (0, 0))


def test_each_target_has_its_own_counts() -> None:
    bench = Bench(Fallback(), AdaptiveThrottle())
    bench.arrives(0).calls("primary").fails(OVERLOADED, at_s=0).calls("fallback").answers(at_s=0)
    assert (counted(bench, 0), counted(bench, 1)) == ((1, 0), (1, 1))


def test_what_is_older_than_the_window_is_forgotten() -> None:
    counts = Counts(10_000_000)
    for now_s in range(30):
        counts.cell(now_s * 1_000_000)[1] += 1
        counts.requests += 1
        assert counts.requests == min(now_s + 1, 10)


def test_a_change_of_k_keeps_the_counts_and_of_the_window_does_not() -> None:
    bench = Bench(AdaptiveThrottle(k=2))
    bench.arrives(0).calls().fails(OVERLOADED, at_s=0)
    bench.change(AdaptiveThrottle(k=1.5))
    assert counted(bench) == (1, 0)
    bench.change(AdaptiveThrottle(k=1.5, window_s=10))
    assert counted(bench) == (0, 0)
