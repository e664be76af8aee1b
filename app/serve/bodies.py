"""Bodies of requests: a JSON object of bounded size."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

MAX_BYTES = 16_000_000


class BodyError(Exception):
    """The body is no JSON object (`status` 400) or too large (413)."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


async def json_object(request: Request) -> dict[str, Any]:
    """The body of a request. Raises BodyError."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise BodyError(f"The body must not be larger than {MAX_BYTES:,} bytes.", 413)
        parts.append(part)
    try:
        body = json.loads(b"".join(parts))
    except (ValueError, RecursionError):
        raise BodyError("The body could not be parsed as JSON.") from None
    if not isinstance(body, dict):
        raise BodyError("The body must be a JSON object.")
    return body
