"""Carries checks out. Meant for a bounded worker process: a regex or a schema of the user's may never end.

Schemas and regexes are compiled once per process. Nothing here bounds time or memory; the worker does.
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Callable
from functools import cache, lru_cache, singledispatch
from importlib import import_module
from typing import NamedTuple

from pydantic import TypeAdapter

from app.errors import UserError
from app.inputs.checks.refusals import refusal_phrase
from app.inputs.checks.settings import (
    AnyCheck,
    ContainsCheck,
    EqualsColumnCheck,
    JsonSchemaCheck,
    LanguageCheck,
    LengthCheck,
    RefusalCheck,
    RegexCheck,
)
from app.inputs.checks.values import at_path, read_json, same, shorten, strings_of


class _Verdict(NamedTuple):
    passed: bool
    why: str = ""


_Test = Callable[[str, object], _Verdict]
_PASSED = _Verdict(passed=True)


def prepare(kind: str) -> None:
    """Import what checks of a kind need, over a second for `language`, before a job's time is counted."""
    if kind == "json_schema":
        import_module("app.inputs.checks.schemas")
    elif kind == "language":
        from app.inputs.checks.language import known_languages

        known_languages()


def perform(job: dict[str, object]) -> dict[str, object]:
    """Carry out a job made by `check_job`: {"passed": bool, "why": str}; `why` is empty when all is well.

    With "text" null only the check's settings are looked at, and `why` says what is wrong with them.
    """
    test = _compiled(json.dumps(job["check"], sort_keys=True))
    if isinstance(test, str):
        return {"passed": False, "why": test}
    text = job["text"]
    try:
        verdict = _PASSED if text is None else test(str(text), job.get("expected"))
    except RecursionError:
        verdict = _Verdict(False, "the answer is nested too deeply")
    return verdict._asdict()


def check_settings(check: AnyCheck) -> str | None:
    """What is wrong with the check's schema, regex or language code; None when all is well. May hang."""
    try:
        _build(check)
    except UserError as error:
        return str(error)
    return None


@cache
def _adapter() -> TypeAdapter[AnyCheck]:
    return TypeAdapter(AnyCheck)


@lru_cache(maxsize=256)
def _compiled(check_json: str) -> _Test | str:
    try:
        return _build(_adapter().validate_json(check_json))
    except UserError as error:
        return str(error)


@singledispatch
def _build(check: object) -> _Test:
    raise TypeError(f"no such check: {check!r}")


@_build.register
def _(check: JsonSchemaCheck) -> _Test:
    from app.inputs.checks.schemas import compile_schema, why_invalid

    validator = compile_schema(check.schema_)

    def test(text: str, _expected: object) -> _Verdict:
        try:
            value = read_json(text)
        except ValueError as error:
            return _Verdict(False, str(error))
        why = why_invalid(validator, value)
        return _PASSED if why is None else _Verdict(False, why)

    return test


@_build.register
def _(check: ContainsCheck) -> _Test:
    wanted = check.text.casefold() if check.ignore_case else check.text

    def test(text: str, _expected: object) -> _Verdict:
        found = wanted in (text.casefold() if check.ignore_case else text)
        if found != check.absent:
            return _PASSED
        return _Verdict(False, f'{"contains" if found else "does not contain"} "{shorten(check.text)}"')

    return test


@_build.register
def _(check: RegexCheck) -> _Test:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # of the pattern's author's business, not of a log's
            pattern = re.compile(check.pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(f"The pattern is invalid: {shorten(str(error))}") from None
    match = pattern.fullmatch if check.match == "full" else pattern.search

    def test(text: str, _expected: object) -> _Verdict:
        return _PASSED if match(text) else _Verdict(False, f"does not match {shorten(check.pattern)}")

    return test


@_build.register
def _(check: LengthCheck) -> _Test:
    def test(text: str, _expected: object) -> _Verdict:
        if len(text) < check.min_chars:
            return _Verdict(False, f"{len(text)} characters, fewer than {check.min_chars}")
        if check.max_chars is not None and len(text) > check.max_chars:
            return _Verdict(False, f"{len(text)} characters, more than {check.max_chars}")
        return _PASSED

    return test


@_build.register
def _(check: EqualsColumnCheck) -> _Test:
    def test(text: str, expected: object) -> _Verdict:
        if expected is None:
            return _Verdict(True, f"the row has no value in {check.column}")
        answer: object = text
        if check.field is not None:
            try:
                answer = at_path(read_json(text), check.field)
            except ValueError as error:
                return _Verdict(False, str(error))
            except LookupError:
                return _Verdict(False, f"the answer has no field {check.field}")
        if same(answer, expected):
            return _PASSED
        return _Verdict(False, f'"{shorten(str(answer), 60)}" instead of "{shorten(str(expected), 60)}"')

    return test


@_build.register
def _(check: LanguageCheck) -> _Test:
    from app.inputs.checks.language import SURE_CONFIDENCE, known_languages, recognise

    if check.language not in known_languages():
        raise UserError(
            f'The language code "{check.language}" is not one that can be recognised',
            do="Use an ISO 639 code such as en, de or fr.",
        )

    def test(text: str, _expected: object) -> _Verdict:
        with contextlib.suppress(ValueError):  # plain text is no JSON, and is looked at as it is
            text = "\n".join(strings_of(read_json(text)))
        found, confidence = recognise(text)
        if found == check.language:
            return _PASSED
        if confidence < SURE_CONFIDENCE:
            return _Verdict(True, "too little text to tell the language")
        return _Verdict(False, f"in {found} instead of {check.language} ({confidence:.0%} sure)")

    return test


@_build.register
def _(_check: RefusalCheck) -> _Test:
    def test(text: str, _expected: object) -> _Verdict:
        phrase = refusal_phrase(text)
        return _PASSED if phrase is None else _Verdict(False, f'refuses: "{phrase}"')

    return test
