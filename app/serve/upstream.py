"""Where the proxy's calls go: one origin for good, spoken to byte for byte.

Nothing is followed, unpacked, kept or added: no redirect, no cookie, no header but Host. What has come of an answer is
handed on at once, and while nobody takes it the upstream has to wait. Connections are used again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from app.errors import UserError
from app.providers.endpoint import Endpoint

CONNECTIONS = 500
"""Connections open at once; a further call waits for one."""
TARGET = "target"
"""The extension of an httpx request that holds its target, as it stands in the request line."""
_HOP_BY_HOP = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    }
)
"""RFC 9110, 7.6.1, with those that are no longer in use. Trailers, which need TE, are therefore never asked for."""
_LARGEST_HEADER = 65_536
_ADDED_UNASKED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")

RawHeaders = list[tuple[bytes, bytes]]


def end_to_end(headers: RawHeaders) -> RawHeaders:
    """The headers that are meant for the other end: without those about this connection, and those it names."""
    named = {
        name.strip().lower()
        for header, value in headers
        if header.lower() == b"connection"
        for name in value.split(b",")
    }
    return [pair for pair in headers if pair[0].lower() not in _HOP_BY_HOP | named]


def pinned(address: str, *, where: str) -> Endpoint:
    """The upstream at an address; its path is what the client's base URL takes over. Raises UserError for anything else."""
    try:
        return Endpoint(address, "")
    except UserError as error:
        raise UserError(error.what, where=where, do=error.do) from None


class UpstreamTransport(httpx.AsyncBaseTransport):
    """Makes requests as they are, to these origins and no other; close it with `async with`."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = {URL(origin).origin() for origin in origins}
        self._opened: aiohttp.ClientSession | None = None

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=_ADDED_UNASKED,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                max_line_size=_LARGEST_HEADER,
                max_field_size=_LARGEST_HEADER,
            )
        return self._opened

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The response as soon as its headers have come.

        Raises what aiohttp does, ConnectError for another origin, and RemoteProtocolError for a status that ends no call.
        """
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        target: bytes = request.extensions[TARGET]
        url = URL(origin + target.decode("ascii"), encoded=True)
        if not target.startswith(b"/") or url.origin() not in self._origins:
            raise httpx.ConnectError("this is no upstream of ours")
        try:
            data: bytes | httpx.AsyncByteStream | httpx.SyncByteStream | None = request.content or None
        except httpx.RequestNotRead:
            data = request.stream
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for name, value in request.headers.raw
            if name.lower() != b"host"
        )
        answer = await self._session().request(
            request.method, url, headers=headers, data=data, allow_redirects=False
        )
        if not 200 <= answer.status < 600:
            answer.close()
            raise httpx.RemoteProtocolError(f"{answer.status} is no status of an answer")
        return httpx.Response(
            answer.status,
            headers=end_to_end(list(answer.raw_headers)),
            stream=_Body(answer),
            request=request,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()


class _Body(httpx.AsyncByteStream):
    """The body as it comes. Closed before its end, its connection is closed with it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        async for part in self._answer.content.iter_any():
            yield part

    async def aclose(self) -> None:
        self._answer.close()
