"""Dotted paths into a scenario: one language for `--set`, `[[changes]]` and the engine's commands.

traffic.rate_per_s                                a key of a table
targets.primary.rpm                               a named table
faults.outage.on                                  an entry of a list, by its id (its kind, unless it has one)
variants.safeguarded.safeguards.cache.on          likewise
faults.storm = {kind = "overloaded", ...}         an id that is not there yet adds an entry
targets.primary.rpm, without a value              back to what it is when left out: here, no limit
assumptions.targets.primary.rpm                   the source of a setting, which has that setting's path as its one key
"""

from __future__ import annotations

import re
import tomllib
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from app.errors import UserError
from app.safeguards.presets import PRESETS
from app.scenario.explain import explain, identity
from app.scenario.model import Scenario

_FIXED = re.compile(r"traffic\.(arrivals|gap_cv|trace|trace\.(path|columns.*))")
"""Which request comes after which: the rate may change while a run goes, the sequence may not."""
_MADE_ON_THE_WAY = ("trace", "users", "day", "launch", "bursts")
"""Tables of the traffic that need not be there for a key of theirs to be set."""
_LISTS = ("answers", "checks", "faults")
"""Tables that TOML writes as [[name]]."""


def set_path(tables: Any, path: str, value: Any) -> None:
    """Set `path` in `tables` (dicts and lists; tomlkit's too), in place.

    A value of None takes the key or entry out. Raises UserError where there is no such place.
    """
    steps = path.split(".")
    if not all(steps):
        raise UserError(f"'{path}' is no path", do="Write it as table.key, such as traffic.rate_per_s.")
    if steps[0] == "assumptions" and len(steps) > 1:
        steps = [steps[0], ".".join(steps[1:])]
    here = tables
    for depth, step in enumerate(steps[:-1]):
        here = _down(here, steps[:depth], step, path)
    last = steps[-1]
    if isinstance(here, list):
        _set_entry(here, last, path, value)
    elif not isinstance(here, dict):
        raise _no_table(path, steps[:-1])
    elif value is None:
        here.pop(last, None)
    else:
        here[last] = value


def parse_value(text: str) -> Any:
    """A value as TOML writes it; anything else is taken as a text."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except (
        ValueError,
        RecursionError,
    ):  # tomllib lets the ValueError of a number with too many digits through
        return text
    return tables["value"] if len(tables) == 1 else text


def with_setting(scenario: Scenario, path: str, value: Any, *, where: str = "") -> Scenario:
    """The scenario with another value at `path`; None: what it is when left out.

    Raises UserError if there is no such path, or the value does not fit.
    """
    tables = scenario.model_dump(mode="json", by_alias=True)
    set_path(tables, path, value)
    try:
        return Scenario.model_validate(tables)
    except ValidationError as error:
        raise explain(error, Scenario, where or path, tables) from None


def check_changeable(path: str) -> None:
    """Raise UserError if the setting at `path` cannot change while a run goes."""
    steps = path.split(".")
    if steps[0] in ("variants", "targets"):
        changeable = len(steps) > 2 and steps[2] != "endpoint"
    elif steps[0] in ("traffic", "faults", "tokens"):
        changeable = len(steps) > 1 and not _FIXED.fullmatch(path)
    else:
        changeable = path in ("patience_s", "duration_s")
    if changeable:
        return
    raise UserError(
        f"'{path}' cannot change while a run goes",
        do="What can: traffic, faults, tokens, patience_s, duration_s, a variant's safeguards, "
        "a target's settings.",
    )


def _down(here: Any, above: list[str], step: str, path: str) -> Any:
    if isinstance(here, dict):
        if here.get(step) is not None:
            return here[step]
        if not above and step in Scenario.model_fields:
            here[step] = [] if step in _LISTS else {}
            return here[step]
        if above == ["traffic"] and step in _MADE_ON_THE_WAY:
            here[step] = {}
            return here[step]
        if above[:1] == ["targets"] and len(above) == 2 and step == "endpoint":
            here[step] = {}
            return here[step]
        if step == "safeguards" and here.get("preset") in PRESETS:
            spelled_out = PRESETS[here.pop("preset")]
            here[step] = [safeguard.model_dump(exclude_none=True) for safeguard in spelled_out]
            return here[step]
        raise _nowhere(path, step, [str(key) for key in here])
    if isinstance(here, list):
        for entry in here:
            if identity(entry) == step:
                return entry
        raise _nowhere(path, step, [identity(entry) for entry in here])
    raise _no_table(path, above)


def _set_entry(entries: list[Any], name: str, path: str, value: Any) -> None:
    places = [place for place, entry in enumerate(entries) if identity(entry) == name]
    if value is None:
        for place in reversed(places):
            del entries[place]
    elif not isinstance(value, dict):
        raise UserError(f"'{path}' is a whole table", do=f"Name a key of it, such as {path}.on.")
    elif places:
        entries[places[0]] = {**value, "id": name}
    else:
        entries.append({**value, "id": name})


def _nowhere(path: str, step: str, there: list[str]) -> UserError:
    names = [name for name in there if name]
    near = get_close_matches(step, names, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    listed = f"There is: {', '.join(names)}." if names else ""
    return UserError(f"'{path}': there is no '{step}'", do=f"{hint}{listed}".strip())


def _no_table(path: str, above: list[str]) -> UserError:
    return UserError(f"'{path}': '{'.'.join(above)}' is a value and holds no keys", do="Shorten the path.")
