"""What keeps web pages and other machines out: checks of every request before anything of it is read.

The ports are open on loopback only. What is left is a browser on the same machine: a page of a foreign site that calls
them by address (it has an Origin), or by a name of its own that it has pointed here (a foreign Host). No answer has CORS
headers, and a JSON content type keeps forms and simple requests out.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_SIMPLE = ("", "text/plain", "application/x-www-form-urlencoded")
"""Content types that a page may send without asking first, beside that of uploads."""
_UPLOAD = "multipart/form-data"
_CREDENTIALS = ("authorization", "x-api-key")
"""Headers that a page cannot send without asking first."""
_ELSEWHERE = ("cross-site", "same-site")


class Guard:
    """Lets requests through to `application` that name this machine, come from no page, and post JSON.

    With `uploads`, bodies that no page could send unasked pass as well.
    """

    def __init__(self, application: ASGIApp, port: int, *, uploads: bool = False) -> None:
        self._application = application
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        problem = None
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            problem = 403, "the Host header names another server"
        elif "origin" in headers or headers.get("sec-fetch-site") in _ELSEWHERE:
            problem = 403, "requests of web pages are refused"
        elif not (self._may_upload(headers) if self._uploads else _posts_json(scope["method"], headers)):
            problem = 415, "the content type must be application/json"
        if problem is None:
            await self._application(scope, receive, send)
        else:
            status, message = problem
            # The body has not been read: the connection cannot be used again.
            told = JSONResponse({"error": {"message": message}}, status, {"connection": "close"})
            await told(scope, receive, send)

    def _may_upload(self, headers: Headers) -> bool:
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            return True
        kind = _kind(headers)
        return kind not in _SIMPLE and (kind != _UPLOAD or any(name in headers for name in _CREDENTIALS))


def _posts_json(method: str, headers: Headers) -> bool:
    return method != "POST" or _kind(headers) == "application/json"


def _kind(headers: Headers) -> str:
    return headers.get("content-type", "").split(";", maxsplit=1)[0].strip().lower()
