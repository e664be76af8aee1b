"""Checks of answers: what passes, what does not, and what is wrong with a check itself."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.inputs.checks import AnyCheck, check_job, check_settings, perform
from app.inputs.checks.refusals import REFUSAL_PHRASES, REFUSALS

CHECKS = TypeAdapter[AnyCheck](AnyCheck)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
ONE_OF_EACH: list[dict[str, Any]] = [
    {"kind": "json_schema", "schema": {"type": "object", "required": ["a"]}},
    {"kind": "contains", "text": "please"},
    {"kind": "regex", "pattern": r"\bfoo\b"},
    {"kind": "length", "min_chars": 1, "max_chars": 20},
    {"kind": "equals_column", "column": "label", "field": "a.b"},
    {"kind": "language", "language": "en"},
    {"kind": "refusal"},
]
unhurried = settings(deadline=None)  # a busy machine is no failure


def verdict(check: dict[str, Any], text: str | None, expected: object = None) -> tuple[bool, str]:
    """What the worker says, to a job that went through JSON on its way as it does in life."""
    job = json.loads(json.dumps(check_job(CHECKS.validate_python(check), text, expected)))
    result = perform(job)
    assert set(result) == {"passed", "why"}
    return bool(result["passed"]), str(result["why"])


@pytest.mark.parametrize("check", ONE_OF_EACH, ids=lambda check: str(check["kind"]))
def test_a_check_is_named_after_its_kind_and_concerns_all_prompts_unless_told(check: dict[str, Any]) -> None:
    named = CHECKS.validate_python(check)
    assert named.id == check["kind"]
    assert named.prompts == ()
    assert CHECKS.validate_python({**check, "id": "mine"}).id == "mine"


@pytest.mark.parametrize("check", ONE_OF_EACH, ids=lambda check: str(check["kind"]))
@unhurried
@given(
    text=st.text() | JSON_VALUES.map(json.dumps), expected=st.none() | st.text() | st.floats() | st.booleans()
)
def test_no_answer_makes_a_check_raise(check: dict[str, Any], text: str, expected: object) -> None:
    perform(check_job(CHECKS.validate_python(check), text, expected))


def test_only_equals_column_knows_the_truth() -> None:
    assert {check["kind"]: CHECKS.validate_python(check).scores for check in ONE_OF_EACH} == {
        **dict.fromkeys(("json_schema", "contains", "regex", "length", "language", "refusal"), "runtime"),
        "equals_column": "truth",
    }
    with pytest.raises(ValidationError, match="can only be scores"):
        CHECKS.validate_python({"kind": "equals_column", "column": "label", "scores": "runtime"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "contain", "text": "a"},
        {"kind": "contains", "text": ""},
        {"kind": "contains", "text": "a", "ignorecase": True},
        {"kind": "length"},
        {"kind": "length", "min_chars": 5, "max_chars": 4},
        {"kind": "language", "language": "English"},
        {"kind": "json_schema"},
    ],
)
def test_settings_that_make_no_sense_are_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CHECKS.validate_python(wrong)


@pytest.mark.parametrize(
    ("answer", "passed", "why"),
    [
        ('{"category": "billing"}', True, ""),
        ('{"category": "other"}', False, "$.category: 'other' is not one of ['billing', 'shipping']"),
        ("{}", False, "$: 'category' is a required property"),
        ('{"category": "billing"', False, "not JSON: Expecting ',' delimiter (line 1, column 23)"),
        ('```json\n{"category": "billing"}\n```', False, "not JSON: Expecting value (line 1, column 1)"),
        ('{"category": "billing", "n": NaN}', False, "not JSON: NaN is no JSON number"),
        ('{"category": "billing", "n": 1e999}', False, "not JSON: a number out of range"),
        ("", False, "not JSON: Expecting value (line 1, column 1)"),
        ("[" * 100_000, False, "not JSON: nested too deeply"),
    ],
)
def test_json_schema(answer: str, passed: bool, why: str) -> None:
    schema = {
        "type": "object",
        "required": ["category"],
        "properties": {"category": {"enum": ["billing", "shipping"]}},
    }
    assert verdict({"kind": "json_schema", "schema": schema}, answer) == (passed, why)


def test_the_reason_stays_short_however_long_the_answer_is() -> None:
    passed, why = verdict(
        {"kind": "json_schema", "schema": {"type": "object"}}, json.dumps(["x" * 50_000] * 5)
    )
    assert not passed
    assert len(why) < 250


def test_references_within_the_schema_are_followed() -> None:
    schema = {"$ref": "#/$defs/name", "$defs": {"name": {"type": "string"}}}
    assert verdict({"kind": "json_schema", "schema": schema}, '"Ada"') == (True, "")
    assert not verdict({"kind": "json_schema", "schema": schema}, "7")[0]


def test_a_remote_reference_is_refused_and_never_fetched() -> None:
    asked: list[str] = []

    class Host(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    with http.server.HTTPServer(("127.0.0.1", 0), Host) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            schema = {"properties": {"a": {"$ref": f"http://127.0.0.1:{server.server_port}/schema.json"}}}
            passed, why = verdict({"kind": "json_schema", "schema": schema}, '{"a": 1}')
        finally:
            server.shutdown()
            serving.join()
    assert not passed
    assert "which is not in it" in why
    assert asked == []


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"type": "objekt"}, "objekt"),
        ({"$ref": "other.json"}, "other.json"),
        ({"$ref": "#/$defs/missing"}, "missing"),
        ({"$schema": 7}, "$schema"),
        ({"type": "string", "pattern": "("}, "pattern"),
    ],
)
def test_an_invalid_schema_is_told_before_any_answer(schema: dict[str, Any], names: str) -> None:
    check = CHECKS.validate_python({"kind": "json_schema", "schema": schema})
    why = check_settings(check)
    assert why is not None
    assert names in why
    assert verdict({"kind": "json_schema", "schema": schema}, None) == (False, why)


def test_a_reference_among_data_is_data() -> None:
    schema = {"const": {"$ref": "https://example.com/"}, "properties": {"$ref": {"type": "string"}}}
    assert verdict({"kind": "json_schema", "schema": schema}, '{"$ref": "https://example.com/"}') == (
        True,
        "",
    )


def test_a_schema_that_refers_to_nothing_but_itself_ends() -> None:
    passed, why = verdict({"kind": "json_schema", "schema": {"$ref": "#"}}, "1")
    assert not passed
    assert "without end" in why


def test_contains() -> None:
    assert verdict({"kind": "contains", "text": "Refund"}, "Your Refund is on its way") == (True, "")
    assert verdict({"kind": "contains", "text": "Refund"}, "your refund") == (
        False,
        'does not contain "Refund"',
    )
    assert verdict({"kind": "contains", "text": "Refund", "ignore_case": True}, "your refund") == (True, "")
    assert verdict({"kind": "contains", "text": "http", "absent": True}, "see http://…") == (
        False,
        'contains "http"',
    )


def test_regex() -> None:
    assert verdict({"kind": "regex", "pattern": "[A-Z]{2}-[0-9]+"}, "Order AB-12 is here") == (True, "")
    whole = {"kind": "regex", "pattern": "[A-Z]{2}-[0-9]+", "match": "full"}
    assert verdict(whole, "AB-12") == (True, "")
    assert verdict(whole, "Order AB-12") == (False, "does not match [A-Z]{2}-[0-9]+")


@pytest.mark.parametrize("pattern", ["(", "a{99999999999999999999}", "*a", "(" * 5000 + ")" * 5000])
def test_an_invalid_pattern_is_told_before_any_answer(pattern: str) -> None:
    passed, why = verdict({"kind": "regex", "pattern": pattern}, None)
    assert not passed
    assert why.startswith("The pattern is invalid: ")


def test_length() -> None:
    check = {"kind": "length", "min_chars": 2, "max_chars": 3}
    assert [verdict(check, "x" * length)[0] for length in range(1, 5)] == [False, True, True, False]
    assert verdict(check, "äöüß") == (False, "4 characters, more than 3")


@pytest.mark.parametrize(
    ("field", "answer", "expected", "passed"),
    [
        (None, " Billing\n", "billing", True),
        (None, "STRASSE", "straße", True),
        (None, "shipping", "billing", False),
        (None, "cafe\u0301", "café", True),
        ("category", '{"category": "billing"}', "Billing", True),
        ("a.0.b", '{"a": [{"b": 12.5}]}', "12.50", True),
        ("n", '{"n": 7}', "007", True),
        ("n", '{"n": 7}', "sNaN", False),
        ("n", '{"n": 7}', 7, True),
        ("done", '{"done": true}', True, True),
        ("done", '{"done": true}', "TRUE", True),
        ("done", '{"done": true}', 1, False),
        ("category", "billing", "billing", False),
        ("a.9", '{"a": []}', "x", False),
    ],
)
def test_equals_column(field: str | None, answer: str, expected: object, passed: bool) -> None:
    check = {"kind": "equals_column", "column": "label", **({"field": field} if field else {})}
    assert verdict(check, answer, expected)[0] is passed


def test_a_row_without_an_expected_value_cannot_be_wrong() -> None:
    assert verdict({"kind": "equals_column", "column": "label"}, "?") == (
        True,
        "the row has no value in label",
    )


@pytest.mark.parametrize(
    ("answer", "passed"),
    [
        ("Your invoice was sent on March 4th, please check your spam folder.", True),
        ("Ihre Rechnung wurde am 4. März verschickt, bitte prüfen Sie den Spam-Ordner.", False),
        ("Votre facture a été envoyée le 4 mars, veuillez vérifier vos courriers.", False),
        ('{"Antwort": "Your invoice was sent last week, please have a look."}', True),
        ('{"answer": "Ihre Rechnung wurde am 4. März verschickt, bitte sehen Sie nach."}', False),
        ("OK", True),
        ("", True),
        ("42", True),
    ],
)
def test_language(answer: str, passed: bool) -> None:
    assert verdict({"kind": "language", "language": "en"}, answer)[0] is passed


def test_an_unknown_language_is_told_before_any_answer() -> None:
    passed, why = verdict({"kind": "language", "language": "qq"}, None)
    assert not passed
    assert '"qq"' in why


def test_refusal() -> None:
    assert [verdict({"kind": "refusal"}, refusal)[0] for refusal in REFUSALS] == [False] * len(REFUSALS)
    assert verdict({"kind": "refusal"}, "I’M UNABLE\nTO HELP with this.") == (
        False,
        'refuses: "i\'m unable to help"',
    )
    assert verdict({"kind": "refusal"}, "Here is your refund.") == (True, "")
    assert verdict({"kind": "refusal"}, "Sure. " * 100 + "I can't help with the rest.") == (True, "")


def test_refusal_phrases_are_written_as_they_are_compared() -> None:
    assert all(
        phrase == " ".join(phrase.casefold().split()) and "’" not in phrase for phrase in REFUSAL_PHRASES
    )


def test_nothing_heavy_is_imported_before_a_check_needs_it() -> None:
    code = (
        "import sys; from app.inputs.checks import prepare; import app.providers.answers\n"
        "loaded = lambda: [name in sys.modules for name in ('jsonschema', 'py3langid')]\n"
        "print(loaded()); prepare('regex'); print(loaded())\n"
        "prepare('json_schema'); print(loaded()); prepare('language'); print(loaded())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[:4] == ["[False, False]", "[False, False]", "[True, False]", "[True, True]"]


@pytest.mark.parametrize("check", ONE_OF_EACH, ids=lambda check: str(check["kind"]))
def test_settings_without_a_fault_are_fine(check: dict[str, Any]) -> None:
    assert check_settings(CHECKS.validate_python(check)) is None
    assert verdict(check, None) == (True, "")
