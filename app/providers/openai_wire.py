"""The wire format of OpenAI-compatible chat completions: event stream, errors, Retry-After. No I/O.

All that can come is classified into `app.safeguards.errors`, more strictly than the official SDKs do: a
stream that ends without a finish reason or [DONE] is a lost connection, and what is no event stream is
unreadable.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from app.safeguards.errors import (
    CONNECTION_LOST,
    CONTEXT_LENGTH,
    OUT_OF_MONEY,
    OVERLOADED,
    RATE_LIMITED,
    REJECTED,
    REQUEST_TOO_LARGE,
    SERVER_ERROR,
    TIMEOUT,
    UNREADABLE,
    CallError,
)

_MAX_LINE_BYTES = 1_000_000
_MAX_STREAM_BYTES = 16_000_000
_MAX_WAIT = 1e9
"""Longer waits, in milliseconds or seconds, are nonsense."""

_NO_MONEY = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
    }
)
_FIELDS = (b"data", b"event", b"id", b"retry", b"")
"""Names of an event stream's fields; a comment has none."""


class ChatStream:
    """The answer as it comes in; how its bytes are cut makes no difference.

    `over` once nothing more is expected; then `error` is None or says what was wrong.
    """

    def __init__(self) -> None:
        self.over = False
        self.error: CallError | None = None
        self.usage: tuple[int, int] | None = None
        """Input and output tokens as the provider counts them."""
        self._parts: list[str] = []
        self._finished = False
        self._rest = b""
        self._bytes = 0

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._parts)

    @property
    def begun(self) -> bool:
        """Whether there is any text yet: tokens count, keep-alives do not."""
        return bool(self._parts)

    def feed(self, data: bytes) -> None:
        """Take in the next bytes. After the end they are ignored."""
        self._bytes += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self.over:
                self._line(line.removesuffix(b"\r"))
        if not self.over and (len(self._rest) > _MAX_LINE_BYTES or self._bytes > _MAX_STREAM_BYTES):
            self._fail(UNREADABLE)

    def close(self) -> None:
        """The connection has ended. The answer has too only if the provider said that it was finished."""
        if self.over:
            return
        begins = self._rest.partition(b":")[0]
        if not any(name.startswith(begins) for name in _FIELDS):
            self._fail(UNREADABLE)
        elif self._finished:
            self.over = True
        else:
            self._fail(CONNECTION_LOST)

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name not in _FIELDS:
            self._fail(UNREADABLE)
        elif name == b"data":
            # OpenAI, and those who speak its format, send one line per event.
            self._event(value.strip())

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.over = True
            return
        try:
            chunk = json.loads(data)
            if chunk.get("error"):
                self._fail(_reported(chunk["error"]))
            else:
                self._take(chunk)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self._fail(UNREADABLE)

    def _take(self, chunk: dict[str, Any]) -> None:
        """Take in a chunk; one of another shape raises TypeError, KeyError or AttributeError."""
        for choice in chunk["choices"]:
            if choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or {}
            for piece in (delta.get("content"), delta.get("refusal")):
                if piece:
                    self._parts.append(piece + "")
            if choice.get("finish_reason"):
                self._finished = True
        usage = chunk.get("usage") or {}
        asked, answered = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        if asked is not None and answered is not None:
            self.usage = (asked, answered)

    def _fail(self, error: CallError) -> None:
        self.over = True
        self.error = error


def classify(status: int, told: Mapping[str, Any]) -> CallError:
    """The error of an HTTP status other than 200, with what the provider's error object says.

    `told` may hold `code`, `type` and `message`.
    """
    code = told.get("code")
    if status == 429:
        if code in _NO_MONEY or told.get("type") in _NO_MONEY:
            return OUT_OF_MONEY
        if str(told.get("message", "")).startswith("Request too large"):
            return REQUEST_TOO_LARGE
        return RATE_LIMITED
    if status == 408:
        return TIMEOUT
    if status in (503, 529):
        return OVERLOADED
    if status >= 500:
        return SERVER_ERROR
    if 200 <= status < 300:
        return UNREADABLE
    return CONTEXT_LENGTH if code == "context_length_exceeded" else REJECTED


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


def _reported(told: Any) -> CallError:
    """The error that a provider reports in a stream which began with status 200."""
    if not isinstance(told, dict):
        return SERVER_ERROR
    names = {str(told.get("code")), str(told.get("type"))}
    if names & _NO_MONEY:
        return OUT_OF_MONEY
    if names & {"rate_limit_exceeded", "rate_limit_error", "slow_down"}:
        return RATE_LIMITED
    if names & {"server_is_overloaded", "service_unavailable_error", "overloaded_error"}:
        return OVERLOADED
    return CONTEXT_LENGTH if "context_length_exceeded" in names else SERVER_ERROR


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 31 else None
