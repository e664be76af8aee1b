"""OpenAI's chat completions as a server sends them: answers, chunks, errors and limit headers.

The shapes are those of the API reference as of late 2026. Reading them, as a client does, is `app.providers.wires`.
"""

from __future__ import annotations

import json
from math import ceil
from typing import Any, ClassVar

from app.providers.answers.kinds import FINISH_REASONS
from app.providers.wire_errors import error_event, retry_after, told
from app.safeguards.errors import CONTEXT_LENGTH, RATE_LIMITED, REQUEST_TOO_LARGE, SERVER_ERROR
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
    flag,
    messages_text,
    model_of,
)


class OpenAi(Dialect):
    """Chat completions."""

    request_id_header = "x-request-id"
    keep_alive: ClassVar[bytes] = b": keep-alive\n\n"
    malformed: ClassVar[bytes] = b'data: {"id": "chatcmpl-", "choices": [{"index": 0, "del\n\n'

    def asked(self, body: dict[str, Any]) -> Asked:
        """What a request's body asks. Raises BadRequestError."""
        if body.get("n") not in (None, 1):
            raise BadRequestError("only one choice can be asked for here.", "n")
        options = body.get("stream_options")
        usage = isinstance(options, dict) and options.get("include_usage") is True
        most = bound(body, "max_completion_tokens") or bound(body, "max_tokens")
        return Asked(model_of(body), messages_text(body), most, flag(body, "stream"), usage)

    def failure(self, failure: Failure) -> tuple[int, dict[str, Any], Headers]:
        """Status, body and further headers of an error."""
        body, _ = told(
            "openai-chat", failure.error, tokens=failure.limit == "tokens", message=_detail(failure)
        )
        return failure.error.status, body, retry_after("openai-chat", failure.retry_after_us)

    def bad_request(self, status: int, message: str, param: str | None, number: int) -> dict[str, Any]:  # noqa: ARG002
        """The body of an error about the request itself."""
        return _error(message, "invalid_request_error", param, None)

    def limit_headers(self, limits: Limits, now_s: float) -> Headers:  # noqa: ARG002
        """How the limits stand; times until they are at rest as durations."""
        return _limit("requests", limits.requests) | _limit("tokens", limits.tokens)

    def whole(self, said: Said) -> dict[str, Any]:
        """The body of an answer in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": None}
        if said.tool_call is not None:
            message |= {"content": None, "tool_calls": [_tool(said)]}
        body = {
            "id": _id(said),
            "object": "chat.completion",
            "created": said.created_s,
            "model": said.model,
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(said)},
            ],
        }
        return body | {"usage": _usage(said)} if said.finished else body

    def opening(self, said: Said) -> bytes:
        """The chunk that names the role."""
        return _chunk(said, [_choice({"role": "assistant", "content": "", "refusal": None})])

    def piece(self, said: Said, text: str) -> bytes:
        """A chunk with a piece of the text."""
        return _chunk(said, [_choice({"content": text})])

    def ending(self, said: Said, *, usage: bool) -> bytes:
        """The tool's call if there is one, the finish reason, the usage if it is asked for, and [DONE]."""
        chunks = []
        if said.tool_call is not None:
            chunks.append(_chunk(said, [_choice({"tool_calls": [{"index": 0} | _tool(said)]})]))
        chunks.append(_chunk(said, [_choice({}, _reason(said))]))
        if usage:
            chunks.append(_chunk(said, [], usage=_usage(said)))
        return b"".join(chunks) + b"data: [DONE]\n\n"

    def error_event(self, said: Said) -> bytes:  # noqa: ARG002
        """An event with an error object."""
        return error_event("openai-chat", SERVER_ERROR)


def _detail(failure: Failure) -> str:
    """What is known of this one; empty where the usual words say it all."""
    if failure.error is RATE_LIMITED:
        name = "tokens per min (TPM)" if failure.limit == "tokens" else "requests per min (RPM)"
        return f"Rate limit reached on {name}. Please try again in {duration(failure.retry_after_us or 0)}."
    if failure.error is REQUEST_TOO_LARGE:
        return (
            f"Request too large on tokens per min (TPM): Requested {failure.asked_tokens}. "
            "The input or output tokens must be reduced in order to run successfully."
        )
    if failure.error is CONTEXT_LENGTH:
        return (
            f"This model's maximum context length is {failure.context_tokens} tokens. However, your messages "
            f"and the completion asked for come to {failure.asked_tokens} tokens."
        )
    return ""


def duration(us: int) -> str:
    """A duration as OpenAI's headers and messages write it: `820ms`, `6.5s`, `6m0s`."""
    if us < 1_000_000:
        return f"{ceil(us / 1_000)}ms"
    minutes, rest_us = divmod(us, 60_000_000)
    seconds = f"{round(rest_us / 1_000_000, 3):g}s"
    return f"{minutes}m{seconds}" if minutes else seconds


def _limit(name: str, meter: Meter | None) -> Headers:
    if meter is None:
        return {}
    return {
        f"x-ratelimit-limit-{name}": f"{meter.per_minute:.0f}",
        f"x-ratelimit-remaining-{name}": str(meter.left),
        f"x-ratelimit-reset-{name}": duration(meter.full_in_us),
    }


def _error(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _id(said: Said) -> str:
    return f"chatcmpl-{said.number:024x}"


def _reason(said: Said) -> str | None:
    return FINISH_REASONS.get(said.kind, "stop") if said.finished else None


def _tool(said: Said) -> dict[str, Any]:
    call = said.tool_call
    assert call is not None
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    return {"id": f"call_{said.number:024x}", "type": "function", "function": function}


def _usage(said: Said) -> dict[str, Any]:
    return {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
    }


def _choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def _chunk(said: Said, choices: list[dict[str, Any]], **more: Any) -> bytes:
    return _data(
        {
            "id": _id(said),
            "object": "chat.completion.chunk",
            "created": said.created_s,
            "model": said.model,
            "choices": choices,
            **more,
        }
    )


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"
