"""Turns a validation error into one message: which field, what it holds, what is allowed, and the nearest right key."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from app.errors import UserError

_SHOWN = 5


def explain(error: ValidationError, model: type[BaseModel], where: str) -> UserError:
    """The user's version of `error`; at most five problems are told at once."""
    problems = [_problem(each, model) for each in error.errors(include_url=False)]
    more = len(problems) - _SHOWN
    text = "; ".join(problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
    return UserError(text, where=where)


def _problem(error: Any, model: type[BaseModel]) -> str:
    place, holder = _walk(model, error["loc"])
    if error["type"] == "extra_forbidden":
        key = str(error["loc"][-1])
        return f"{place}: unknown key{_nearest(key, _keys(holder))}"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        allowed = [tag.strip("'") for tag in error.get("ctx", {}).get("expected_tags", "").split(", ") if tag]
        tag = error.get("ctx", {}).get("tag")
        if tag is None:
            return f"{place}: 'kind' is missing{_nearest('', allowed)}"
        return f"{place}.kind = {_show(tag)}: unknown{_nearest(str(tag), allowed)}"
    if error["type"] == "missing":
        return f"{place}: missing; it must be given"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    shown = "" if isinstance(error["input"], dict | list | tuple) else f" = {_show(error['input'])}"
    return f"{place}{shown}: {message}" if place else message


def _nearest(key: str, allowed: Sequence[str]) -> str:
    near = get_close_matches(key, allowed, n=1, cutoff=0.5)
    hint = f", did you mean '{near[0]}'?" if near else ""
    return f"{hint} (allowed: {', '.join(sorted(allowed))})" if allowed else hint


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _keys(holder: Any) -> list[str]:
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        return [field.alias or name for name, field in holder.model_fields.items()]
    return []


def _walk(model: type[BaseModel], loc: Sequence[str | int]) -> tuple[str, Any]:
    """The place as the user would write it, and the type that holds the last step of it."""
    place = ""
    kind: Any = model
    holder: Any = model
    for part in loc:
        kind = _bare(kind)
        members = _members(kind)
        if members and isinstance(part, str):
            # A discriminated union adds its tag to the place; the user never wrote it as a step.
            chosen = [member for member in members if _tag(member) == part or getattr(member, "__name__", "") == part]
            if chosen:
                kind = chosen[0]
                continue
        if isinstance(part, int):
            place += f"[{part + 1}]"
        else:
            place += f".{part}" if place else part
        holder = kind
        kind = _step(kind, part)
    return place, _bare(holder)


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
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                return field.annotation if not field.metadata or field.discriminator is None else field.annotation
        return None
    arguments = get_args(kind)
    if not arguments:
        return None
    return arguments[1] if get_origin(kind) is dict else arguments[0]
