"""The routes: the APIs on the data port, the switches on the admin port."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.engine.attempt_plans import MICRO
from app.engine.events import Event
from app.errors import UserError
from app.serve.anthropic_bytes import Anthropic
from app.serve.bodies import BodyError, json_object
from app.serve.dialect import BadRequestError, Dialect, request_id
from app.serve.exchange import Exchange
from app.serve.openai_bytes import OpenAi
from app.serve.responses_bytes import Responses
from app.serve.sandbox import Sandbox

_MADE_S, _MADE = 1_767_225_600, "2026-01-01T00:00:00Z"
"""When a simulated model was made, as the lists of models must say."""


class Endpoint:
    """An ASGI application that answers calls in one dialect."""

    def __init__(self, sandbox: Sandbox, dialect: Dialect) -> None:
        self._sandbox = sandbox
        self._dialect = dialect
        self._refused = count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        try:
            asked = self._dialect.asked(await json_object(Request(scope, receive)))
        except BodyError as error:
            await self._refuse(error.status, str(error), None)(scope, receive, send)
        except BadRequestError as error:
            await self._refuse(400, str(error), error.param)(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            await Exchange(self._sandbox, self._dialect, asked, scope, receive, send).carry_out()

    def _refuse(self, status: int, message: str, param: str | None) -> Response:
        # Numbers of their own: what is no call must not move the draws of those that are.
        number = 1 << 40 | next(self._refused)
        headers = {self._dialect.request_id_header: request_id(number)}
        if status == 413:
            headers["connection"] = "close"  # the rest of the body has not been read
        return JSONResponse(self._dialect.bad_request(status, message, param, number), status, headers)


def data_application(sandbox: Sandbox) -> Starlette:
    """The simulated provider's API."""

    async def models(request: Request) -> Response:
        names = sandbox.models
        if "anthropic-version" in request.headers:
            told = [
                {"type": "model", "id": name, "display_name": name, "created_at": _MADE} for name in names
            ]
            return JSONResponse({"data": told, "has_more": False, "first_id": names[0], "last_id": names[-1]})
        listed = [
            {"id": name, "object": "model", "created": _MADE_S, "owned_by": "seatrial"} for name in names
        ]
        return JSONResponse({"object": "list", "data": listed})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", Endpoint(sandbox, OpenAi()), methods=["POST"]),
            Route("/v1/responses", Endpoint(sandbox, Responses()), methods=["POST"]),
            Route("/v1/messages", Endpoint(sandbox, Anthropic()), methods=["POST"]),
            Route("/v1/models", models),
        ]
    )


def admin_application(flip: Callable[[str, Any], Event], token: str) -> Starlette:
    """The switches: POST / {"set": path, "value": v}, with the token as bearer."""
    expected = f"Bearer {token}".encode()

    async def change(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected):
            refused = {"www-authenticate": "Bearer", "connection": "close"}
            return _wrong("the bearer token that was printed at the start is needed", 401, refused)
        try:
            body = await json_object(request)
            if set(body) != {"set", "value"} or not isinstance(body["set"], str):
                return _wrong('a change is {"set": "dotted.path", "value": ...}', 400)
            json.dumps(body, ensure_ascii=False).encode()
            event = flip(body["set"], body["value"])
        except BodyError as error:
            return _wrong(str(error), error.status)
        except UnicodeEncodeError:
            return _wrong("a text holds half a character", 400)  # which no log can keep
        except UserError as error:
            return _wrong(str(error), 400)
        return JSONResponse({"at_s": event.at_us / MICRO, **event.details})

    return Starlette(routes=[Route("/", change, methods=["POST"])])


def _wrong(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"message": message}}, status, headers)
