"""The numbers of a scenario that a simulation cannot measure: each with its source, or the word "assumed"."""

from __future__ import annotations

from app.providers.prices import ASSUMED_READ_FACTOR, ASSUMED_WRITE_FACTOR
from app.safeguards.input_layer import InputSafeguard
from app.safeguards.prompt_cache import PromptCache
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
    trims = any(
        isinstance(each, InputSafeguard)
        for variant in scenario.variants.values()
        for each in variant.safeguards
    )
    for name, target in scenario.targets.items():
        tables = target.model_dump(mode="json")
        kinds = _OF_TARGET if target.service == "tokens" else _OF_SERVICE
        values += [(f"targets.{name}.{key}", tables[key]) for key in kinds if tables[key] not in (None, "")]
        if trims:
            values.append((f"targets.{name}.quality_when_trimmed", target.quality_when_trimmed))
    values += _prompt_caches(scenario)
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


def _prompt_caches(scenario: Scenario) -> list[tuple[str, object]]:
    """What providers' prompt caches are taken to ask for a token, as shares of its price."""
    return [
        (
            f"variants.{name}.safeguards.{each.id}.{key}",
            f"{assumed:g}, or as the model's published price has it" if given is None else given,
        )
        for name, variant in scenario.variants.items()
        for each in variant.safeguards
        if isinstance(each, PromptCache)
        for key, given, assumed in (
            ("read_factor", each.read_factor, ASSUMED_READ_FACTOR),
            ("write_factor", each.write_factor, ASSUMED_WRITE_FACTOR),
        )
    ]


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
