"""What has become of a connection, from what the transport raised."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import aiohttp
import httpx

from app.safeguards.errors import (
    CONNECTION_LOST,
    CONNECTION_REFUSED,
    DNS_FAILURE,
    TIMEOUT,
    TLS_FAILURE,
    UNREADABLE,
    CallError,
)


def connection_error(broken: BaseException) -> CallError:
    """The error of a call whose connection was never made, or was lost, or brought something that is not HTTP."""
    chain = list(_behind(broken))
    if any(isinstance(each, aiohttp.ClientSSLError | ssl.SSLCertVerificationError) for each in chain):
        return TLS_FAILURE
    if any(isinstance(each, socket.gaierror) for each in chain):
        return DNS_FAILURE
    if any(isinstance(each, ConnectionRefusedError) for each in chain):
        return CONNECTION_REFUSED
    # A system has timeouts of its own: of a connection that stood, they mean that it is lost.
    unmade = isinstance(
        broken, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | httpx.ConnectTimeout
    )
    if unmade and any(isinstance(each, TimeoutError) for each in chain):
        return TIMEOUT
    if isinstance(broken, aiohttp.ClientError) and not isinstance(
        broken, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError
    ):
        return UNREADABLE  # something answered, and it was not HTTP
    return CONNECTION_LOST


def _behind(broken: BaseException) -> Iterator[BaseException]:
    """The exception and all that led to it."""
    waiting: list[BaseException | None] = [broken]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, aiohttp.ClientConnectorError):
            waiting.append(each.os_error)
