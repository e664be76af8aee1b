"""The connection below a call, for faults that happen to it: uvicorn's protocol hands it to the application."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

_KEY = "seatrial.transport"
_LINGER = "hh" if os.name == "nt" else "ii"
"""The system's `struct linger`: on or off, and for how long."""


class Protocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it; the scope of each call has the transport that it came on."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        application = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope["state"][_KEY] = self.transport
            await application(scope, receive, send)

        self.app = with_transport


class Connection:
    """The connection that a call came on."""

    def __init__(self, scope: Any) -> None:
        self._transport: asyncio.Transport = scope["state"][_KEY]

    def close(self) -> None:
        """Close it in good order; what was sent before still arrives."""
        self._transport.close()

    def drop(self) -> None:
        """Close it at once, whether or not what was sent has gone out."""
        self._transport.abort()

    def reset(self) -> None:
        """Reset it: the client's next read fails."""
        sock: socket.socket | None = self._transport.get_extra_info("socket")
        if sock is not None:
            # Lingering for no time at all makes the system send RST in place of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
        self._transport.abort()
