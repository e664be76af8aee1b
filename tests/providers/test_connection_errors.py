"""Connections that are never made, or lost: what each is told as."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import pytest

from app.providers.calls import Call, CallOutcome, open_transport
from app.providers.connection_errors import connection_error
from app.providers.endpoint import Endpoint
from app.safeguards import errors
from app.safeguards.errors import CallError


def test_a_server_without_tls_is_a_tls_failure() -> None:
    async def no_tls(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async def run() -> CallOutcome:
        server = await asyncio.start_server(no_tls, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, open_transport() as transport:
            now = asyncio.get_running_loop().time()
            made = Call(transport, Endpoint(f"https://127.0.0.1:{port}", "m"), [["user", "Where is it?"]], 30)
            return await made.make(now + 5, now + 5)

    outcome = asyncio.run(run())
    assert (outcome.error, outcome.billed) == (errors.TLS_FAILURE, False)


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (socket.gaierror(-2, "Name or service not known"), errors.DNS_FAILURE),
        (ConnectionRefusedError(111, "refused"), errors.CONNECTION_REFUSED),
        (TimeoutError(110, "timed out"), errors.TIMEOUT),
        (OSError(113, "no route"), errors.CONNECTION_LOST),
    ],
)
def test_a_connection_that_is_not_made_says_why(cause: OSError, error: CallError) -> None:
    key: Any = aiohttp.client_reqrep.ConnectionKey("host", 443, True, True, None, None, None)
    assert connection_error(aiohttp.ClientConnectorError(key, cause)) is error


def test_a_timeout_of_a_connection_that_stood_means_that_it_is_lost() -> None:
    broken = aiohttp.ClientOSError(110, "timed out")
    broken.__cause__ = TimeoutError(110, "timed out")
    assert connection_error(broken) is errors.CONNECTION_LOST
