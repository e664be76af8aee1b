"""What a failure means, whoever reports it: HTTP status, error object, error inside a stream. No I/O.

One table serves all APIs, since those who speak a format borrow words from another.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from app.safeguards.errors import (
    CONTENT_POLICY,
    CONTEXT_LENGTH,
    FORBIDDEN,
    OUT_OF_MONEY,
    OVERLOADED,
    RATE_LIMITED,
    REJECTED,
    REQUEST_TOO_LARGE,
    SERVER_ERROR,
    TIMEOUT,
    UNAUTHORIZED,
    UNREADABLE,
    CallError,
)

_MAX_WAIT = 1e9
"""Longer waits, in milliseconds or seconds, are nonsense."""

_NAMED: dict[CallError, frozenset[str]] = {
    OUT_OF_MONEY: frozenset(
        {
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "billing_error",
        }
    ),
    CONTEXT_LENGTH: frozenset({"context_length_exceeded"}),
    CONTENT_POLICY: frozenset(
        {"content_policy_violation", "content_filter", "moderation_blocked", "invalid_prompt"}
    ),
    RATE_LIMITED: frozenset({"rate_limit_exceeded", "rate_limit_error", "slow_down"}),
    OVERLOADED: frozenset({"server_is_overloaded", "service_unavailable_error", "overloaded_error"}),
    UNAUTHORIZED: frozenset({"invalid_api_key", "authentication_error"}),
    FORBIDDEN: frozenset({"permission_error"}),
    REQUEST_TOO_LARGE: frozenset({"request_too_large"}),
}
"""By codes and types of error objects. The first that applies counts."""
_WORDED: dict[str, CallError] = {
    "Request too large": REQUEST_TOO_LARGE,
    "Your credit balance is too low": OUT_OF_MONEY,
    "prompt is too long": CONTEXT_LENGTH,
    "input length and `max_tokens` exceed context limit": CONTEXT_LENGTH,
    "Output blocked by content filtering policy": CONTENT_POLICY,
}
"""By how messages begin, where code and type do not tell."""
_BY_STATUS: dict[int, CallError] = {
    401: UNAUTHORIZED,
    402: OUT_OF_MONEY,
    403: FORBIDDEN,
    408: TIMEOUT,
    413: REQUEST_TOO_LARGE,
    503: OVERLOADED,
    529: OVERLOADED,
}
_MAY_BE_SAID: dict[int, tuple[CallError, ...]] = {
    400: (OUT_OF_MONEY, CONTEXT_LENGTH, CONTENT_POLICY),
    403: (OUT_OF_MONEY, CONTENT_POLICY),
    429: (OUT_OF_MONEY, REQUEST_TOO_LARGE),
}
"""By status: the errors that its error object may turn it into."""


def classify(status: int, told: Mapping[str, Any]) -> CallError:
    """The error of an HTTP status other than 200, with what the provider's error object says.

    `told` may hold `code`, `type` and `message`.
    """
    said = _said(told)
    if said in _MAY_BE_SAID.get(status, ()):
        assert said is not None
        return said
    if status == 429:
        return RATE_LIMITED
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return SERVER_ERROR
    return UNREADABLE if 200 <= status < 300 else REJECTED


def reported(told: object) -> CallError:
    """The error that a provider reports in a stream which began with status 200."""
    return (_said(told) if isinstance(told, dict) else None) or SERVER_ERROR


def _said(told: Mapping[str, Any]) -> CallError | None:
    message = str(told.get("message", ""))
    for begins, error in _WORDED.items():
        if message.startswith(begins):
            return error
    names = {str(told.get("code")), str(told.get("type"))}
    return next((error for error, known in _NAMED.items() if names & known), None)


def error_object(body: bytes) -> Mapping[str, Any]:
    """The error object in the body of a response; {} if there is none."""
    try:
        told = json.loads(body)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {name: told[name] for name in ("code", "type", "message") if isinstance(told.get(name), str)}


def retry_after_us(headers: Mapping[str, str]) -> int | None:
    """The wait asked for in `retry-after-ms`, else in `retry-after` (seconds or a date), in microseconds.

    None where it asks for none, or for nothing sensible; a date in the past is 0. `headers` know no case.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return round(milliseconds * 1_000)
    asked = headers.get("retry-after", "")
    seconds = _number(asked)
    if seconds is None:
        try:
            seconds = max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
        except (ValueError, OverflowError):
            return None
    return round(seconds * 1_000_000)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= _MAX_WAIT else None
