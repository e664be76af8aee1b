"""OpenAI's chat completions as a server sends them: answers, chunks, errors and limit headers.

The shapes are those of the API reference as of late 2026. Reading them, as a client does, is `app.providers.wires`.
"""

from __future__ import annotations

import json
from math import ceil
from typing import Any, ClassVar

from app.providers.answers.kinds import FINISH_REASONS
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

_ERRORS: dict[str, tuple[str, str | None, str | None, str]] = {
    "insufficient_quota": (
        "insufficient_quota",
        "insufficient_quota",
        None,
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "server_error": ("server_error", None, None, "The server had an error while processing your request."),
    "overloaded": (
        "service_unavailable_error",
        "server_is_overloaded",
        None,
        "The engine is currently overloaded, please try again later.",
    ),
    "unauthorized": ("invalid_request_error", "invalid_api_key", None, "Incorrect API key provided."),
    "forbidden": ("invalid_request_error", "model_not_allowed", None, "You may not use this model."),
    "content_policy": (
        "invalid_request_error",
        "content_policy_violation",
        None,
        "Your request was rejected by our safety system.",
    ),
}
"""By name of the error: type, code, param, message."""


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
        error = failure.error
        headers: Headers = {}
        told: tuple[str, str | None, str | None, str]
        if failure.retry_after_us is not None:
            headers = {
                "retry-after": str(ceil(failure.retry_after_us / 1_000_000)),
                "retry-after-ms": str(ceil(failure.retry_after_us / 1_000)),
            }
        if error.name == "rate_limited":
            wait = duration(failure.retry_after_us or 0)
            name = "tokens per min (TPM)" if failure.limit == "tokens" else "requests per min (RPM)"
            told = (
                failure.limit,
                "rate_limit_exceeded",
                None,
                f"Rate limit reached on {name}. Please try again in {wait}.",
            )
        elif error.name == "request_too_large":
            told = (
                "tokens",
                "rate_limit_exceeded",
                None,
                f"Request too large on tokens per min (TPM): Requested {failure.asked_tokens}. "
                "The input or output tokens must be reduced in order to run successfully.",
            )
        elif error.name == "context_length_exceeded":
            told = (
                "invalid_request_error",
                "context_length_exceeded",
                "messages",
                f"This model's maximum context length is {failure.context_tokens} tokens. However, your messages "
                f"and the completion asked for come to {failure.asked_tokens} tokens.",
            )
        else:
            told = _ERRORS[error.name]
        kind, code, param, message = told
        return error.status, _error(message, kind, param, code), headers

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

    def error_event(self, number: int) -> bytes:  # noqa: ARG002
        """An event with an error object."""
        kind, code, param, message = _ERRORS["server_error"]
        return _data(_error(message, kind, param, code))


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
