"""The canned answer is the last resort, whatever it stands beside."""

from __future__ import annotations

import pytest

from app.safeguards.budget import Budget
from app.safeguards.cache import Cache, CacheLayer
from app.safeguards.canned import Canned
from app.safeguards.deadline import Deadline
from app.safeguards.errors import BUDGET_STOP, REJECTED, SERVER_ERROR, TIMEOUT, CallError
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench


@pytest.mark.parametrize("error", [SERVER_ERROR, TIMEOUT, REJECTED])
def test_it_stands_in_for_an_answer_and_says_for_what(error: CallError) -> None:
    script = Bench(Canned(text="Sorry.")).arrives().calls().fails(error, at_s=1)

    assert script.served_by == "canned"
    assert script.end.answer is not None
    assert script.end.answer.text == "Sorry."
    assert script.request.reason == f"canned: {error.name}"


def test_an_answer_is_left_alone() -> None:
    assert Bench(Canned()).arrives().calls().answers(at_s=1).served_by == "primary"


def test_all_else_is_tried_first_even_where_it_is_listed_innermost() -> None:
    bench = Bench(Fallback(), Retry(max_retries=1, base_s=1, jitter="none"), Canned())
    script = bench.arrives()
    for target, retry in (("primary", 0), ("primary", 1), ("fallback", 0), ("fallback", 1)):
        script.calls(target, retry=retry).fails(SERVER_ERROR, at_s=bench.clock.now / 1e6 + 1)
        if retry == 0:
            script.wakes()

    assert script.served_by == "canned"


def test_it_is_not_kept_as_an_answer_to_the_question() -> None:
    bench = Bench(Canned(), Cache())
    bench.arrives(0, key="same").calls().fails(SERVER_ERROR, at_s=1)

    cache = bench.layer("cache")
    assert isinstance(cache, CacheLayer)
    assert not cache.entries
    bench.arrives(1, at_s=2, key="same").calls()


def test_it_stands_in_when_time_or_money_has_run_out() -> None:
    bench = Bench(Deadline(total_s=5), Canned())
    assert bench.arrives().calls(until_s=5).fails(TIMEOUT, at_s=5).served_by == "canned"

    assert Bench(Budget(per_run_usd=0), Canned()).arrives().served_by == "canned"


def test_but_not_for_a_budget_that_says_stop() -> None:
    assert Bench(Budget(per_run_usd=0, on_exceeded="stop"), Canned()).arrives().error is BUDGET_STOP


def test_of_two_the_first_listed_has_the_word() -> None:
    bench = Bench(Canned(id="first", text="First."), Canned(id="second", text="Second."))
    answer = bench.arrives().calls().fails(SERVER_ERROR, at_s=1).end.answer
    assert answer is not None
    assert answer.text == "First."


def test_a_prompt_that_cannot_be_made_costs_no_call() -> None:
    script = Bench(Canned()).arrives(unaskable=True)
    assert script.request.attempts == []
    assert script.request.reason == "canned: prompt_error"
