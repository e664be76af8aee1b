"""A fault that always strikes, and a target whose answers come token by token."""

from __future__ import annotations

from typing import Any

from app.faults.base import AttemptFault
from app.faults.registry import KINDS

STREAMING: dict[str, Any] = {
    "service": "tokens",
    "first_token_s": 1,
    "first_token_sigma": 0,
    "tokens_per_s": 10,
}
"""First token after 1 s, the eleventh and last after 2 s."""


def struck_by(kind: str, **settings: object) -> AttemptFault:
    """A fault of that kind that strikes every call."""
    fault = KINDS[kind].model_validate({"kind": kind, "rate": 1, **settings})
    assert isinstance(fault, AttemptFault)
    return fault
