"""All fault kinds, and the settings type of a scenario's `[[faults]]`, made from them."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import Field

from app.faults import connection, content, incidents, latency, mess, provider_errors, stream
from app.faults.base import KINDS, AttemptFault, Fault, MessFault

GROUPS = {
    "connection": connection,
    "provider errors": provider_errors,
    "latency": latency,
    "stream": stream,
    "content": content,
    "incident": incidents,
    "messy data": mess,
}

_union: Any = reduce(or_, KINDS.values())
AnyFault = Annotated[_union, Field(discriminator="kind")]

__all__ = ["GROUPS", "KINDS", "AnyFault", "AttemptFault", "Fault", "MessFault"]
