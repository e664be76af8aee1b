"""The canned answer is the last resort, whatever it stands beside."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from app.inputs.unheeded import unheeded
from app.safeguards.budget import Budget
from app.safeguards.cache import Cache, CacheLayer
from app.safeguards.canned import Canned
from app.safeguards.deadline import Deadline
from app.safeguards.errors import BUDGET_STOP, REJECTED, SERVER_ERROR, TIMEOUT, CallError
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from app.scenario.files import parse_scenario
from tests.safeguards.script import Bench
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH


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
    assert script.request.attempts == ()
    assert script.request.reason == "canned: prompt_error"


@dataclass
class Of:
    """A question of a prompt."""

    prompt_name: str


def said(canned: Canned, prompt: str) -> str | None:
    """What it says when a call for this prompt fails; None where it says nothing."""
    answer = Bench(canned).arrives(question=Of(prompt)).calls().fails(SERVER_ERROR, at_s=1).end.answer
    return None if answer is None else answer.text


def test_each_prompt_may_have_a_text_of_its_own_or_none() -> None:
    canned = Canned(text="Sorry.", texts={"triage": "A colleague sorts it.", "greet": ""})
    assert [said(canned, prompt) for prompt in ("triage", "answer", "greet")] == [
        "A colleague sorts it.",
        "Sorry.",
        None,
    ]
    assert said(Canned(text="", texts={"triage": "A colleague sorts it."}), "answer") is None


def test_an_empty_text_is_no_answer() -> None:
    script = Bench(Canned(text="")).arrives().calls().fails(SERVER_ERROR, at_s=1)
    assert script.error is SERVER_ERROR
    assert script.request.reason == ""


def test_where_the_first_listed_has_no_text_the_second_speaks() -> None:
    bench = Bench(Canned(id="first", texts={"ask": ""}), Canned(id="second", text="Second."))
    answer = bench.arrives(question=Of("ask")).calls().fails(SERVER_ERROR, at_s=1).end.answer
    assert answer is not None
    assert answer.text == "Second."


def test_a_prompt_that_is_not_there_is_told() -> None:
    scenario = parse_scenario(
        SMALL + '[[variants.careful.safeguards]]\nkind = "canned"\ntexts = { triag = "A" }\n', PATH
    ).scenario
    (told,) = unheeded(scenario, ["triage", "answer"], [])
    assert "no prompt 'triag'" in told
    assert "'triage'" in told
