"""The numbers of a scenario that a simulation cannot measure: each with its source, or the word "assumed"."""

from __future__ import annotations

from app.scenario.complaints import complaints_of
from app.scenario.model import Scenario

Assumption = tuple[str, str, str]
"""Dotted path, value, source."""

_OF_TARGET = (
    "price",
    "model",
    "first_token_s",
    "first_token_sigma",
    "tokens_per_s",
    "slots",
    "rpm",
    "tpm",
    "quality",
    "quality_by_mess",
)
_OF_SERVICE = ("service", "service_s", "service_sigma", "slots", "rpm", "tpm", "quality", "quality_by_mess")


def assumptions(scenario: Scenario) -> list[Assumption]:
    """All assumptions of a scenario, in its own order."""
    traffic = scenario.traffic
    values: list[tuple[str, object]] = [
        ("patience_s", scenario.patience_s),
        ("traffic.repeat_rate", traffic.repeat_rate),
    ]
    values += [
        (f"traffic.{key}", value)
        for key, value in (("level", traffic.level), ("rate_per_s", traffic.rate_per_s))
        if value is not None
    ]
    values += [
        (f"tokens.{key}", value) for key, value in scenario.tokens.model_dump(exclude_none=True).items()
    ]
    for name, target in scenario.targets.items():
        tables = target.model_dump(mode="json")
        kinds = _OF_TARGET if target.service == "tokens" else _OF_SERVICE
        values += [(f"targets.{name}.{key}", tables[key]) for key in kinds if tables[key] not in (None, "")]
    for fault in scenario.faults:
        values.append((f"faults.{fault.id}", _trigger(fault.rate, fault.first, fault.every)))
    complaints = complaints_of(scenario)
    if complaints is not None:
        values += [(f"complaints.{key}", value) for key, value in complaints.model_dump().items()]
    for change in scenario.changes:
        values.append((change.set, f"{_shown(change.value)} from {change.at_s:g} s"))
    listed = dict(scenario.assumptions)
    told = [(path, _shown(value), listed.get(path, _source(value))) for path, value in values]
    known = {path for path, _ in values}
    return told + [(path, "", source) for path, source in listed.items() if path not in known]


def _trigger(rate: float | None, first: int | None, every: int | None) -> str:
    parts = [] if rate is None else [f"rate {rate:g}"]
    parts += [] if first is None else [f"the first {first}"]
    parts += [] if every is None else [f"every {every}."]
    return ", ".join(parts)


def _source(value: object) -> str:
    if isinstance(value, dict) and "source" in value:
        return f"{value['source']}, {value['as_of']}" if value.get("as_of") else str(value["source"])
    return "assumed"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items() if key not in ("source", "as_of"))
    return f"{value:g}" if isinstance(value, float) else str(value)
