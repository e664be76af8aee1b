"""Turns a validation error into one message: the field, its value, what is allowed, the nearest right key.

Fields are named by the dotted paths that `--set` takes: an entry of a list by its id or kind where that is
unique, and by its place, counted from 1, where it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from app.errors import UserError

_SHOWN = 5
_MUST_BE = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller number",
    "int_from_float": "a whole number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text in quotes",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "list_type": "a list in brackets",
    "tuple_type": "a list in brackets",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} long",
    "too_long": "at most {max_length} long",
}
"""What a value must be, by pydantic's type of error. Other types are told in pydantic's words."""


def explain(error: ValidationError, model: type[BaseModel], where: str, given: object = None) -> UserError:
    """The user's version of `error`, which `model` raised on `given`; tells five problems at the most."""
    errors = error.errors(include_url=False)
    brief = len(errors) > 1
    problems = [_problem(each, model, given, brief) for each in errors if not _is_misspelt(each, errors)]
    more = len(problems) - _SHOWN
    text = "; ".join(problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return UserError(text, where=where)


def identity(entry: object) -> str:
    """What an entry of a list is called in a path: its id, or else its kind; empty where it has neither."""
    return str(entry.get("id") or entry.get("kind", "")) if isinstance(entry, dict) else ""


def _problem(error: Any, model: type[BaseModel], given: object, brief: bool) -> str:
    loc = error["loc"]
    kind = error["type"]
    context = error.get("ctx", {})
    place, holder, reached = _walk(model, loc, given)
    if kind == "extra_forbidden":
        return f"{place}: unknown key{_nearest(str(loc[-1]), _keys(holder), brief)}"
    if kind == "union_tag_not_found":
        return f"{place}: 'kind' is missing{_nearest('', _tags(reached), brief)}"
    if kind == "union_tag_invalid":
        tag = str(context["tag"])
        return f"{place}.kind = {_show(tag)}: unknown{_nearest(tag, _tags(reached), brief)}"
    if kind == "missing":
        return f"{place}: missing; it must be given"
    value = error["input"]
    shown = "" if isinstance(value, dict | list | tuple) else f" = {_show(value)}"
    if kind == "literal_error":
        allowed = [str(each) for each in get_args(_bare(reached))]
        if allowed:
            return f"{place}{shown}: unknown{_nearest(str(value), allowed, brief=False)}"
    if kind in ("list_type", "tuple_type") and isinstance(value, dict):
        return f"{place}: must be a list of tables, each headed [[{place}]]"
    if kind in _MUST_BE:
        bounds = {
            name: f"{bound:g}" if isinstance(bound, float) else bound for name, bound in context.items()
        }
        return f"{place}{shown}: must be {_MUST_BE[kind].format_map(bounds)}"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{place}{shown}: {message}" if place else message


def _is_misspelt(error: Any, errors: Sequence[Any]) -> bool:
    """Whether a missing key is there after all, misspelt: then the unknown key beside it says enough."""
    if error["type"] != "missing":
        return False
    unknown = [
        str(each["loc"][-1])
        for each in errors
        if each["type"] == "extra_forbidden" and each["loc"][:-1] == error["loc"][:-1]
    ]
    return bool(get_close_matches(str(error["loc"][-1]), unknown, n=1, cutoff=0.5))


def _nearest(key: str, allowed: Sequence[str], brief: bool) -> str:
    """The nearest of what is allowed, and all of it; if `brief`, all of it only where none is near."""
    without_unit = [each for each in allowed if key and each.startswith(f"{key}_")]
    near = without_unit[:1] or get_close_matches(key, allowed, n=1, cutoff=0.5)
    hint = f", did you mean '{near[0]}'?" if near else ""
    return f"{hint} (allowed: {', '.join(sorted(allowed))})" if allowed and not (near and brief) else hint


def _show(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _keys(holder: Any) -> list[str]:
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        return [field.alias or name for name, field in holder.model_fields.items()]
    return []


def _tags(kind: Any) -> list[str]:
    """What `kind` may be in a union of tables."""
    return [str(_tag(member)) for member in _members(_bare(kind)) if _tag(member) is not None]


def _walk(model: type[BaseModel], loc: Sequence[str | int], given: object) -> tuple[str, Any, Any]:
    """The place as the user would write it, the type that holds its last step, and the type found there."""
    place = ""
    kind: Any = model
    holder: Any = model
    for part in loc:
        kind = _bare(kind)
        members = _members(kind)
        if members and isinstance(part, str):
            # A discriminated union adds its tag to the place; the user never wrote it as a step.
            chosen = [member for member in members if part in (_tag(member), getattr(member, "__name__", ""))]
            if chosen:
                kind = chosen[0]
                continue
        name = _name(given, part) if isinstance(part, int) else part
        place += name if name.startswith("[") or not place else f".{name}"
        given = _value(given, part)
        holder = kind
        kind = _step(kind, part)
    return place, _bare(holder), kind


def _name(entries: object, index: int) -> str:
    """What an entry of a list is called: by its identity, or else by its place."""
    names = [identity(entry) for entry in entries] if isinstance(entries, list) else []
    name = names[index] if index < len(names) else ""
    return name if name and names.count(name) == 1 else f"[{index + 1}]"


def _value(given: object, part: str | int) -> object:
    if isinstance(given, dict):
        return given.get(part)
    if isinstance(given, list) and isinstance(part, int) and part < len(given):
        return given[part]
    return None


def _bare(kind: Any) -> Any:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    members = [member for member in _members(kind) if member is not type(None)]
    return _bare(members[0]) if len(members) == 1 else kind


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else ()


def _tag(member: Any) -> object:
    fields = getattr(member, "model_fields", {})
    return fields["kind"].default if "kind" in fields else None


def _step(kind: Any, part: str | int) -> Any:
    """The type at one step further down."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next(
            (field.annotation for name, field in kind.model_fields.items() if part in (name, field.alias)),
            None,
        )
    arguments = get_args(kind)
    if not arguments:
        return None
    return arguments[1] if get_origin(kind) is dict else arguments[0]
