"""Dotted paths into a scenario: one language for `--set`, `[[changes]]` and the engine's commands.

    traffic.rate_per_s                                a key of a table
    targets.primary.rpm                               a named table
    faults.outage.on                                  an entry of a list, by its id (its kind, unless it has one)
    variants.safeguarded.safeguards.cache.on          likewise
    faults.storm = {kind = "overloaded", ...}         an id that is not there yet adds an entry
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from app.errors import UserError
from app.scenario.explain import explain
from app.scenario.model import Scenario

def set_path(tables: Any, path: str, value: Any) -> None:
    """Set `path` in `tables` (dicts and lists; tomlkit's too), in place. Raises UserError where there is no such place."""
    steps = path.split(".")
    if not all(steps):
        raise UserError(f"'{path}' is no path", do="Write it as table.key, such as traffic.rate_per_s.")
    here = tables
    for depth, step in enumerate(steps[:-1]):
        here = _down(here, step, path, create=depth == 0)
    last = steps[-1]
    if isinstance(here, list):
        _set_entry(here, last, path, value)
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise UserError(f"'{path}' leads through a value that holds nothing", do="Shorten the path.")


def parse_value(text: str) -> Any:
    """A value as TOML writes it; anything else is taken as a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def with_setting(scenario: Scenario, path: str, value: Any, *, where: str = "") -> Scenario:
    """The scenario with another value at `path`. Raises UserError if there is no such path, or the value does not fit."""
    tables = scenario.model_dump(mode="json", by_alias=True)
    set_path(tables, path, value)
    try:
        return Scenario.model_validate(tables)
    except ValidationError as error:
        raise explain(error, Scenario, where or path) from None


def check_changeable(path: str) -> None:
    """Raise UserError if the setting at `path` cannot change while a run goes."""
    steps = path.split(".")
    if steps[0] in ("variants", "targets"):
        changeable = len(steps) > 2
    elif steps[0] in ("traffic", "faults", "tokens"):
        changeable = len(steps) > 1 and path != "traffic.arrivals"
    else:
        changeable = path in ("patience_s", "duration_s")
    if changeable:
        return
    raise UserError(
        f"'{path}' cannot change while a run goes",
        do="What can: traffic, faults, tokens, patience_s, duration_s, a variant's safeguards and a target's settings.",
    )


def _down(here: Any, step: str, path: str, *, create: bool) -> Any:
    if isinstance(here, dict):
        if step in here and here[step] is not None:
            return here[step]
        if step not in here and create and step in Scenario.model_fields:
            here[step] = {}
            return here[step]
        raise _nowhere(path, step, [str(key) for key in here])
    if isinstance(here, list):
        for entry in here:
            if _id(entry) == step:
                return entry
        raise _nowhere(path, step, [_id(entry) for entry in here])
    raise _nowhere(path, step, [])


def _set_entry(entries: list[Any], name: str, path: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise UserError(f"'{path}' is a whole table", do=f"Name a key of it, such as {path}.on.")
    entry = {"id": name, **value}
    for index, existing in enumerate(entries):
        if _id(existing) == name:
            entries[index] = entry
            return
    entries.append(entry)


def _id(entry: Any) -> str:
    return str(entry.get("id") or entry.get("kind", "")) if isinstance(entry, dict) else ""


def _nowhere(path: str, step: str, there: list[str]) -> UserError:
    near = get_close_matches(step, there, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    listed = f"There is: {', '.join(there)}." if there else ""
    return UserError(f"'{path}': there is no '{step}'", do=f"{hint}{listed}".strip())
