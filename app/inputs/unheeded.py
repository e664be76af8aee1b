"""What a scenario's safeguards name of prompts that are not there: it has no effect, and is told."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from app.safeguards.canned import Canned
from app.safeguards.input_check import InputCheck
from app.scenario.model import Scenario


def unheeded(scenario: Scenario, prompts: Sequence[str], variables: Sequence[str]) -> list[str]:
    """A notice for each field and each prompt that a safeguard names and that is none."""
    told = []
    for variant, settings in scenario.variants.items():
        for each in settings.safeguards:
            where = f"variant '{variant}', safeguard '{each.id}'"
            if isinstance(each, InputCheck):
                told += [
                    f"{where}: no prompt uses a field '{name}', so its rule is left out{_nearest(name, variables)}"
                    for name in each.by_field
                    if name not in variables
                ]
            elif isinstance(each, Canned):
                told += [
                    f"{where}: there is no prompt '{name}', so its text is left out{_nearest(name, prompts)}"
                    for name in each.texts
                    if name not in prompts
                ]
    return told


def _nearest(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
