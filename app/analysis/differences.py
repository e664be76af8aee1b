"""How the configurations of runs and variants differ, setting by setting. What came of it is `comparison`'s.

A configuration is everything that decides on a side's numbers: who answered its calls, the run's scenario as it was logged,
the prompts and data it really used, the safeguards of the side's own variant, and every change that was made while it went.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.scenario.explain import identity
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from app.sessions.reader import RunReader
from app.sessions.vocabulary import PRIVATE_FACT, REAL_CALLS_FACT, SERVED_FACT

_NOT_COMPARED: Final = frozenset({"about", "assumptions", "acts", "changes", "variants", "prompts", "data"})
"""Words for people, and what is looked at on its own."""

_MICRO: Final = 1e6

_LONG: Final = 60
_LONG_LIST: Final = 160
"""Characters that are shown, of a text and of a list."""


@dataclass(frozen=True)
class Configuration:
    """A side's settings. `plain` is by dotted path; `entries` (faults, checks, safeguards, targets, named by id) hold
    their own keys. A path means the same on every side: the side's variant is left out of it."""

    plain: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One setting: its path, its value on each side (None: not set, or not there), and whether they differ."""

    path: str
    values: tuple[Any, ...]
    differs: bool


def configuration(reader: RunReader, variant: str) -> Configuration:
    """The configuration of one variant of a run. Raises UserError if the logged scenario cannot be understood."""
    text = reader.record().scenario_toml
    scenario = parse_scenario(text, Path(f"run-{reader.run_id}.toml")).scenario
    tables = scenario.model_dump(mode="json", by_alias=True)
    plain: dict[str, Any] = _calls(reader)
    entries: dict[str, dict[str, Any]] = {}
    for key, value in tables.items():
        if key in _NOT_COMPARED:
            continue
        if key == "targets":
            entries |= {f"targets.{name}": _flat(target) for name, target in value.items()}
        elif isinstance(value, list):
            for place, entry in enumerate(value):
                entries[f"{key}.{identity(entry) or place}"] = _flat(entry)
        elif isinstance(value, dict):
            plain |= _flat(value, key)
        else:
            plain[key] = value
    plain |= _inputs(reader, tables)
    safeguards = tables["variants"].get(variant, {}).get("safeguards", [])
    plain["safeguards (order)"] = [identity(each) for each in safeguards]
    entries |= {f"safeguards.{identity(each)}": _flat(each) for each in safeguards}
    plain |= _changes(reader, scenario, variant)
    return Configuration(plain, entries)


def differences(sides: Sequence[Configuration]) -> tuple[Difference, ...]:
    """Every setting of any side, in the order in which they come, with its values side by side.

    An entry that a side does not have at all is one row with the whole entry, not a row for each of its keys.
    """
    made = [
        _difference(path, [side.plain.get(path) for side in sides])
        for path in _union(side.plain for side in sides)
    ]
    for path in _union(side.entries for side in sides):
        tables = [side.entries.get(path) for side in sides]
        there = [table for table in tables if table is not None]
        if len(there) < len(sides):
            made.append(_difference(path, tables))
        else:
            made += [
                _difference(f"{path}.{key}", [table.get(key) for table in there]) for key in _union(there)
            ]
    return tuple(made)


def shown_setting(value: Any) -> str:
    """A setting's value in a few words; '–' where it is not set."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:,.10g}"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, list):
        return _short(", ".join(shown_setting(each) for each in value) or "none", _LONG_LIST)
    if isinstance(value, dict):
        return _short(", ".join(_parts(value)) or "there")
    return _short(str(value))


def _parts(table: Mapping[str, Any]) -> Iterator[str]:
    """An entry in words; what its path says already, and that it is on, goes without saying."""
    if table.get("on") is False:
        yield "off"
    for key, value in table.items():
        if key not in ("kind", "id", "on") and value not in (None, [], ""):
            yield f"{key} {shown_setting(value)}"


def _short(text: str, limit: int = _LONG) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _difference(path: str, values: list[Any]) -> Difference:
    return Difference(path, tuple(values), any(value != values[0] for value in values))


def _union(tables: Any) -> list[str]:
    """The keys of all tables, in the order in which they first come."""
    return list(dict.fromkeys(key for table in tables for key in table))


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables as dotted paths; lists stay values."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict) and value:
            flat |= _flat(value, path)
        else:
            flat[path] = value
    return flat


def _calls(reader: RunReader) -> dict[str, Any]:
    """Whether calls were real, and where they went, as the run's facts have it."""
    if reader.record().clock == "virtual":
        return {"calls": "simulated"}
    facts = reader.facts()
    made: dict[str, Any] = {"calls": "real"}
    for name, each in facts.get(REAL_CALLS_FACT, {}).get("endpoints", {}).items():
        made[f"calls.{name}"] = f"{each['model']} at {each['origin']}"
    if upstream := facts.get(SERVED_FACT, {}).get("upstream"):
        made["calls.upstream"] = upstream
    return made


def _inputs(reader: RunReader, tables: Mapping[str, Any]) -> dict[str, Any]:
    """What the run really asked: a file named when it was started counts, and not what the scenario says."""
    facts = reader.facts()
    private, used = facts.get(PRIVATE_FACT, {}), facts.get("inputs", {})
    return {
        "prompts": private.get("prompts", tables["prompts"]["path"]),
        "prompts.only": tables["prompts"]["only"],
        "data": private.get("data", tables["data"]["path"]),
        "data.rows": used.get("rows"),
    }


def _changes(reader: RunReader, scenario: Scenario, variant: str) -> dict[str, Any]:
    """The changes that took effect, by time and path, and the planned ones that the run did not live to see."""
    made: dict[str, Any] = {}
    events = [event for event in reader.events() if event.kind == "change"]
    for event in events:
        _note(made, event.at_us / _MICRO, str(event.details.get("set")), event.details.get("value"), variant)
    reached_s = reader.record().virtual_us / _MICRO
    for change in scenario.changes:
        if change.at_s > reached_s:
            _note(made, change.at_s, change.set, change.value, variant, " (not reached)")
    return made


def _note(made: dict[str, Any], at_s: float, path: str, value: Any, variant: str, more: str = "") -> None:
    own = f"variants.{variant}."
    if path.startswith("variants.") and not path.startswith(own):
        return  # another variant's
    shown = shown_setting(value) if value is not None else "back to the default"
    key = f"change at {round(at_s, 3):.10g} s: {path.removeprefix(own)}"
    made[key] = f"{made[key]}, then {shown}" if key in made else f"{shown}{more}"
