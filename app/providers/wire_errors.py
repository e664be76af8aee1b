"""How each API words an error: status, headers and body, and the event that reports one inside a stream. No I/O.

For what answers in a provider's stead: the faults on the wire and the local endpoint. Its counterpart, which reads such
answers, is `app.providers.wires`.

Formats: platform.openai.com/docs/guides/error-codes and docs.anthropic.com/en/api/errors, as of late 2026.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from app.providers.address import Api
from app.safeguards.errors import CallError

APIS: tuple[Api, ...] = get_args(Api)

_JSON = "application/json"
_GATEWAYS = {502: "Bad Gateway", 504: "Gateway Time-out"}
"""Statuses that come from a gateway in front of the provider, with a page of its own."""

# By the error's name: (status, type, code, message, param).
_OPENAI: dict[str, tuple[int, str, str | None, str, str | None]] = {
    "rate_limited": (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests.", None),
    "token_limited": (429, "tokens", "rate_limit_exceeded", "Rate limit reached for tokens.", None),
    "request_too_large": (
        429,
        "tokens",
        "rate_limit_exceeded",
        "Request too large: it asks for more tokens than the limit holds.",
        None,
    ),
    "insufficient_quota": (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        None,
    ),
    "server_error": (
        500,
        "server_error",
        None,
        "The server had an error while processing your request.",
        None,
    ),
    "overloaded": (
        503,
        "service_unavailable_error",
        "server_is_overloaded",
        "The server is overloaded.",
        None,
    ),
    "unauthorized": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.", None),
    "forbidden": (
        403,
        "invalid_request_error",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported.",
        None,
    ),
    "context_length_exceeded": (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is exceeded.",
        "messages",
    ),
    "content_policy": (
        400,
        "invalid_request_error",
        "content_policy_violation",
        "Your request was rejected as a result of our safety system.",
        None,
    ),
    "rejected": (400, "invalid_request_error", None, "The request is not valid.", None),
    "timeout": (408, "invalid_request_error", None, "The request took too long.", None),
}

# By the error's name: (status, type, message).
_ANTHROPIC: dict[str, tuple[int, str, str]] = {
    "rate_limited": (
        429,
        "rate_limit_error",
        "This request would exceed your rate limit of requests per minute.",
    ),
    "token_limited": (
        429,
        "rate_limit_error",
        "This request would exceed your rate limit of input tokens per minute.",
    ),
    "request_too_large": (413, "request_too_large", "Request exceeds the maximum size."),
    "insufficient_quota": (402, "billing_error", "Your credit balance is too low to access the API."),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "unauthorized": (401, "authentication_error", "invalid x-api-key"),
    "forbidden": (403, "permission_error", "Your API key does not have permission to use the resource."),
    "context_length_exceeded": (
        400,
        "invalid_request_error",
        "prompt is too long: it exceeds the context window",
    ),
    "content_policy": (400, "invalid_request_error", "Output blocked by content filtering policy"),
    "rejected": (400, "invalid_request_error", "The request is not valid."),
    "timeout": (408, "timeout_error", "The request took too long."),
}


@dataclass(frozen=True)
class WireError:
    """An error as it goes over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


def wire_error(
    api: Api,
    error: CallError,
    *,
    tokens: bool = False,
    retry_after_us: int | None = None,
    number: int = 0,
) -> WireError:
    """What a provider of that API answers with: `error` in its words.

     `tokens` says of a rate limit that it is the one of tokens and not the one of requests. `number` makes request ids
     differ. The status is the API's own: where OpenAI says 503, Anthropic says 529; where it says 429 for an empty account
    or a request that never fits, Anthropic says 402 and 413. 502, 504 and 529 stay what they are; the first two are a
     gateway's page. An error
     that no provider sends, as a lost connection, raises KeyError.
    """
    headers = limit_headers(api, error, tokens=tokens, retry_after_us=retry_after_us)
    if error.status in _GATEWAYS:
        page = f"{error.status} {_GATEWAYS[error.status]}"
        html = f"<html>\r\n<head><title>{page}</title></head>\r\n<body><h1>{page}</h1></body>\r\n</html>\r\n"
        return WireError(error.status, {"content-type": "text/html", **headers}, html.encode())
    body, status = told(api, error, tokens=tokens)
    name = f"req_{number:024d}"
    if api == "anthropic-messages":
        body["request_id"] = name
        headers = {"content-type": _JSON, "request-id": name, **headers}
    else:
        headers = {"content-type": _JSON, "x-request-id": name, **headers}
    return WireError(529 if error.status == 529 else status, headers, json.dumps(body).encode())


def error_event(api: Api, error: CallError, *, sequence_number: int = 0) -> bytes:
    """The event that reports the error in a stream which began with status 200, and which of the stream's events it is,
    where an API counts them. KeyError as for `wire_error`."""
    body, _ = told(api, error)
    if api == "anthropic-messages":
        return b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n"
    if api == "openai-chat":
        return b"data: " + json.dumps(body).encode() + b"\n\n"
    said = body["error"]
    event = {
        "type": "error",
        "code": said["code"] or said["type"],
        "message": said["message"],
        "param": said["param"],
        "sequence_number": sequence_number,
    }
    return b"event: error\ndata: " + json.dumps(event).encode() + b"\n\n"


def limit_headers(
    api: Api, error: CallError, *, tokens: bool = False, retry_after_us: int | None = None
) -> dict[str, str]:
    """The headers that say which limit bit and for how long; none where the error asks for no patience."""
    if retry_after_us is None:
        return {}
    seconds = retry_after_us / 1_000_000
    headers = retry_after(api, retry_after_us)
    if error.name != "rate_limited":
        return headers
    unit = "tokens" if tokens else "requests"
    if api == "anthropic-messages":
        reset = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")
        headers[f"anthropic-ratelimit-{unit}-remaining"] = "0"
        headers[f"anthropic-ratelimit-{unit}-reset"] = reset.replace("+00:00", "Z")
    else:
        headers[f"x-ratelimit-remaining-{unit}"] = "0"
        headers[f"x-ratelimit-reset-{unit}"] = f"{seconds:g}s"
    return headers


def retry_after(api: Api, wait_us: int | None) -> dict[str, str]:
    """The headers that ask for patience, rounded up; none for None."""
    if wait_us is None:
        return {}
    headers = {"retry-after": f"{-(-wait_us // 1_000_000)}"}
    return headers if api == "anthropic-messages" else headers | {"retry-after-ms": f"{-(-wait_us // 1_000)}"}


def told(
    api: Api, error: CallError, *, tokens: bool = False, message: str = ""
) -> tuple[dict[str, Any], int]:
    """The body's object, in the words of `message` if there are better ones, and the status it comes with."""
    name = "token_limited" if tokens and error.name == "rate_limited" else error.name
    if api == "anthropic-messages":
        status, kind, usual = _ANTHROPIC[name]
        return {"type": "error", "error": {"type": kind, "message": message or usual}}, status
    status, kind, code, usual, param = _OPENAI[name]
    return {"error": {"message": message or usual, "type": kind, "param": param, "code": code}}, status
