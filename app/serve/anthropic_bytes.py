"""Anthropic's messages as a server sends them: answers, events, errors and limit headers.

The shapes are those of the API reference as of late 2026.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import ceil
from typing import Any, ClassVar

from app.providers.wire_errors import retry_after, told
from app.safeguards.errors import CONTEXT_LENGTH, SERVER_ERROR
from app.serve.dialect import (
    Asked,
    BadRequestError,
    Dialect,
    Failure,
    Headers,
    Limits,
    Meter,
    Said,
    bound,
    content_texts,
    flag,
    messages_text,
    model_of,
    request_id,
)

_STOP_REASONS = {
    "max_tokens": "max_tokens",
    "repetition": "max_tokens",
    "content_filter": "refusal",
    "tool_call": "tool_use",
}
_PROBLEMS = {404: "not_found_error", 413: "request_too_large"}


class Anthropic(Dialect):
    """Messages."""

    request_id_header = "request-id"
    keep_alive: ClassVar[bytes] = b'event: ping\ndata: {"type": "ping"}\n\n'
    malformed: ClassVar[bytes] = b'event: content_block_delta\ndata: {"type": "content_block_delta", "ind\n\n'

    def asked(self, body: dict[str, Any]) -> Asked:
        """What a request's body asks. Raises BadRequestError."""
        most = bound(body, "max_tokens")
        if most is None:
            raise BadRequestError("max_tokens: Field required", "max_tokens")
        system = content_texts(body.get("system"), "system")
        return Asked(model_of(body), (*system, *messages_text(body)), most, flag(body, "stream"))

    def failure(self, failure: Failure) -> tuple[int, dict[str, Any], Headers]:
        """Status, body and further headers of an error."""
        body, status = told(
            "anthropic-messages", failure.error, tokens=failure.limit == "tokens", message=_detail(failure)
        )
        return (
            status,
            body | {"request_id": request_id(failure.number)},
            retry_after("anthropic-messages", failure.retry_after_us),
        )

    def bad_request(self, status: int, message: str, param: str | None, number: int) -> dict[str, Any]:  # noqa: ARG002
        """The body of an error about the request itself."""
        return _error(_PROBLEMS.get(status, "invalid_request_error"), message, number)

    def limit_headers(self, limits: Limits, now_s: float) -> Headers:
        """How the limits stand; when they are at rest as dates. Input and output share one limit of tokens."""
        return _limit("requests", limits.requests, now_s) | _limit("tokens", limits.tokens, now_s)

    def whole(self, said: Said) -> dict[str, Any]:
        """The body of an answer in one piece."""
        content = _tool(said) if said.tool_call is not None else {"type": "text", "text": said.text}
        return _message(said, [content], _reason(said), said.output_tokens)

    def opening(self, said: Said) -> bytes:
        """The message without content, the beginning of its first block, and a ping."""
        started = _event("message_start", message=_message(said, [], None, 1))
        if said.kind == "tool_call":
            return started + self.keep_alive
        block = {"type": "text", "text": ""}
        return started + _event("content_block_start", index=0, content_block=block) + self.keep_alive

    def piece(self, said: Said, text: str) -> bytes:  # noqa: ARG002
        """A delta with a piece of the text."""
        return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def ending(self, said: Said, *, usage: bool) -> bytes:  # noqa: ARG002
        """The end of the block, the stop reason with the usage, and the end of the message."""
        tool = b""
        if said.tool_call is not None:
            block = _tool(said)
            arguments = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            tool = _event("content_block_start", index=0, content_block=block | {"input": {}})
            tool += _event("content_block_delta", index=0, delta=arguments)
        delta = {"stop_reason": _reason(said), "stop_sequence": None}
        return (
            tool
            + _event("content_block_stop", index=0)
            + _event("message_delta", delta=delta, usage={"output_tokens": said.output_tokens})
            + _event("message_stop")
        )

    def error_event(self, said: Said) -> bytes:
        """An event `error`."""
        body, _ = told("anthropic-messages", SERVER_ERROR)
        return _event("error", **body | {"request_id": request_id(said.number)})


def _detail(failure: Failure) -> str:
    """What is known of this one; empty where the usual words say it all."""
    if failure.error is CONTEXT_LENGTH:
        return f"prompt is too long: {failure.asked_tokens} tokens > {failure.context_tokens} maximum"
    return ""


def _limit(name: str, meter: Meter | None, now_s: float) -> Headers:
    if meter is None:
        return {}
    at_rest = datetime.fromtimestamp(ceil(now_s + meter.full_in_us / 1_000_000), UTC)
    return {
        f"anthropic-ratelimit-{name}-limit": f"{meter.per_minute:.0f}",
        f"anthropic-ratelimit-{name}-remaining": str(meter.left),
        f"anthropic-ratelimit-{name}-reset": at_rest.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _error(kind: str, message: str, number: int) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id(number)}


def _reason(said: Said) -> str | None:
    return _STOP_REASONS.get(said.kind, "end_turn") if said.finished else None


def _tool(said: Said) -> dict[str, Any]:
    call = said.tool_call
    assert call is not None
    return {
        "type": "tool_use",
        "id": f"toolu_{said.number:024x}",
        "name": call["name"],
        "input": call["arguments"],
    }


def _message(
    said: Said, content: list[dict[str, Any]], reason: str | None, output_tokens: int
) -> dict[str, Any]:
    return {
        "id": f"msg_{said.number:024x}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": said.input_tokens, "output_tokens": output_tokens},
    }


def _event(kind: str, **fields: Any) -> bytes:
    body = json.dumps({"type": kind, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {body}\n\n".encode()
