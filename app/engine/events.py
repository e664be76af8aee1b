"""An event of a run, as the engine tells it and the session log keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened at a time: kind and label as in the session log. `variant` is the index of the variant that
    it concerns, None for all."""

    at_us: int
    kind: str
    label: str
    details: Mapping[str, Any]
    variant: int | None = None
