"""JSON Schema without the network: compiled once, references looked up inside the schema only.

The draft is what `$schema` says, else 2020-12. `format` is enforced for `date`, `email` and `uuid`, which
need no further package, so that a verdict does not depend on what is installed.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from app.errors import UserError
from app.inputs.checks.values import shorten

_FORMATS = ("date", "email", "uuid")
_DATA_KEYWORDS = (
    "const",
    "enum",
    "default",
    "examples",
)  # what they hold is data, in which `$ref` means nothing
_ERRORS_LOOKED_AT = 50


def compile_schema(schema: dict[str, Any]) -> Validator:
    """A validator that fetches nothing. Raises UserError for a schema that is invalid or refers elsewhere."""
    if not isinstance(schema.get("$schema", ""), str):
        raise UserError("$schema of the JSON schema is no text")
    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        _look_up_references(schema)
    except SchemaError as error:
        place = f" (at {error.json_path})" if error.path else ""
        raise UserError(f"The JSON schema is invalid: {shorten(error.message)}{place}") from None
    except RecursionError:
        raise UserError("The JSON schema is nested too deeply") from None
    # An empty registry refuses to retrieve; without one, jsonschema would fetch a remote `$ref` itself.
    registry: Registry[Any] = Registry()
    return kind(schema, registry=registry, format_checker=jsonschema.FormatChecker(formats=_FORMATS))


def why_invalid(validator: Validator, value: Any) -> str | None:
    """Why a JSON value does not satisfy the schema, in one short line; None when it does."""
    try:
        error = best_match(islice(validator.iter_errors(value), _ERRORS_LOOKED_AT))
    except Unresolvable as problem:
        return f"the schema's reference {shorten(problem.ref)} leads nowhere"
    except RecursionError:
        return "the value or the schema's references are nested without end"
    except ArithmeticError:
        return "a number out of range"
    return None if error is None else f"{shorten(error.json_path, 60)}: {_message(error)}"


def _message(error: ValidationError) -> str:
    if len(error.message) <= 120:
        return error.message
    # The library's message holds the whole value, which may be the whole answer.
    rule = f"{error.validator} {shorten(repr(error.validator_value), 60)}"
    return f"{shorten(repr(error.instance), 60)} does not satisfy {rule}"


def _look_up_references(schema: dict[str, Any]) -> None:
    root: Resource[Any] = Resource.from_contents(schema, default_specification=DRAFT202012)
    resolver = Registry().with_resource(root.id() or "", root).crawl().resolver(root.id() or "")
    todo: list[tuple[Any, Any]] = [(schema, resolver)]
    while todo:
        node, within = todo.pop()
        if isinstance(node, list):
            todo.extend((part, within) for part in node)
        if not isinstance(node, dict):
            continue
        if node is not schema and isinstance(node.get("$id"), str):
            within = within.in_subresource(DRAFT202012.create_resource(node))
        reference = node.get("$ref")
        if isinstance(reference, str):
            try:
                within.lookup(reference)
            except Unresolvable:
                raise UserError(
                    f'The JSON schema refers to "{shorten(reference, 80)}", which is not in it',
                    do="Put that part under $defs and refer to it as #/$defs/NAME; nothing is fetched.",
                ) from None
        todo.extend((part, within) for key, part in node.items() if key not in _DATA_KEYWORDS)
