"""One streaming call at an endpoint, whatever its API: `Call.make` makes it, `Call.given_up` tells how it stands.

It retries nothing, follows no redirect, keeps no cookies and obeys no proxy variables; whoever calls decides
what comes next. What is sent and what the bytes mean is the business of the API's `Wire`.

The transport is used without httpx's client: it is one method, and has none of the features that would have to be
switched off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from types import AsyncGeneratorType, MappingProxyType
from typing import Any, NamedTuple

import aiohttp
import httpx

from app.inputs.tokens import estimate_tokens
from app.providers.connection_errors import connection_error
from app.providers.endpoint import Endpoint
from app.providers.struck import EXTENSION, Struck
from app.providers.transport import ALL_READ, CONNECT_S, CONNECTIONS, CallTransport
from app.providers.wires.failures import classify, error_object, retry_after_us
from app.providers.wires.limits import RateLimit, rate_limits
from app.quick_json import json_bytes
from app.safeguards.errors import (
    CONNECTION_LOST,
    CONNECTION_REFUSED,
    DNS_FAILURE,
    TIMEOUT,
    TLS_FAILURE,
    UNREADABLE,
    CallError,
)

_MAX_ERROR_BYTES = 65_536
_TIDY_S = 0.1
"""How long to wait for the end of a response after the end of its answer."""
_NETWORK = (httpx.TransportError, aiohttp.ClientError, OSError)
BROKEN = (CONNECTION_LOST, CONNECTION_REFUSED, DNS_FAILURE, TLS_FAILURE, UNREADABLE)
"""Errors of a connection: where there is no status, the provider is not taken to be at work."""


class CallOutcome(NamedTuple):
    """How a call ended. `error` is None when there is an answer, which may be empty.

    `status` is HTTP's, 0 for none. Instants are seconds of the event loop's clock. `finish` says why the model
    stopped, in OpenAI's words; None where that is not known. Tokens are as the provider counts them unless
    `estimated`. `billed` says whether it is likely to be charged: it was answered with status 200, or given up
    while the provider may have been at work; what a fault kept from the provider never is. `expired` says that
    the client's patience ended, and not the connection or the provider's own time; `too_quiet` that it was the one with
    the next token of a stream that had begun. `limits` are the rate limits
    that the answer's headers told.
    """

    error: CallError | None
    status: int
    text: str
    first_s: float | None
    finished_s: float
    retry_after_us: int | None
    input_tokens: int
    output_tokens: int
    estimated: bool
    billed: bool
    finish: str | None = None
    expired: bool = False
    too_quiet: bool = False
    limits: Mapping[str, RateLimit] = MappingProxyType({})


def open_transport(
    connections: int = CONNECTIONS, waited: Callable[[float], None] | None = None
) -> httpx.AsyncBaseTransport:
    """A transport for any number of calls to any endpoints, in one event loop; close it with `async with`.

    `waited` is told of each call that had to wait for one of the `connections` how long it did, in seconds.
    """
    return CallTransport(connections, waited)


class Call:
    """One call. `make` it once; `given_up` tells how it stands if nobody waits for it any longer."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        endpoint: Endpoint,
        messages: Sequence[Sequence[str]],
        max_tokens: int,
        struck: Struck | None = None,
        on_piece: Callable[[float], None] | None = None,
    ) -> None:
        """`messages` are pairs of role and text; `max_tokens` bounds the answer.

        `struck` says what faults do to it; then the transport must be a `FaultTransport`. `on_piece` is told each
        instant at which further pieces of the answer have come.
        """
        self._transport = transport
        self._endpoint = endpoint
        self._messages = messages
        self._max_tokens = max_tokens
        self._struck = struck
        self._on_piece = on_piece
        self._stream = endpoint.wire.stream()
        self._status = 0
        self._first_s: float | None = None
        self._retry_after_us: int | None = None
        self._limits: Mapping[str, RateLimit] = {}
        self._expired = False
        self._too_quiet = False
        self._connect_s = self._between_s = inf
        self._response: httpx.Response | None = None
        self._body: AsyncIterator[bytes] | None = None

    async def make(
        self, first_by_s: float, until_s: float, *, connect_s: float = inf, between_s: float = inf
    ) -> CallOutcome:
        """Call, and wait until `first_by_s` for the first token and until `until_s` for the last: instants of the event
        loop's clock. A connection may take `connect_s` to come about, each further token `between_s`.

        Raises nothing but CancelledError, and closes its connection then, too.
        """
        self._connect_s, self._between_s = connect_s, between_s
        finished_s: float | None = None
        time = asyncio.get_running_loop().time
        patience = asyncio.timeout_at(min(first_by_s, until_s))
        try:
            async with patience:
                error = await self._converse(patience, first_by_s, until_s)
                finished_s = time()
                if error is None and not self._all_read():
                    await self._rest(patience, finished_s)
        except _NETWORK as broken:
            if finished_s is None:  # else the answer was complete, and only its connection is lost
                finished_s = time()
                self._expired = patience.expired()
                self._too_quiet = self._expired and self._first_s is not None and patience.when() != until_s
                error = TIMEOUT if self._expired else connection_error(broken)
        finally:
            await self._hang_up()
        return self._outcome(error, finished_s)

    def given_up(self, error: CallError) -> CallOutcome:
        """The outcome as of now: `error`, with the tokens that came so far."""
        return self._outcome(error, asyncio.get_running_loop().time())

    async def _converse(
        self, patience: asyncio.Timeout, first_by_s: float, until_s: float
    ) -> CallError | None:
        self._response = response = await self._transport.handle_async_request(self._request())
        self._status = response.status_code
        headers = response.headers.raw
        self._limits = rate_limits(headers)
        if response.status_code != 200:
            self._retry_after_us = retry_after_us(response.headers)
            return classify(response.status_code, await self._error())
        if any(name.lower() == b"content-encoding" and value != b"identity" for name, value in headers):
            return UNREADABLE  # none was asked for, and packed bytes may unpack to anything
        stream, between_s = self._stream, self._between_s
        async for chunk in self._chunks():
            known = stream.pieces
            stream.feed(chunk)
            if self._on_piece is not None and stream.pieces > known:
                self._on_piece(asyncio.get_running_loop().time())
            if self._first_s is None and stream.pieces:
                self._first_s = asyncio.get_running_loop().time()
                if first_by_s < until_s:
                    patience.reschedule(until_s)
            if between_s < inf and stream.pieces > known:
                patience.reschedule(min(until_s, asyncio.get_running_loop().time() + between_s))
            if stream.over:
                break
        stream.close()
        return stream.error

    def _all_read(self) -> bool:
        assert self._response is not None
        all_read = self._response.extensions.get(ALL_READ)
        return all_read is not None and all_read()

    async def _rest(self, patience: asyncio.Timeout, finished_s: float) -> None:
        """Wait a moment for the end of the response to a complete answer, so that its connection can be used again."""
        patience.reschedule(finished_s + _TIDY_S)
        async for _ in self._chunks():
            pass

    def _chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes in, from where it was last left."""
        if self._body is None:
            assert self._response is not None
            assert isinstance(self._response.stream, httpx.AsyncByteStream)
            self._body = aiter(self._response.stream)
        return self._body

    def _request(self) -> httpx.Request:
        endpoint = self._endpoint
        extensions: dict[str, Any] = {} if self._struck is None else {EXTENSION: self._struck}
        if self._connect_s < inf:
            extensions[CONNECT_S] = self._connect_s
        body = endpoint.wire.body(endpoint.model, self._messages, self._max_tokens)
        return httpx.Request(
            "POST",
            endpoint.address,
            headers=endpoint.headers,
            stream=httpx.ByteStream(json_bytes(body)),
            extensions=extensions,
        )

    async def _error(self) -> Mapping[str, Any]:
        """What the provider says about its error; {} if that cannot be read: then the status has to do."""
        body = b""
        with suppress(httpx.TransportError, aiohttp.ClientError):
            async for chunk in self._chunks():
                body += chunk
                if len(body) > _MAX_ERROR_BYTES:
                    break
        return error_object(body)

    async def _hang_up(self) -> None:
        """Let go of the connection: for another call when all of the answer was read, else for good."""
        if self._response is None:
            return
        assert isinstance(self._response.stream, httpx.AsyncByteStream)
        try:
            if isinstance(self._body, AsyncGeneratorType):
                await self._body.aclose()  # it may have been left half-way
            await self._response.stream.aclose()
        except _NETWORK:
            pass  # what was read of it stands

    def _outcome(self, error: CallError | None, finished_s: float) -> CallOutcome:
        stream = self._stream
        struck = self._struck
        text = stream.text
        told: tuple[int | None, int | None] = (stream.input_tokens, stream.output_tokens)
        if struck is not None and struck.usage is not None:
            told = struck.usage  # what is charged, though a fault kept it from the client
        asked, answered = told
        if asked is None:
            asked = sum(estimate_tokens(said) for _, said in self._messages)
        # Without a status the provider may be at work if nothing broke, and we just stopped waiting.
        unanswered = self._status == 0 and not (error in BROKEN or (error is TIMEOUT and not self._expired))
        return CallOutcome(
            error=error,
            status=self._status,
            text=text,
            first_s=self._first_s,
            finished_s=finished_s,
            retry_after_us=self._retry_after_us,
            input_tokens=asked,
            output_tokens=estimate_tokens(text) if answered is None else answered,
            estimated=None in told,
            billed=(self._status == 200 or unanswered) and (struck is None or struck.reached),
            finish=stream.finish,
            expired=self._expired,
            too_quiet=self._too_quiet,
            limits=self._limits,
        )
