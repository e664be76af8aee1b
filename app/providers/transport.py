"""The transport of real calls: aiohttp's client behind httpx's boundary of one method.

httpx's own pool slows down as concurrency grows. It obeys no proxy variables, keeps no cookies, follows no redirect and
unpacks nothing; it has no timeouts, because whoever calls has, and raises what aiohttp raises: `connection_errors` knows
what that means.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import lru_cache

import aiohttp
import httpx

CONNECTIONS = 500
"""Connections open at once. A further call waits for one, and that wait counts as its own time."""


ALL_READ = "seatrial.all_read"
"""The extension of a response that tells, when called, whether its body has been read to its end."""


CONNECT_S = "seatrial.connect_s"
"""The extension of a request that tells how many seconds its connection may take to come about; without it, any."""


class CallTransport(httpx.AsyncBaseTransport):
    """Any number of calls to any addresses, in one event loop. Close it with `async with`."""

    def __init__(self, connections: int = CONNECTIONS, waited: Callable[[float], None] | None = None) -> None:
        """`waited` is told of each call that had to wait for one of the `connections` how long it did, in seconds."""
        self._free = asyncio.Semaphore(connections)
        self._waited = waited
        self._tls = httpx.create_ssl_context()
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response as soon as its headers are there; close it, read or unread.

        Raises aiohttp.ClientError or OSError, and nothing of httpx's.
        """
        stream = request.stream
        content = b"".join(stream) if isinstance(stream, httpx.ByteStream) else await request.aread()
        if self._free.locked():
            await self._wait_for_one()
        else:
            await self._free.acquire()
        try:
            response = await self._opened().request(
                request.method,
                str(request.url),
                headers=[
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
                ],
                data=content,
                allow_redirects=False,
                timeout=_patience(request.extensions.get(CONNECT_S)),
            )
        except BaseException:  # also of a call that is given up
            self._free.release()
            raise
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response, self._free),
            extensions={ALL_READ: response.content.at_eof},
            request=request,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _wait_for_one(self) -> None:
        """Take a connection when one is free. The limit is ours: aiohttp tells of waits only by way of much slower calls."""
        began_s = asyncio.get_running_loop().time()
        await self._free.acquire()
        if self._waited is not None:
            self._waited(asyncio.get_running_loop().time() - began_s)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, ssl=self._tls)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=_patience(None),
                auto_decompress=False,
            )
        return self._session


@lru_cache(maxsize=64)
def _patience(connect_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=None, connect=connect_s)


class _Body(httpx.AsyncByteStream):
    """A response's body, from where it was last left."""

    def __init__(self, response: aiohttp.ClientResponse, free: asyncio.Semaphore) -> None:
        self._response = response
        self._free = free
        self._held = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        data = await self._response.content.readany()
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Keep the connection for another call if all was read, else close it."""
        if self._held:
            self._held = False
            self._free.release()
            self._response.release()
