"""The deadline counts from the intended arrival, and bounds everything that a request waits for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.safeguards.attempt_timeout import AttemptTimeout
from app.safeguards.cache import Cache
from app.safeguards.deadline import Deadline
from app.safeguards.errors import BAD_ANSWER, DEADLINE, RATE_LIMITED, SERVER_ERROR, TIMEOUT
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from tests.engine.small import Small, scenario, small_runs
from tests.safeguards.script import Bench, request, us


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("deadline")) as runs:
        yield runs


def test_an_attempt_ends_at_the_deadline_where_its_own_timeout_is_later() -> None:
    bench = Bench(Deadline(total_s=30), AttemptTimeout(attempt_s=20, first_token_s=5))
    bench.arrives(at_s=100).calls(until_s=120, first_by_s=105)

    bench = Bench(Deadline(total_s=3), AttemptTimeout(attempt_s=20, first_token_s=10))
    bench.arrives(at_s=100).calls(until_s=103, first_by_s=110)


def test_a_call_that_it_cuts_short_says_so_and_not_that_the_target_was_too_slow() -> None:
    for timeout_s, overdue in ((10, TIMEOUT), (10.000001, DEADLINE), (20, DEADLINE), (4, TIMEOUT)):
        bench = Bench(Deadline(total_s=10), AttemptTimeout(attempt_s=timeout_s))
        assert bench.arrives().calls().attempt.overdue is overdue


def test_what_it_cuts_short_opens_no_breaker(small: Small) -> None:
    # Given calls that hang, and a breaker; when a deadline or a timeout of the attempt ends them at the same time
    hang = '[[faults]]\nkind = "hang"\nrate = 1\n'
    breaker = '{ kind = "breaker", min_calls = 5 }'
    for bound, error, opens in (
        ('{ kind = "deadline", total_s = 2 }', "deadline_exceeded", False),
        ('{ kind = "attempt_timeout", attempt_s = 2 }', "timeout", True),
        # One bound as narrow as the other: the call has had all of its own time.
        (
            '{ kind = "deadline", total_s = 2 }, { kind = "attempt_timeout", attempt_s = 2 }',
            "timeout",
            True,
        ),
    ):
        ran = small.run(scenario(f"{hang}[variants.any]\nsafeguards = [{bound}, {breaker}]\n", duration_s=40))
        # Then only what the target itself was too slow for is held against it
        told = {each["error"] for each in ran.attempts("any")} - {"run_ended"}
        assert told == {error}
        assert any(each["reason"] == "breaker_open" for each in ran.requests("any")) is opens


def test_it_counts_from_the_intended_arrival_and_not_from_when_work_began() -> None:
    layer = Bench(Deadline(total_s=10)).layer("deadline")
    late = request(at_s=5)

    assert layer.enter(late, us(9)) is None
    assert late.deadline_us == us(15)


def test_a_request_whose_deadline_has_passed_makes_no_call() -> None:
    layer = Bench(Deadline(total_s=10)).layer("deadline")

    assert layer.enter(request(at_s=5), us(15) - 1) is None
    turned = layer.enter(request(at_s=5), us(15))
    assert turned is not None
    assert getattr(turned, "error", None) is DEADLINE


def test_the_narrower_of_two_deadlines_counts() -> None:
    bench = Bench(Deadline(id="wide", total_s=30), Deadline(id="narrow", total_s=4))
    bench.arrives().calls(until_s=4)

    bench = Bench(Deadline(id="narrow", total_s=4), Deadline(id="wide", total_s=30))
    bench.arrives().calls(until_s=4)


def test_no_backoff_reaches_beyond_it() -> None:
    # A backoff of 4 s that would end at 10 s exactly is not begun; with one microsecond more it is.
    for total_s, goes_on in ((10.0, False), (10.000001, True)):
        bench = Bench(Deadline(total_s=total_s), Retry(base_s=4, jitter="none"))
        script = bench.arrives().calls().fails(SERVER_ERROR, at_s=6)
        if goes_on:
            script.sleeps(until_s=10).calls(until_s=total_s)
        else:
            assert script.error is SERVER_ERROR


def test_no_retry_after_reaches_beyond_it() -> None:
    script = Bench(Deadline(total_s=10), Retry()).arrives().calls()

    assert script.fails(RATE_LIMITED, at_s=1, retry_after_s=9).error is RATE_LIMITED


def test_no_fallback_begins_at_it() -> None:
    bench = Bench(Deadline(total_s=10), Fallback())
    assert bench.arrives().calls().fails(TIMEOUT, at_s=10).error is TIMEOUT

    bench.arrives().calls().fails(TIMEOUT, at_s=9.999999).calls("fallback", until_s=10)


def test_timeouts_do_not_multiply_with_retries() -> None:
    # Ten calls of 20 s each and their backoffs would take minutes; the request takes 30 s.
    bench = Bench(
        Deadline(total_s=30), Retry(max_retries=9, base_s=1, jitter="none"), AttemptTimeout(attempt_s=20)
    )
    script = bench.arrives().calls(until_s=20)
    script.fails(TIMEOUT, at_s=20).sleeps(until_s=21).calls(until_s=30)
    script.fails(TIMEOUT, at_s=30)

    assert script.error is TIMEOUT
    assert len(script.request.attempts) == 2


def test_whoever_waits_for_the_same_question_waits_no_longer_than_its_own_deadline() -> None:
    bench = Bench(Deadline(total_s=10), Cache())
    bench.arrives(0, key="same").calls(until_s=10)

    follower = bench.arrives(1, at_s=4, key="same").waits(until_s=14).runs_out_of_time()

    assert follower.error is DEADLINE
    assert follower.finished_s == 14


def test_a_deadline_inside_of_a_retry_still_counts_from_the_intended_arrival() -> None:
    bench = Bench(Retry(base_s=1, jitter="none"), Deadline(total_s=10))
    bench.arrives().calls(until_s=10).fails(BAD_ANSWER, at_s=3).sleeps(until_s=4).calls(until_s=10)
