"""What a scenario may say about a check of an answer: one settings model per kind.

No check is carried out here (see perform.py), and nothing heavy is imported: a schema or a regex is
compiled in a bounded worker process only, as either may hang. A `path` to a schema is the loader's to read:
here the schema is a table.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from app.scenario.base import Settings
from app.scenario.numbers import Whole

Scores = Literal["truth", "runtime"]


class _CheckBase(Settings):
    id: str = ""
    """What the check is called in results; its kind unless told."""
    scores: Scores = "runtime"
    """`truth`: may know the expected answer, and only scores. `runtime`: knows what a live system knows, so a
    safeguard may use it."""
    prompts: tuple[str, ...] = ()
    """The prompts whose answers are checked; all of them when empty."""

    @model_validator(mode="before")
    @classmethod
    def _id_is_kind_unless_told(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("id"):
            return {**data, "id": cls.model_fields["kind"].default}
        return data


class JsonSchemaCheck(_CheckBase):
    """Passes when the whole answer is JSON that satisfies a JSON Schema. A `$ref` may point into it only."""

    kind: Literal["json_schema"] = "json_schema"
    schema_: dict[str, JsonValue] = Field(alias="schema")


class ContainsCheck(_CheckBase):
    """Passes when the answer contains `text`; with `absent`, when it does not."""

    kind: Literal["contains"] = "contains"
    text: str = Field(min_length=1)
    ignore_case: bool = False
    absent: bool = False


class RegexCheck(_CheckBase):
    """Passes when the pattern (Python's `re`) is found in the answer (`search`) or is all of it (`full`)."""

    kind: Literal["regex"] = "regex"
    pattern: str
    match: Literal["full", "search"] = "search"


class LengthCheck(_CheckBase):
    """Passes when the answer has `min_chars` to `max_chars` characters (code points), both included."""

    kind: Literal["length"] = "length"
    min_chars: Whole = 0
    max_chars: Whole | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min_chars == 0 and self.max_chars is None:
            raise ValueError("a length check needs min_chars or max_chars")
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError("max_chars is below min_chars, so no answer can pass")
        return self


class EqualsColumnCheck(_CheckBase):
    """Passes when the answer, or its JSON `field` (dotted path), equals the row's value in `column`.

    Compared trimmed and case folded; a JSON number by its value. It knows the expected answer, so it only
    scores.
    """

    kind: Literal["equals_column"] = "equals_column"
    column: str = Field(min_length=1)
    field: str | None = Field(default=None, min_length=1)
    scores: Scores = "truth"

    @model_validator(mode="after")
    def _scores_truth_only(self) -> Self:
        if self.scores != "truth":
            raise ValueError(
                'an equals_column check knows the expected answer, so it can only be scores = "truth"'
            )
        return self


class LanguageCheck(_CheckBase):
    """Passes unless the answer is recognised as another language; text too short to tell passes.

    Of a JSON answer only the string values are looked at.
    """

    kind: Literal["language"] = "language"
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    """ISO 639 code: `en`, `de`, …"""


class RefusalCheck(_CheckBase):
    """Passes when the answer does not open with a refusal (English phrases; see refusals.py)."""

    kind: Literal["refusal"] = "refusal"


AnyCheck = Annotated[
    JsonSchemaCheck
    | ContainsCheck
    | RegexCheck
    | LengthCheck
    | EqualsColumnCheck
    | LanguageCheck
    | RefusalCheck,
    Field(discriminator="kind"),
]


def check_job(check: AnyCheck, text: str | None, expected: object = None) -> dict[str, object]:
    """The worker's job that checks `text`, or only the check's own settings when `text` is None.

    `expected` is the row's value in the check's column (text, number, truth value or None) and must be JSON.
    """
    return {
        "do": "check",
        "check": check.model_dump(mode="json", by_alias=True),
        "text": text,
        "expected": expected,
    }


_MAY_HANG = frozenset({"pattern", "patternProperties", "$ref", "$dynamicRef", "uniqueItems", "propertyNames"})


def may_hang(check: AnyCheck) -> bool:
    """Whether the check may take for ever, or much memory, on some answer: then it belongs in the bounded worker."""
    if check.kind == "json_schema":
        return _holds_any(check.schema_, _MAY_HANG)
    return check.kind in ("regex", "language")


def _holds_any(value: JsonValue, keys: frozenset[str]) -> bool:
    if isinstance(value, dict):
        return not keys.isdisjoint(value) or any(_holds_any(each, keys) for each in value.values())
    return isinstance(value, list) and any(_holds_any(each, keys) for each in value)
