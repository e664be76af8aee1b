"""A provider's rate limits as its headers tell them. No I/O.

OpenAI: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, resets as durations (`1s`, `6m0s`, `20ms`). Anthropic:
`anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}`, resets in RFC 3339.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

_KINDS = ("requests", "tokens", "input-tokens", "output-tokens")
_UNITS_US = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|us|d|h|m|s)")
_DURATION = re.compile(rf"(?:{_PART.pattern}){{1,6}}")


@dataclass(frozen=True)
class RateLimit:
    """One limit: how much it holds, what is left, and in how many microseconds it is full again; None where not told."""

    limit: int | None
    remaining: int | None
    reset_us: int | None


def rate_limits(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, RateLimit]:
    """The limits that a response's headers tell, by kind: requests, tokens, input-tokens, output-tokens."""
    named = {
        name.lower().decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if b"ratelimit" in name.lower()
    }
    found: dict[str, RateLimit] = {}
    for kind in _KINDS if named else ():
        told = [
            named.get(f"x-ratelimit-{what}-{kind}") or named.get(f"anthropic-ratelimit-{kind}-{what}")
            for what in ("limit", "remaining", "reset")
        ]
        limit = RateLimit(_count(told[0]), _count(told[1]), _wait_us(told[2]))
        if limit != RateLimit(None, None, None):
            found[kind] = limit
    return found


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,15}", text) else None


def _wait_us(text: str | None) -> int | None:
    if text is None:
        return None
    if _DURATION.fullmatch(text):
        return round(sum(float(number) * _UNITS_US[unit] for number, unit in _PART.findall(text)))
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        return None
    return max(0, round((until - datetime.now(UTC)).total_seconds() * 1_000_000))
