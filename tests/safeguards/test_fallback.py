"""The fallback chain: when it goes on, where to, and that one can tell why."""

from __future__ import annotations

import pytest

from app.errors import UserError
from app.safeguards.answer_check import AnswerCheck
from app.safeguards.budget import Budget
from app.safeguards.errors import (
    BUDGET_STOP,
    CONTEXT_LENGTH,
    OUT_OF_MONEY,
    OVERLOADED,
    RATE_LIMITED,
    REJECTED,
    REQUEST_TOO_LARGE,
    SERVER_ERROR,
    TIMEOUT,
    CallError,
)
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench, world

THREE = ("primary", "second", "third")


@pytest.mark.parametrize(
    "error", [SERVER_ERROR, TIMEOUT, RATE_LIMITED, OUT_OF_MONEY, CONTEXT_LENGTH, REQUEST_TOO_LARGE]
)
def test_what_another_target_may_answer_goes_to_it_and_says_why(error: CallError) -> None:
    script = Bench(Fallback()).arrives().calls("primary").fails(error, at_s=1)
    script.calls("fallback", retry=0).answers(at_s=2)

    assert script.served_by == "fallback"
    assert script.request.reason == f"fallback: {error.name}"


def test_what_no_target_would_answer_does_not() -> None:
    assert Bench(Fallback()).arrives().calls().fails(REJECTED, at_s=1).error is REJECTED


def test_the_chain_is_tried_in_order_and_once() -> None:
    bench = Bench(Fallback(targets=["second", "third"]), targets=THREE)
    script = bench.arrives().calls("primary").fails(SERVER_ERROR, at_s=1)
    script.calls("second").fails(TIMEOUT, at_s=2).calls("third").fails(SERVER_ERROR, at_s=3)

    assert script.error is SERVER_ERROR
    assert [attempt.target for attempt in script.request.attempts] == [0, 1, 2]


def test_a_fallback_with_too_small_a_context_window_does_not_end_the_chain() -> None:
    bench = Bench(Fallback(targets=["second", "third"]), targets=THREE)
    script = bench.arrives().calls("primary").fails(SERVER_ERROR, at_s=1)
    script.calls("second").fails(CONTEXT_LENGTH, at_s=2).calls("third").answers(at_s=3)

    assert script.served_by == "fallback"


def test_each_target_has_retries_of_its_own_and_none_is_gone_back_to() -> None:
    bench = Bench(Fallback(), Retry(max_retries=1, base_s=1, jitter="none"))
    script = bench.arrives().calls("primary", retry=0).fails(SERVER_ERROR, at_s=1)
    script.sleeps(until_s=2).calls("primary", retry=1).fails(SERVER_ERROR, at_s=3)
    script.calls("fallback", retry=0).fails(SERVER_ERROR, at_s=4)
    script.sleeps(until_s=5).calls("fallback", retry=1).fails(SERVER_ERROR, at_s=6)

    assert script.error is SERVER_ERROR
    assert [(a.target, a.retry) for a in script.request.attempts] == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_retry_around_it_begins_the_chain_anew_with_the_primary() -> None:
    bench = Bench(Retry(max_retries=1, base_s=1, jitter="none"), Fallback())
    script = bench.arrives().calls("primary", retry=0).fails(SERVER_ERROR, at_s=1)
    script.calls("fallback", retry=0).fails(SERVER_ERROR, at_s=2).sleeps(until_s=3)
    script.calls("primary", retry=1).fails(SERVER_ERROR, at_s=4).calls("fallback", retry=1).answers(at_s=5)

    assert script.served_by == "fallback"


def test_and_so_does_one_around_an_answer_check_that_refuses_what_the_fallback_said() -> None:
    bench = Bench(Retry(max_retries=1, base_s=1, jitter="none"), AnswerCheck(), Fallback())
    script = bench.arrives().calls("primary", retry=0).fails(SERVER_ERROR, at_s=1)
    script.calls("fallback").answers(at_s=2, failed_checks=frozenset({"format"})).sleeps(until_s=3)

    script.calls("primary", retry=1)


def test_two_chains_one_in_the_other() -> None:
    bench = Bench(
        Fallback(id="outer", targets=["third"]), Fallback(id="inner", targets=["second"]), targets=THREE
    )
    script = bench.arrives()
    for target in ("primary", "second", "third", "second"):
        script.calls(target).fails(SERVER_ERROR, at_s=1)

    assert script.error is SERVER_ERROR


def test_a_budget_keeps_its_last_part_for_a_cheaper_model_and_the_limit_counts_there_too() -> None:
    # A call reserves (100 + 50) tokens: 150,000 picodollars at the primary, 15,000 at the fallback.
    budget = Budget(per_run_usd=190_000 / 10**12, on_exceeded="cheaper_model", cheaper_from=0.8)
    bench = Bench(Fallback(), budget)
    bench.arrives(0).calls("primary").answers(at_s=1, cost=150_000)

    bench.arrives(1, at_s=1).calls("fallback").answers(at_s=2, cost=15_000)
    bench.arrives(2, at_s=2).calls("fallback").answers(at_s=3, cost=15_000)
    broke = bench.arrives(3, at_s=3)

    assert broke.error is not None
    assert broke.error.name == "budget_exceeded_canned"
    assert broke.request.attempts == ()


def test_a_budget_that_stops_stops() -> None:
    bench = Bench(Fallback(), Budget(per_run_usd=0, on_exceeded="stop"))
    assert bench.arrives().error is BUDGET_STOP


def test_a_target_that_does_not_exist_is_told() -> None:
    with pytest.raises(UserError, match="'nowhere' does not exist"):
        Fallback(targets=["nowhere"]).layer(world())


def test_a_retry_further_out_that_has_the_primary_answer_was_served_for_no_fallback_s_reason() -> None:
    bench = Bench(Retry(base_s=1, jitter="none"), Fallback())
    script = bench.arrives().calls("primary").fails(SERVER_ERROR, at_s=1)
    script.calls("fallback").fails(OVERLOADED, at_s=2).sleeps(until_s=3).calls("primary").answers(at_s=4)

    assert (script.served_by, script.request.reason) == ("primary", "")


def test_a_retry_further_in_leaves_the_reason_as_it_is() -> None:
    bench = Bench(Fallback(), Retry(base_s=1, max_retries=1, jitter="none"))
    script = bench.arrives().calls("primary").fails(SERVER_ERROR, at_s=1).sleeps(until_s=2)
    script.calls("primary").fails(SERVER_ERROR, at_s=3).calls("fallback").fails(OVERLOADED, at_s=4)
    script.sleeps(until_s=5).calls("fallback").answers(at_s=6)

    assert (script.served_by, script.request.reason) == ("fallback", "fallback: server_error")


def test_of_a_fallback_within_a_fallback_the_reason_is_that_of_the_one_whose_target_answers() -> None:
    bench = Bench(
        Fallback(targets=["second"]),
        Retry(id="outer", base_s=1, max_retries=1, jitter="none"),
        Fallback(id="inner", targets=["third"]),
        targets=THREE,
    )
    script = bench.arrives().calls("primary").fails(SERVER_ERROR, at_s=1)
    script.calls("third").fails(SERVER_ERROR, at_s=2).sleeps(until_s=3)
    script.calls("primary").fails(SERVER_ERROR, at_s=4).calls("third").fails(TIMEOUT, at_s=5)
    # The outer fallback's own reason is what is left once the retry inside of it begins anew.
    script.calls("second").fails(OVERLOADED, at_s=6)
    script.calls("third").fails(OVERLOADED, at_s=7).sleeps(until_s=8)
    assert script.request.reason == "fallback: timeout"
    script.calls("second").answers(at_s=9)
    assert script.request.reason == "fallback: timeout"
