"""One streaming chat completion at an OpenAI-compatible endpoint: what is sent, and how it ended.

It retries nothing, follows no redirect, keeps no cookies and obeys no proxy variables; whoever calls decides
what comes next. What the bytes mean is `openai_wire`'s.

The transport is used without httpx's client: it is one method, two to three times as fast, and has none of
the features that would have to be switched off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr

import app
from app.errors import UserError
from app.inputs.tokens import estimate_tokens
from app.providers.openai_wire import ChatStream, classify, error_object, retry_after_us
from app.safeguards.errors import CONNECTION_LOST, TIMEOUT, UNREADABLE, CallError

CONNECTIONS = 500
"""Connections open at once. A further call waits for one, and that wait counts as its own time."""
_MAX_ERROR_BYTES = 65_536
_TIDY_S = 0.1
"""How long to wait for the end of a response that is complete, so that its connection can be used again."""
_NETWORK = (httpx.TransportError, aiohttp.ClientError, OSError)


@dataclass(frozen=True)
class Endpoint:
    """Where to call, as which model, with which key. The key is in memory only, and in no representation.

    Raises UserError for anything but a plain http(s) address (no user, query or fragment), and for a key that
    no header can hold; the key is never part of the message.
    """

    base_url: str
    """What providers call base URL: `/chat/completions` is added to its path."""
    model: str
    key: SecretStr | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.base_url)
        except httpx.InvalidURL:
            raise UserError("this is no address", where="endpoint", do="Give https://host/path.") from None
        if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
            raise UserError(
                "this is more or less than an address", where="endpoint", do="Give https://host/path."
            )
        secret = self.key.get_secret_value() if self.key else ""
        if not all("!" <= character <= "~" for character in secret):
            raise UserError("the key holds signs that no key has", where="endpoint", do="Copy it once more.")

    @property
    def address(self) -> httpx.URL:
        """The one address that calls go to."""
        url = httpx.URL(self.base_url)
        return url.copy_with(path=url.path.rstrip("/") + "/chat/completions")

    @property
    def origin(self) -> str:
        """Scheme, host and port: what the key is bound to, and what people are shown."""
        url = httpx.URL(self.base_url)
        return f"{url.scheme}://{url.netloc.decode('ascii')}"


@dataclass(frozen=True)
class CallOutcome:
    """How a call ended. `error` is None when there is an answer, which may be empty.

    `status` is HTTP's, 0 for none. Instants are seconds of the event loop's clock. Tokens are as the provider
    counts them unless `estimated`. `billed` says whether it is likely to be charged: it was answered with
    status 200, or given up while the provider may have been at work.
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


def open_transport(connections: int = CONNECTIONS) -> httpx.AsyncBaseTransport:
    """A transport for any number of calls to any endpoints, in one event loop; close it with `async with`.

    It is aiohttp's: httpx's own pool slows down as concurrency grows.
    """
    transport = AiohttpTransport()

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=connections, ssl=transport.ssl_context)
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    transport.client = session
    return transport


class ChatCall:
    """One call. `make` it once; `given_up` tells how it stands if nobody waits for it any longer."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        endpoint: Endpoint,
        messages: Sequence[Sequence[str]],
        max_tokens: int,
    ) -> None:
        """`messages` are pairs of role and text; `max_tokens` bounds the answer."""
        self._transport = transport
        self._endpoint = endpoint
        self._messages = messages
        self._max_tokens = max_tokens
        self._stream = ChatStream()
        self._status = 0
        self._first_s: float | None = None
        self._retry_after_us: int | None = None
        self._response: httpx.Response | None = None

    async def make(self, first_by_s: float, until_s: float) -> CallOutcome:
        """Call, and wait until `first_by_s` for the first token and until `until_s` for the last.

        Both are instants of the event loop's clock. Raises nothing but CancelledError, and closes its
        connection then, too.
        """
        error: CallError | None
        patience = asyncio.timeout_at(min(first_by_s, until_s))
        try:
            async with patience:
                error = await self._converse(patience, until_s)
        except (httpx.TransportError, aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError):
            # The system has timeouts of its own, which mean a lost connection.
            error = TIMEOUT if patience.expired() else CONNECTION_LOST
        except aiohttp.ClientError:
            error = UNREADABLE  # something answered, and it was not HTTP
        finally:
            finished_s = asyncio.get_running_loop().time()
            await self._hang_up()
        return self._outcome(error, finished_s)

    def given_up(self, error: CallError) -> CallOutcome:
        """The outcome as of now: `error`, with the tokens that came so far."""
        return self._outcome(error, asyncio.get_running_loop().time())

    async def _converse(self, patience: asyncio.Timeout, until_s: float) -> CallError | None:
        self._response = response = await self._transport.handle_async_request(self._request())
        self._status = response.status_code
        if response.status_code != 200:
            self._retry_after_us = retry_after_us(response.headers)
            return classify(response.status_code, await self._error())
        if response.headers.get("content-encoding", "identity") != "identity":
            return UNREADABLE  # none was asked for, and packed bytes may unpack to anything
        stream = self._stream
        async with self._chunks() as chunks:
            async for chunk in chunks:
                stream.feed(chunk)
                if self._first_s is None and stream.begun:
                    self._first_s = asyncio.get_running_loop().time()
                    patience.reschedule(until_s)
                if stream.over:
                    break
        stream.close()
        return stream.error

    def _chunks(self) -> aclosing[AsyncGenerator[bytes, None]]:
        """The body as it comes in, from where it was last left."""
        assert self._response is not None
        assert isinstance(self._response.stream, httpx.AsyncByteStream)
        return aclosing(cast(AsyncGenerator[bytes, None], aiter(self._response.stream)))

    def _request(self) -> httpx.Request:
        endpoint = self._endpoint
        body = {
            "model": endpoint.model,
            "messages": [{"role": role, "content": text} for role, text in self._messages],
            "max_tokens": self._max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        headers = {
            "accept": "text/event-stream",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "user-agent": f"seatrial/{app.__version__}",
        }
        if endpoint.key is not None:
            headers["authorization"] = f"Bearer {endpoint.key.get_secret_value()}"
        return httpx.Request("POST", endpoint.address, headers=headers, content=json.dumps(body).encode())

    async def _error(self) -> Mapping[str, Any]:
        """What the provider says about its error; {} if that cannot be read: then the status has to do."""
        body = b""
        with suppress(httpx.TransportError, aiohttp.ClientError):
            async with self._chunks() as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _MAX_ERROR_BYTES:
                        break
        return error_object(body)

    async def _hang_up(self) -> None:
        """Let go of the connection: for another call when the answer is complete, else for good."""
        if self._response is None:
            return
        try:
            if self._stream.over and self._stream.error is None:
                with suppress(*_NETWORK):
                    async with asyncio.timeout(_TIDY_S), self._chunks() as chunks:
                        async for _ in chunks:
                            pass
        finally:
            with suppress(*_NETWORK):
                await self._response.aclose()

    def _outcome(self, error: CallError | None, finished_s: float) -> CallOutcome:
        stream = self._stream
        text = stream.text
        counted = stream.usage
        if counted is None:
            counted = (sum(estimate_tokens(said) for _, said in self._messages), estimate_tokens(text))
        unanswered = self._status == 0 and error not in (CONNECTION_LOST, UNREADABLE)
        return CallOutcome(
            error=error,
            status=self._status,
            text=text,
            first_s=self._first_s,
            finished_s=finished_s,
            retry_after_us=self._retry_after_us,
            input_tokens=counted[0],
            output_tokens=counted[1],
            estimated=stream.usage is None,
            billed=self._status == 200 or unanswered,
        )
