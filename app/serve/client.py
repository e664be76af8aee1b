"""The client's end of a call that is passed on: what it sends, whether it is still there, and what it is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import h11
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.serve.bodies import BodyError
from app.serve.connection import Connection
from app.serve.upstream import RawHeaders


class Client:
    """Read its body once, with `body` or `parts`; then `until_left` tells when it hangs up."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started = False
        """Whether a status has gone out."""
        self.ended = False
        self._receive = receive
        self._send = send
        self._connection = Connection(scope)

    async def body(self, most: int) -> bytes:
        """All of what it sends. Raises BodyError if that is more than so many bytes, ClientDisconnect if it hangs up."""
        parts, size = [], 0
        async for part in self.parts():
            parts.append(part)
            size += len(part)
            if size > most:
                raise BodyError(f"The body must not be larger than {most:,} bytes.", 413)
        return b"".join(parts)

    async def parts(self) -> AsyncGenerator[bytes, None]:
        """What it sends, as it comes. Raises ClientDisconnect if it hangs up."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                return

    async def until_left(self) -> None:
        """Until it has hung up, or its response has ended."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def start(self, status: int, headers: RawHeaders) -> None:
        """Begin its response. This and what follows raise OSError for what cannot be said in HTTP."""
        self.started = True
        await self._tell({"type": "http.response.start", "status": status, "headers": headers})

    async def say(self, data: bytes) -> None:
        """Go on with its response; waits while it does not read."""
        await self._tell({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """End its response."""
        self.ended = True
        await self._tell({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        except h11.LocalProtocolError:
            # A server of another make may say what ours must not: such a response ends as a broken one does.
            raise OSError("what the upstream said is no response that can be handed on") from None

    async def reply(self, status: int, headers: RawHeaders, body: bytes) -> None:
        """A response in one piece."""
        await self.start(status, headers)
        await self.say(body)
        await self.end()

    def break_off(self, *, quietly: bool) -> None:
        """No more of its response comes: the connection ends, `quietly` or with a reset. What has begun ends where it is."""
        if quietly or self.started:
            self._connection.close()
        else:
            self._connection.reset()

    def drop(self) -> None:
        """End its connection at once."""
        self._connection.drop()
