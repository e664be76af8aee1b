"""How real calls are spoken of where a run is shown: as real, with where they went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.analysis.summary import usd


def origins(told: Mapping[str, Any] | None) -> str:
    """Where a run's real calls went, as its fact has it; empty where it made none."""
    if not told:
        return ""
    return ", ".join(dict.fromkeys(str(each["origin"]) for each in told["endpoints"].values()))


def real_lines(told: Mapping[str, Any] | None) -> list[str]:
    """What to say of a run's real calls: where they went, as which models, what they cost, and what that means."""
    if not told:
        return []
    places = [f"{name}: {each['model']} at {each['origin']}" for name, each in told["endpoints"].items()]
    spent = f"{usd(told['spent_usd'])} of {usd(told['cap_usd'])} spent" if "spent_usd" in told else ""
    if told.get("stopped_by") == "spend_cap":
        spent += "; the cap ended the run"
    limited = any(each["client_limited"] for each in told.get("punctuality", ()))
    return [
        "Real calls to",
        *places,
        *([spent] if spent else []),
        "The variants share an account and a network: they are not independent of each other.",
        *(["This machine could not keep up, so requests were sent late."] if limited else []),
    ]
