"""All fault kinds, and the settings type of a scenario's `[[faults]]`, made from them."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field

from app.faults import content, incidents, latency, mess, provider_errors
from app.faults.base import KINDS, AttemptFault, Fault, MessFault

GROUPS = {
    "provider errors": provider_errors,
    "latency": latency,
    "content": content,
    "incident": incidents,
    "messy data": mess,
}

_union: Any = reduce(or_, KINDS.values())
AnyFault = Annotated[_union, Field(discriminator="kind")]

__all__ = ["GROUPS", "KINDS", "AnyFault", "AttemptFault", "Fault", "MessFault"]
