"""What the simulated model says: right, wrong and broken answers, told apart by the users' own checks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.errors import UserError
from app.faults.content import Spoiled
from app.faults.registry import KINDS
from app.inputs.checks import AnyCheck, check_job, perform
from app.providers.answers import ANSWER_KINDS, Answers, AnswerWriter

TICKET = {
    "type": "object",
    "required": ["category", "reply"],
    "additionalProperties": False,
    "properties": {
        "category": {"enum": ["billing", "shipping", "returns"]},
        "reply": {"type": "string", "minLength": 10, "maxLength": 200},
        "priority": {"type": "integer", "minimum": 1, "maximum": 5},
        "due": {"type": "string", "format": "date"},
        "urgent": {"type": "boolean"},
        "confidence": {"type": "number", "minimum": 0.5, "maximum": 1},
    },
}
KEYS = st.integers(min_value=0, max_value=2**64 - 1)
unhurried = settings(deadline=None)  # a busy machine is no failure


def passes(check: dict[str, Any], answer: str, expected: object = None) -> bool:
    made = TypeAdapter[AnyCheck](AnyCheck).validate_python(check)
    return bool(perform(check_job(made, answer, expected))["passed"])


def ticket_writer() -> AnswerWriter:
    answers = Answers.model_validate({"expected_column": "label", "field": "category", "schema": TICKET})
    return AnswerWriter(answers, ["billing", "shipping"])


def test_a_right_text_says_the_expected_value_in_a_template() -> None:
    writer = AnswerWriter(
        Answers(expected_column="label", templates=("It is {expected}.", "{expected}, {surely}"))
    )
    assert writer.text("right", expected="billing", key=0) == "It is billing."
    assert writer.text("right", expected="billing", key=1) == "billing, {surely}"


def test_without_templates_the_answer_is_the_value_itself() -> None:
    writer = AnswerWriter(Answers(expected_column="label"), ["billing", "shipping"])
    assert writer.text("right", expected="billing", key=3) == "billing"
    assert writer.text("wrong", expected="billing", key=3) == "shipping"


@unhurried
@given(expected=st.text(min_size=1), values=st.lists(st.text(), max_size=5), key=KEYS)
def test_a_wrong_text_never_equals_the_expected_value(expected: str, values: list[str], key: int) -> None:
    writer = AnswerWriter(Answers(expected_column="label"), values)
    check = {"kind": "equals_column", "column": "label"}
    assert passes(check, writer.text("right", expected=expected, key=key), expected)
    assert not passes(check, writer.text("wrong", expected=expected, key=key), expected)


def test_wrong_values_of_the_settings_come_before_those_of_the_column() -> None:
    answers = Answers(expected_column="label", wrong_values=("spam", " Billing "))
    writer = AnswerWriter(answers, ["billing", "shipping"])
    assert {writer.text("wrong", expected="billing", key=key) for key in range(10)} == {"spam"}


def test_without_a_known_value_right_and_wrong_still_differ() -> None:
    writer = AnswerWriter(Answers())
    right = {writer.text("right", expected=None, key=key) for key in range(10)}
    wrong = {writer.text("wrong", expected=None, key=key) for key in range(10)}
    assert right
    assert wrong
    assert not right & wrong


def test_a_row_without_a_value_gets_no_placeholder() -> None:
    writer = AnswerWriter(Answers(expected_column="label", templates=("It is {expected}.",)))
    assert "{expected}" not in writer.text("right", expected=None, key=0)


@unhurried
@given(expected=st.sampled_from(["billing", "shipping", " Returns "]), key=KEYS)
def test_right_json_satisfies_schema_and_truth_and_wrong_json_only_the_schema(
    expected: str, key: int
) -> None:
    writer = ticket_writer()
    schema = {"kind": "json_schema", "schema": TICKET}
    truth = {"kind": "equals_column", "column": "label", "field": "category"}
    right = writer.text("right", expected=expected, key=key)
    wrong = writer.text("wrong", expected=expected, key=key)
    assert passes(schema, right)
    assert passes(truth, right, expected)
    assert passes(schema, wrong)
    assert not passes(truth, wrong, expected)


@unhurried
@given(kind=st.sampled_from(["truncated", "malformed_json", "empty", "refusal"]), key=KEYS)
def test_broken_answers_fail_the_schema(kind: Any, key: int) -> None:
    answer = ticket_writer().text(kind, expected="billing", key=key)
    assert not passes({"kind": "json_schema", "schema": TICKET}, answer)


@unhurried
@given(key=KEYS)
def test_refusals_are_recognised_as_such_and_right_answers_are_not(key: int) -> None:
    writer = AnswerWriter(Answers())
    assert not passes({"kind": "refusal"}, writer.text("refusal", expected=None, key=key))
    assert passes({"kind": "refusal"}, writer.text("right", expected=None, key=key))
    assert passes({"kind": "refusal"}, writer.text("wrong", expected=None, key=key))


def test_a_truncated_answer_is_the_beginning_of_the_right_one() -> None:
    right = ticket_writer().text("right", expected="billing", key=9)
    cut = ticket_writer().text("truncated", expected="billing", key=9)
    assert right.startswith(cut)
    assert len(cut) == len(right) * 3 // 5


def test_malformed_json_comes_in_three_ways() -> None:
    answers = {ticket_writer().text("malformed_json", expected="billing", key=way << 16) for way in range(3)}
    assert len(answers) == 3


@unhurried
@given(answer=st.text() | st.sampled_from(["[]", "{}", "[1, 2]", '{"it\'s": 1}', "7"]), key=KEYS)
def test_malformed_json_is_never_json(answer: str, key: int) -> None:
    writer = AnswerWriter(Answers(expected_column="label"))
    malformed = writer.text("malformed_json", expected=answer, key=key)
    with pytest.raises(json.JSONDecodeError):
        json.loads(malformed)


def test_a_field_without_a_schema_makes_a_small_object() -> None:
    writer = AnswerWriter(Answers(expected_column="label", field="result.category"))
    assert json.loads(writer.text("right", expected="billing", key=5)) == {"result": {"category": "billing"}}


def test_the_expected_text_becomes_the_type_that_the_schema_asks_for() -> None:
    schema = {"type": "object", "properties": {"total": {"type": "number"}, "paid": {"type": "boolean"}}}
    total = AnswerWriter(Answers.model_validate({"expected_column": "t", "field": "total", "schema": schema}))
    paid = AnswerWriter(Answers.model_validate({"expected_column": "p", "field": "paid", "schema": schema}))
    assert json.loads(total.text("right", expected="12.50", key=1))["total"] == 12.5
    assert json.loads(paid.text("right", expected="TRUE", key=1))["paid"] is True
    assert json.loads(paid.text("wrong", expected="TRUE", key=1))["paid"] is False


def test_free_strings_of_a_json_answer_say_the_templates() -> None:
    answers = Answers.model_validate(
        {
            "expected_column": "label",
            "field": "category",
            "schema": TICKET,
            "templates": ["This is about {expected}."],
        }
    )
    answer = json.loads(AnswerWriter(answers).text("right", expected="billing", key=2))
    assert answer["reply"] == "This is about billing."


def test_the_same_key_says_the_same_and_other_keys_say_something_else() -> None:
    said = [ticket_writer().text("right", expected="billing", key=key) for key in (7, 7, 8)]
    assert said[0] == said[1] != said[2]


def scalar_schemas() -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.tuples(st.integers(-1000, 1000), st.integers(0, 500))
    return st.one_of(
        bounds.map(lambda b: {"type": "integer", "minimum": b[0], "maximum": b[0] + b[1]}),
        st.floats(-1e6, 1e6).flatmap(
            lambda low: st.floats(low, 1e7).map(
                lambda high: {"type": "number", "minimum": low, "maximum": high}
            )
        ),
        st.tuples(st.integers(0, 60), st.integers(0, 60)).map(
            lambda b: {"type": "string", "minLength": b[0], "maxLength": b[0] + b[1]}
        ),
        st.just({"type": "string", "format": "date"}),
        st.just({"type": ["boolean", "null"]}),
        st.lists(st.text() | st.integers() | st.booleans(), min_size=1, unique_by=repr).map(
            lambda e: {"enum": e}
        ),
        st.just({"const": {"version": 2}}),
        st.just({"type": "number", "maximum": -3}),
    )


def containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    arrays = st.tuples(inner, st.integers(0, 3), st.integers(0, 3)).map(
        lambda a: {"type": "array", "items": a[0], "minItems": a[1], "maxItems": a[1] + a[2]}
    )
    objects = st.dictionaries(st.text(max_size=5), inner, max_size=4).flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties) or ["a"]), unique=True).map(
            lambda required: {"type": "object", "properties": properties, "required": required}
        )
    )
    return arrays | objects


@unhurried
@given(schema=st.recursive(scalar_schemas(), containers, max_leaves=8), key=KEYS)
def test_every_schema_of_the_known_keywords_is_satisfied(schema: dict[str, Any], key: int) -> None:
    writer = AnswerWriter(Answers.model_validate({"schema": schema}))
    for kind in ("right", "wrong"):
        answer = writer.text(kind, expected=None, key=key)
        assert passes({"kind": "json_schema", "schema": schema}, answer), answer


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                },
            }
        },
    }
    answer = AnswerWriter(Answers.model_validate({"schema": schema})).text("right", expected=None, key=11)
    assert passes({"kind": "json_schema", "schema": schema}, answer)


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"type": "string", "pattern": "^a"}, "pattern"),
        (
            {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}},
            'format = "email"',
        ),
        ({"anyOf": [{"type": "string"}]}, "anyOf"),
        ({"$ref": "#/$defs/a", "minLength": 3, "$defs": {"a": {"type": "string"}}}, r"beside a \$ref"),
        ({"$ref": "https://example.com/schema.json"}, "example.com"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "satisfies"),
        ({"type": "string", "enum": [1, 2]}, "enum"),
        ({"type": "strin"}, "strin"),
        (
            {"type": "object", "required": ["me"], "properties": {"me": {"$ref": "#"}}},
            "too large or too deep",
        ),
        ({"type": "array", "minItems": 10**9}, "minItems above"),
        (
            {"type": "array", "minItems": 999, "items": {"type": "array", "minItems": 999}},
            "too large or too deep",
        ),
    ],
)
def test_a_schema_that_cannot_be_filled_is_a_clear_error(schema: dict[str, Any], names: str) -> None:
    with pytest.raises(UserError, match=names):
        AnswerWriter(Answers.model_validate({"schema": schema}))


def test_a_field_that_the_schema_has_no_room_for_is_a_clear_error() -> None:
    answers = Answers.model_validate({"expected_column": "label", "field": "kategorie", "schema": TICKET})
    with pytest.raises(UserError, match='no room for the field "kategorie"'):
        AnswerWriter(answers)


def test_an_expected_value_that_the_schema_forbids_is_a_clear_error() -> None:
    answers = Answers.model_validate({"expected_column": "label", "field": "category", "schema": TICKET})
    with pytest.raises(UserError, match='"refund" does not satisfy'):
        AnswerWriter(answers, ["billing", "refund"])


def test_a_field_with_one_possible_value_has_no_wrong_answer() -> None:
    schema = {"type": "object", "properties": {"done": {"const": "yes"}}}
    writer = AnswerWriter(Answers.model_validate({"expected_column": "d", "field": "done", "schema": schema}))
    assert json.loads(writer.text("right", expected="yes", key=1)) == {"done": "yes"}
    with pytest.raises(UserError, match="one value only"):
        writer.text("wrong", expected="yes", key=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"field": "category"},
        {"templates": ["It is {expected}."]},
        {"expected_column": "label", "templates": ["It is settled."]},
        {"expected_column": "label", "unknown": 1},
    ],
)
def test_settings_that_cannot_carry_the_value_are_errors(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Answers.model_validate(settings)


@unhurried
@given(key=KEYS)
def test_an_answer_of_the_wrong_shape_is_json_that_the_schema_refuses(key: int) -> None:
    text = ticket_writer().text("wrong_schema", expected="billing", key=key)
    assert json.loads(text) is not None
    assert not passes({"kind": "json_schema", "schema": TICKET}, text)


def test_wrong_shapes_are_of_several_kinds() -> None:
    shapes = {ticket_writer().text("wrong_schema", expected="billing", key=key) for key in range(13)}
    fields = [json.loads(shape).keys() for shape in shapes]
    right = json.loads(ticket_writer().text("right", expected="billing", key=0)).keys()
    assert any(right - each for each in fields), "a field is missing"
    assert any(each - right for each in fields), "there is one too many"
    assert any(each == right for each in fields), "one has another type"


def test_prose_around_an_answer_leaves_it_whole() -> None:
    right = ticket_writer().text("right", expected="billing", key=5)
    text = ticket_writer().text("prose", expected="billing", key=5)
    assert f"```json\n{right}\n```" in text
    assert not passes({"kind": "json_schema", "schema": TICKET}, text)


def test_an_answer_in_the_wrong_language_has_the_right_value_and_shape() -> None:
    for key in range(6):
        text = ticket_writer().text("wrong_language", expected="billing", key=key)
        assert json.loads(text)["category"] == "billing"
        assert passes({"kind": "json_schema", "schema": TICKET}, text)
        assert not passes({"kind": "language", "language": "en"}, text)


def test_an_echo_says_what_was_asked() -> None:
    writer = AnswerWriter(Answers())
    assert writer.text("prompt_echo", expected=None, key=0, asked="Where is it?") == "Where is it?"
    assert writer.text("prompt_echo", expected=None, key=0)


def test_a_loop_repeats_and_a_tool_call_names_a_tool() -> None:
    writer = AnswerWriter(Answers())
    loop = writer.text("repetition", expected=None, key=0)
    assert loop.count(loop[:30]) == 50
    assert "tool_calls" in json.loads(writer.text("tool_call", expected=None, key=0))


def test_the_kinds_are_those_that_the_provider_offers() -> None:
    spoiled = {kind.answer for kind in KINDS.values() if issubclass(kind, Spoiled)}
    assert spoiled | {"right"} == set(ANSWER_KINDS)
