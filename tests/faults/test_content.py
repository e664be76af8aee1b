"""Answers of no use: what each costs and takes, and which of them a safeguard can tell."""

from __future__ import annotations

import pytest

from tests.faults.struck import STREAMING, struck_by
from tests.harness import run
from tests.providers.rig import Rig, cost

TOPICS = """
title = "Topics"
seed = 3
duration_s = 5
[prompts]
path = "sample:prompts"
[data]
path = "sample:support.csv"
[traffic]
rate_per_s = 4
[tokens]
output_sigma = 0
[targets.primary]
quality = 1
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
[[answers]]
expected_column = "expected_intent"
field = "intent"
[answers.schema]
type = "object"
required = ["intent", "reply"]
additionalProperties = false
properties = { intent = { type = "string" }, reply = { type = "string" } }
[[checks]]
kind = "json_schema"
[checks.schema]
type = "object"
required = ["intent", "reply"]
additionalProperties = false
properties = { intent = { type = "string" }, reply = { type = "string" } }
[[variants.bare.safeguards]]
kind = "deadline"
[[variants.careful.safeguards]]
kind = "answer_check"
[[faults]]
kind = "KIND"
rate = 1
"""
ENGLISH = """
[[checks]]
kind = "language"
language = "en"
"""


@pytest.mark.parametrize(
    ("kind", "answer", "tokens", "took_s"),
    [
        ("truncated", "truncated", 7, 1.636363),
        ("hits_max_tokens", "max_tokens", 50, 5.545454),
        ("repetition_loop", "repetition", 50, 5.545454),
        ("content_filter", "content_filter", 3, 1.272727),
        ("wrong_schema", "wrong_schema", 11, 2),
        ("prose_around_json", "prose", 11, 2),
        ("wrong_language", "wrong_language", 11, 2),
        ("prompt_echo", "prompt_echo", 11, 2),
        ("hallucinated_tool_call", "tool_call", 3, 1.272727),
        ("plausible_wrong", "wrong", 11, 2),
    ],
)
def test_a_spoiled_answer_is_billed_for_the_tokens_it_has(
    kind: str, answer: str, tokens: int, took_s: float
) -> None:
    rig = Rig([struck_by(kind)], **STREAMING)
    call = rig.call()
    assert rig.done(call) == [(took_s, answer)]
    assert (call.status, call.output_tokens, call.cost_pico) == (200, tokens, cost(100, tokens))


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("hits_max_tokens", True),
        ("repetition_loop", True),
        ("content_filter", True),
        ("wrong_schema", True),
        ("prose_around_json", True),
        ("wrong_language", True),
        ("prompt_echo", True),
        ("hallucinated_tool_call", True),
        ("plausible_wrong", False),
    ],
)
def test_no_spoiled_answer_is_right_and_an_answer_check_tells_all_but_the_plausible(
    kind: str, told: bool
) -> None:
    ran = run(TOPICS.replace("KIND", kind) + (ENGLISH if kind == "wrong_language" else ""))
    assert {request["outcome"] for request in ran.requests("bare")} == {"wrong"}
    assert {request["outcome"] for request in ran.requests("careful")} == {"failed" if told else "wrong"}
    assert ran.faults["bare"][kind] == len(ran.requests("bare"))
