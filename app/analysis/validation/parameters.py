"""What can be set of a known result, for a form: each key with its bounds or choices, and a case as `--set` takes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from app.analysis.validation.base import KnownResult

_BOUNDS = (("gt", "more than {:,}"), ("ge", "from {:,}"), ("lt", "below {:,}"), ("le", "to {:,}"))


@dataclass(frozen=True)
class Parameter:
    """A key. `choices` are all there are, empty where any number within `bounds` (in words) will do."""

    key: str
    choices: tuple[str, ...]
    bounds: str


def parameters_of(kind: type[KnownResult]) -> list[Parameter]:
    """What can be set, in the order in which the known result lists it; the seed and the effort come last."""
    found = []
    for key, field in kind.model_fields.items():
        choices: tuple[str, ...] = ()
        if field.annotation is bool:
            choices = ("false", "true")
        elif get_origin(field.annotation) is Literal:
            choices = get_args(field.annotation)
        limits = [
            text.format(getattr(each, name))
            for name, text in _BOUNDS
            for each in field.metadata
            if getattr(each, name, None) is not None
        ]
        found.append(Parameter(key, choices, " ".join(limits)))
    last = ("seed", "requests", "precision")
    return sorted(found, key=lambda each: last.index(each.key) + 1 if each.key in last else 0)


def settings_of(case: KnownResult) -> dict[str, str]:
    """All that is set of a case, as texts: `cases_of` makes the same case of 'key=value' for each."""
    return {key: _text(value) for key, value in case.model_dump(mode="json").items() if value is not None}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
