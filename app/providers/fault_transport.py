"""Faults on the wire: a transport around a real one that gives real bytes and real exceptions where a fault strikes.

What strikes which call has been decided before (`app.engine.wire_faults`); a request without a `Struck` passes untouched,
and so does whatever the provider answers with an error. What becomes of an answer is the business of `FaultStream`, or
of `struck_body` where it comes in one piece.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from math import inf

import httpx

from app.providers.fault_body import struck_body
from app.providers.fault_stream import FaultStream
from app.providers.struck import EXTENSION, Struck
from app.providers.transport import CONNECT_S
from app.providers.wire_errors import wire_error
from app.safeguards.errors import CONNECTION_REFUSED, DNS_FAILURE, TIMEOUT, TLS_FAILURE, CallError

_MICRO = 1_000_000


class FaultTransport(httpx.AsyncBaseTransport):
    """Carries out what has been decided about a call; `inner` makes those that get through."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response, or what a broken connection raises."""
        struck = request.extensions.get(EXTENSION)
        if not isinstance(struck, Struck):
            return await self._inner.handle_async_request(request)
        injection = struck.injection
        if injection.error is not None:
            error, after_s = injection.error, injection.error_after_us / _MICRO
            if injection.connecting and after_s > (patience_s := request.extensions.get(CONNECT_S, inf)):
                error, after_s = TIMEOUT, patience_s
            await asyncio.sleep(after_s)
            return _failed(request, struck, error)
        if injection.hang:
            await asyncio.Event().wait()
        sent_s = asyncio.get_running_loop().time()
        await asyncio.sleep(struck.input_tokens * injection.prompt_s_per_token)
        struck.reached = True
        response = await self._inner.handle_async_request(request)
        if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
            return response
        if not response.headers.get("content-type", "").startswith("text/event-stream"):
            return await struck_body(response, struck, sent_s)
        stream = FaultStream(response, struck, sent_s)
        return httpx.Response(200, headers=response.headers, stream=stream, request=request)

    async def aclose(self) -> None:
        """Close the real transport."""
        await self._inner.aclose()


def _failed(request: httpx.Request, struck: Struck, error: CallError) -> httpx.Response:
    """The error as the API words it. Raises what a transport raises, where there is no answer at all."""
    if error.status:
        told = wire_error(
            struck.wire.api,
            error,
            tokens=struck.failed_by == "token_limited",
            retry_after_us=struck.injection.retry_after_us,
            number=struck.number,
        )
        return httpx.Response(told.status, headers=told.headers, content=told.body, request=request)
    host = request.url.host
    if error is CONNECTION_REFUSED:
        raise httpx.ConnectError(f"cannot connect to {host}") from ConnectionRefusedError(
            errno.ECONNREFUSED, "Connection refused"
        )
    if error is DNS_FAILURE:
        raise httpx.ConnectError(f"cannot resolve {host}") from socket.gaierror(
            socket.EAI_NONAME, "Name or service not known"
        )
    if error is TLS_FAILURE:
        raise httpx.ConnectError(f"no secure connection to {host}") from ssl.SSLCertVerificationError(
            1, "certificate verify failed: certificate has expired"
        )
    if error is TIMEOUT:
        raise httpx.ConnectTimeout(f"no connection to {host}") from TimeoutError(errno.ETIMEDOUT, "timed out")
    if struck.failed_by == "empty_response":
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
    raise httpx.ReadError("the connection was reset") from ConnectionResetError(
        errno.ECONNRESET, "reset by peer"
    )
