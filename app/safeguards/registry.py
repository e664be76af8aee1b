"""All kinds of safeguard, and the settings type of a variant's `safeguards`, made from them."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field

from app.safeguards import (  # noqa: F401 (kinds that no preset holds become known by being imported)
    adaptive_throttle,
    concurrency,
    hand_off,
    hedge,
    input_check,
    load_shedding,
    monitoring,
    presets,
    prompt_cache,
    prompt_trim,
    rate_limit,
)
from app.safeguards.base import KINDS, Safeguard

_union: Any = reduce(or_, KINDS.values())
AnySafeguard = Annotated[_union, Field(discriminator="kind")]

__all__ = ["KINDS", "AnySafeguard", "Safeguard", "presets"]
