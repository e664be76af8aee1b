"""The answer check refuses what fails a runtime check, and knows nothing of the truth."""

from __future__ import annotations

from app.safeguards.answer_check import AnswerCheck
from app.safeguards.base import Layer
from app.safeguards.breaker import Breaker
from app.safeguards.cache import Cache, CacheLayer
from app.safeguards.canned import Canned
from app.safeguards.commands import Answer, Result
from app.safeguards.errors import BAD_ANSWER
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench, request, world

FORMAT = frozenset({"format"})


def verdict(layer: Layer, answer: Answer) -> object:
    """What the layer says to an answer."""
    return layer.answered(request(), Result.of(answer, 0), 0)


def test_an_answer_that_fails_a_check_is_an_error_that_another_call_may_mend() -> None:
    script = Bench(Retry(base_s=1, jitter="none"), AnswerCheck()).arrives().calls()
    script.answers(at_s=1, failed_checks=FORMAT).sleeps(until_s=2).calls(retry=1).answers(at_s=3)

    assert script.served_by == "primary"


def test_another_target_may_do_better_and_else_the_canned_answer_is_given() -> None:
    script = (
        Bench(Fallback(), AnswerCheck(), Canned()).arrives().calls().answers(at_s=1, failed_checks=FORMAT)
    )
    script.calls("fallback").answers(at_s=2, failed_checks=FORMAT)

    assert script.served_by == "canned"
    assert script.request.reason == "canned: bad_answer"


def test_a_wrong_answer_that_passes_the_checks_is_served() -> None:
    layer = AnswerCheck().layer(world())
    assert verdict(layer, Answer("wrong", correct=False)) is None


def test_it_uses_the_checks_it_names_and_all_when_it_names_none() -> None:
    answer = Answer("right", failed_checks=frozenset({"language", "length"}))
    for checks, refused in (
        ([], True),
        (["length"], True),
        (["format"], False),
        (["format", "language"], True),
    ):
        found = verdict(AnswerCheck(checks=checks).layer(world()), answer)
        assert (isinstance(found, Result) and found.error is BAD_ANSWER) is refused


def test_what_it_refuses_is_neither_kept_nor_held_against_the_target() -> None:
    bench = Bench(Cache(), Breaker(min_calls=1), AnswerCheck())
    bench.arrives(0, key="same").calls().answers(at_s=1, failed_checks=FORMAT)

    cache = bench.layer("cache")
    assert isinstance(cache, CacheLayer)
    assert not cache.entries
    bench.arrives(1, at_s=2, key="same").calls()


def test_what_it_refuses_keeps_its_price() -> None:
    layer = AnswerCheck().layer(world())
    result = Result.of(Answer("right", failed_checks=FORMAT), 0)
    result.cost_pico = 7
    refused = layer.answered(request(), result, 0)
    assert isinstance(refused, Result)
    assert refused.cost_pico == 7
