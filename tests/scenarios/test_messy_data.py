"""messy-data: wrong and failed answers by kind of mess; what safeguards save of them, and what not."""

from __future__ import annotations

import pytest

from tests.scenarios.runs import Request, is_near, pooled, share

NAME = "messy-data"
QUALITY = 0.97
LEFT = {"typos": 0.95, "mojibake": 0.9, "mixed_formats": 0.85, "null_text": 0.2, "off_topic": 0.4}
SPOILED = {"malformed_json", "truncated", "refusal", "empty"}


def struck_by(requests: list[Request], kind: str) -> list[Request]:
    """Requests whose question came in this mess and no other."""
    return [each for each in requests if each["mess"] == kind]


def test_on_clean_rows_nothing_is_amiss() -> None:
    for variant in ("prototype", "safeguarded"):
        clean = pooled(NAME, variant, 0, 60)
        assert is_near(share(clean, "good"), QUALITY, len(clean))
        assert share(clean, "failed") == 0


@pytest.mark.parametrize("kind", LEFT)
@pytest.mark.parametrize("variant", ["prototype", "safeguarded"])
def test_a_garbled_question_gets_a_wrong_answer_and_no_safeguard_sees_it(kind: str, variant: str) -> None:
    # Given one kind of mess, when its answer is tidy, then it is wrong as often with safeguards as without.
    garbled = [
        each for each in struck_by(pooled(NAME, variant, 60, 330), kind) if each["served_by"] == "primary"
    ]
    assert is_near(share(garbled, "good"), QUALITY * LEFT[kind], len(garbled))
    assert share(garbled, "good") + share(garbled, "wrong") == 1


def test_a_missing_field_leaves_the_prototype_without_a_prompt_and_the_customer_without_a_reply() -> None:
    for variant, outcome in (("prototype", "failed"), ("safeguarded", "degraded")):
        assert share(struck_by(pooled(NAME, variant, 150, 420), "missing_field"), outcome) == 1


def test_a_thread_too_long_for_the_model_goes_to_one_with_more_room() -> None:
    assert share(struck_by(pooled(NAME, "prototype", 240, 420), "far_too_long"), "failed") == 1
    guarded = struck_by(pooled(NAME, "safeguarded", 240, 420), "far_too_long")
    answered = [each for each in guarded if each["served_by"] == "fallback"]
    assert share(guarded, "failed") == 0
    assert is_near(share(answered, "good"), 0.93 * 0.75, len(answered))


def test_spoiled_answers_reach_the_prototype_s_customers_and_not_the_safeguarded_one_s() -> None:
    # Given answers that are no JSON, cut short, refused or empty, when looked at, then a second try is good.
    bare, guarded = (pooled(NAME, variant, 330, 420) for variant in ("prototype", "safeguarded"))
    spoiled = [bool(SPOILED & set(each["faults"].split(","))) for each in bare]
    assert share([each for each, hit in zip(bare, spoiled, strict=True) if hit], "good") == 0
    saved = [each for each, hit in zip(guarded, spoiled, strict=True) if hit]
    assert share(saved, "good") > 0.75
    assert share(saved, "failed") == 0


def test_in_the_end_nobody_is_left_without_a_reply_and_wrong_answers_remain() -> None:
    bare, guarded = (pooled(NAME, variant, 150, 420) for variant in ("prototype", "safeguarded"))
    assert 0.04 < share(bare, "failed") < 0.11
    assert share(guarded, "failed") == 0
    assert share(guarded, "good") > share(bare, "good") + 0.02
    assert share(guarded, "wrong") > 0.07
