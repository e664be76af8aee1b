"""Fills a JSON Schema with plausible values: what a model that obeys the schema would say.

A small part of JSON Schema, with a clear error for the rest: object, array, string, number, integer, boolean,
null; properties, required, additionalProperties, items, minItems, maxItems, enum, const, minLength,
maxLength, minimum, maximum, format = "date", and `$ref` into the schema itself. Values are chosen by a key,
so the same key always gives the same value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from app.errors import UserError
from app.inputs.checks.schemas import compile_schema, why_invalid
from app.inputs.checks.values import at_path

_ANNOTATIONS = frozenset(
    {"$schema", "$id", "$defs", "definitions", "$comment", "title", "description", "default", "examples"}
)
_KEYWORDS = _ANNOTATIONS | {
    *("type", "enum", "const", "$ref", "properties", "required", "additionalProperties", "items"),
    *("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "format"),
}
_OPTIONAL_LEVELS = 6  # below them what need not be there is left out: a schema may refer to itself
_MOST_LEVELS = 32
_MOST_VALUES = 10_000  # of one answer: a few nested minItems could ask for more than memory holds
_LONGEST_CHARS = 10_000
_SPAN = 100  # of numbers that are not bounded on both sides
_FIRST_DAY = date(2026, 1, 1)

Say = Callable[[int], str]
"""The text of a free string, by a key."""


class SchemaFiller:
    """Makes values that satisfy one schema.

    Raises UserError for a schema that is invalid, cannot be satisfied, or has a keyword not known here.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        self._root = schema
        self._validator = compile_schema(schema)
        self._options: dict[int, list[Any]] = {}
        self._resolved: dict[int, dict[str, Any]] = {}
        """By `id`, of parts that live as long as the schema."""
        try:
            sample = self.fill(0, str)
        except ArithmeticError:
            raise UserError("A number in the JSON schema is out of range") from None
        why = why_invalid(self._validator, sample)
        if why is not None:
            raise UserError(f"No answer was found that satisfies the JSON schema: {why}")

    def fill(self, key: int, say: Say, part: dict[str, Any] | None = None) -> Any:
        """A JSON value that satisfies the whole schema, or a part of it that `part_at` gave."""
        return _Filling(self, say).value(self._root if part is None else part, key, 0)

    def fits(self, value: object, part: dict[str, Any]) -> bool:
        """Whether a JSON value satisfies a part of the schema."""
        return why_invalid(self._validator.evolve(schema=part), value) is None

    def fits_whole(self, value: object) -> bool:
        """Whether a JSON value satisfies the schema."""
        return why_invalid(self._validator, value) is None

    def part_at(self, path: str) -> dict[str, Any]:
        """The schema of the value at a dotted path (`reply.items.0.name`). Raises UserError if none."""
        part = self.resolved(self._root)
        for step in path.split("."):
            inner = part.get("properties", {}).get(step, part.get("items") if step.isdecimal() else None)
            if inner is None or inner is False or "enum" in part or "const" in part:
                raise UserError(
                    f'The JSON schema has no room for the field "{path}"', do="Name one that it has."
                )
            part = self.resolved(inner)
        try:
            at_path(self.fill(0, str), path)
        except LookupError:  # too deep to be filled in, or the item of an array that stays empty
            raise UserError(
                f'Answers for the JSON schema have no field "{path}"', do="Make it required."
            ) from None
        return part

    def options(self, part: dict[str, Any]) -> list[Any]:
        """The members of a part's `enum` that satisfy its other keywords too."""
        found = self._options.get(id(part))
        if found is None:
            found = [member for member in part["enum"] if self.fits(member, part)]
            if not found:
                raise UserError("An enum of the JSON schema has no member that satisfies the schema")
            self._options[id(part)] = found
        return found

    def resolved(self, schema: Any) -> dict[str, Any]:
        """The schema behind a chain of `$ref`s, after a look at its keywords."""
        found = self._resolved.get(id(schema))
        if found is None:
            found = self._resolved[id(schema)] = self._followed(schema)
        return found

    def _followed(self, schema: Any) -> dict[str, Any]:
        for _ in range(_MOST_LEVELS):
            if not isinstance(schema, dict):
                return {}  # `true`, which allows anything
            _look_at_keywords(schema)
            if "$ref" not in schema:
                return schema
            schema = self._referred(schema["$ref"])
        raise UserError("A $ref of the JSON schema refers to itself without end")

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if found is None or not (reference == "#" or reference.startswith("#/")):
            raise UserError(
                f"The simulated provider cannot follow $ref {reference}", do="Refer to #/$defs/NAME."
            )
        return found


def _look_at_keywords(schema: dict[str, Any]) -> None:
    unknown = sorted(set(schema) - _KEYWORDS)
    if schema.get("format", "date") != "date":
        unknown.append(f'format = "{schema["format"]}"')
    if "$ref" in schema and set(schema) - _ANNOTATIONS != {"$ref"}:
        unknown.append("other keywords beside a $ref")
    if max(schema.get("minItems", 0), schema.get("minLength", 0)) > _LONGEST_CHARS:
        unknown.append(f"a minLength or minItems above {_LONGEST_CHARS}")
    if unknown:
        raise UserError(
            f"The simulated provider cannot make answers for a JSON schema with {unknown[0]}",
            do="Leave it out of the provider's schema; a json_schema check may still have it.",
        )


class _Filling:
    """One value being made; it ends where the schema asks for too much."""

    def __init__(self, filler: SchemaFiller, say: Say) -> None:
        self._filler = filler
        self._say = say
        self._left = _MOST_VALUES

    def value(self, schema: Any, key: int, depth: int) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _MOST_LEVELS:
            raise UserError("The JSON schema asks for an answer too large or too deep")
        part = self._filler.resolved(schema)
        if "const" in part:
            return part["const"]
        if "enum" in part:
            options = self._filler.options(part)
            return options[key % len(options)]
        match _type_of(part):
            case "object":
                return self._object(part, key, depth)
            case "array":
                return self._array(part, key, depth)
            case "string" if "format" in part:
                return (_FIRST_DAY + timedelta(days=key % 365)).isoformat()
            case "string":
                return _fitted(self._say(key), part)
            case "integer":
                return _integer(part, key)
            case "number":
                return _number(part, key)
            case "boolean":
                return key % 2 == 0
            case _:
                return None

    def _object(self, part: dict[str, Any], key: int, depth: int) -> dict[str, Any]:
        required = part.get("required", [])
        declared = part.get("properties", {})
        names = list(required)
        if depth < _OPTIONAL_LEVELS:
            names += [name for name, schema in declared.items() if schema is not False]
        others = part.get("additionalProperties", True)
        # Each property gets a key of its own, lest all numbers of an answer be the same.
        return {
            name: self.value(declared.get(name, others), key + 7 * place, depth + 1)
            for place, name in enumerate(dict.fromkeys(names))
        }

    def _array(self, part: dict[str, Any], key: int, depth: int) -> list[Any]:
        least, most = int(part.get("minItems", 0)), int(part.get("maxItems", 1))
        count = least if depth >= _OPTIONAL_LEVELS or part.get("items") is False else max(least, min(1, most))
        return [self.value(part.get("items", True), key + place, depth + 1) for place in range(count)]


def _type_of(part: dict[str, Any]) -> str:
    named = part.get("type")
    if isinstance(named, list):
        return next((kind for kind in named if kind != "null"), "null")
    if named is not None:
        return str(named)
    if "properties" in part or "required" in part:
        return "object"
    if "items" in part or "minItems" in part:
        return "array"
    return "number" if "minimum" in part or "maximum" in part else "string"


def _fitted(text: str, part: dict[str, Any]) -> str:
    least, most = int(part.get("minLength", 0)), part.get("maxLength")
    if len(text) < least:
        text = (f"{text} " * (least // (len(text) + 1) + 1))[:least]
    return text if most is None else text[: int(most)]


def _integer(part: dict[str, Any], key: int) -> int:
    low, high = _bounds(part)
    first, last = math.ceil(low), math.floor(high)
    return first + key % (last - first + 1) if last >= first else first


def _number(part: dict[str, Any], key: int) -> float:
    low, high = _bounds(part)
    if high - low > 10:
        return _integer(part, key)
    return min(max(round(low + (high - low) * (key % 101) / 100, 2), low), high)


def _bounds(part: dict[str, Any]) -> tuple[float, float]:
    low, high = part.get("minimum"), part.get("maximum")
    if low is None:
        low = 0 if high is None or high >= 0 else high - _SPAN
    return low, low + _SPAN if high is None else high
