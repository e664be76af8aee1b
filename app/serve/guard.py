"""What keeps web pages and other machines out: checks of every request before anything of it is read.

The ports are open on loopback only. What is left is a browser on the same machine: a page of a foreign site that calls
them by address (it has an Origin), or by a name of its own that it has pointed here (a foreign Host). No answer has CORS
headers, and a JSON content type keeps forms and simple requests out.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Guard:
    """Lets requests through to `application` that name this machine, come from no page, and post JSON."""

    def __init__(self, application: ASGIApp, port: int) -> None:
        self._application = application
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        problem = None
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            problem = 403, "the Host header names another server"
        elif "origin" in headers:
            problem = 403, "requests of web pages are refused"
        elif scope["method"] == "POST" and not _is_json(headers.get("content-type", "")):
            problem = 415, "the content type must be application/json"
        if problem is None:
            await self._application(scope, receive, send)
        else:
            status, message = problem
            # The body has not been read: the connection cannot be used again.
            told = JSONResponse({"error": {"message": message}}, status, {"connection": "close"})
            await told(scope, receive, send)


def _is_json(content_type: str) -> bool:
    return content_type.split(";", maxsplit=1)[0].strip().lower() == "application/json"
