"""The endpoint's life: its sockets on loopback, its two servers, and its end."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from typing import Protocol as Interface

import uvicorn
from starlette.types import ASGIApp

from app.engine.events import Event
from app.errors import UserError
from app.serve.application import admin_application
from app.serve.connection import Protocol
from app.serve.guard import Guard
from app.serve.recorder import Recorder

LOOPBACK = "127.0.0.1"
_IDLE_S = 75
"""How long a connection may be idle between two calls; nginx's `keepalive_timeout`."""
_GRACE_S = 2
"""How long connections have to close at the end."""


@dataclass(frozen=True)
class Doors:
    """Where the endpoint listens: bound sockets for data and admin, and the token that the admin port asks for."""

    data: socket.socket
    admin: socket.socket
    token: str

    @property
    def data_port(self) -> int:
        """The port that speaks the APIs."""
        return int(self.data.getsockname()[1])

    @property
    def admin_port(self) -> int:
        """The port with the switches."""
        return int(self.admin.getsockname()[1])


@contextmanager
def opened_doors(port: int, admin_port: int) -> Iterator[Doors]:
    """Listen on these ports of 127.0.0.1 (0: one that is free). Raises UserError where one is taken."""
    with _listening(port, "--port") as data, _listening(admin_port, "--admin-port") as admin:
        yield Doors(data, admin, secrets.token_urlsafe(24))


class Behind(Interface):
    """What answers behind the data port: the simulated provider, or the way to a real one.

    `transparent`: what it answers is another server's, and no header is added to it; any body may be sent on.
    """

    transparent: bool

    async def run(self) -> None:
        """Work until `close`."""

    def close(self) -> None:
        """Nobody gets an answer any more."""

    def collect(self) -> int:
        """Hand over to the recorder what has happened up to now, and tell up to when (µs) that is."""

    def change(self, path: str, value: Any) -> Event:
        """Flip a switch. Raises UserError if it cannot be."""


class Service:
    """The servers at work. `stop` may be called from any thread, and from a signal handler."""

    def __init__(
        self,
        behind: Behind,
        data: ASGIApp,
        doors: Doors,
        recorder: Recorder | None = None,
        troubled: Callable[[UserError], None] = lambda _: None,
    ) -> None:
        """`data` is the application on the data port; `troubled` is told when the recorder cannot write.

        Make it in the event loop that `serve` will run in.
        """
        self._behind = behind
        self._data = data
        self._doors = doors
        self._recorder = recorder
        self._troubled = troubled
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End: nobody gets an answer any more, and all connections are closed."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _until_stopped(self) -> None:
        await self._stopping.wait()

    async def serve(self, ready: Callable[[], None]) -> None:
        """Serve until stopped; `ready` is called once calls are taken."""
        behind, doors, recorder = self._behind, self._doors, self._recorder
        servers = [
            _Server(self._data, doors.data_port, doors.data, transparent=behind.transparent),
            _Server(admin_application(behind.change, doors.token), doors.admin_port, doors.admin),
        ]
        passing = asyncio.create_task(behind.run())
        serving = [asyncio.create_task(server.take_calls()) for server in servers]
        stopping = asyncio.create_task(self._until_stopped())
        working = [passing, stopping, *serving]
        if recorder is not None:
            working.append(asyncio.create_task(recorder.write(behind.collect, self._troubled)))
        await asyncio.sleep(0)  # all of them have begun
        ready()
        try:
            await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        finally:
            behind.close()
            for server in servers:
                server.should_exit = True
            # Whichever ended by itself did so for a reason, which is told here.
            try:
                await asyncio.gather(passing, *serving)
            finally:
                for task in working:
                    task.cancel()
                await asyncio.gather(*working, return_exceptions=True)
                if recorder is not None:
                    await recorder.end(behind.collect())


class _Server(uvicorn.Server):
    """A server on a socket of ours, which leaves signals to the program."""

    def __init__(
        self, application: ASGIApp, port: int, sock: socket.socket, *, transparent: bool = False
    ) -> None:
        self._socket = sock
        super().__init__(
            uvicorn.Config(
                Guard(application, port, uploads=transparent),
                http=Protocol,
                ws="none",
                lifespan="off",
                loop="none",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=not transparent,
                proxy_headers=False,
                timeout_keep_alive=_IDLE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )

    async def take_calls(self) -> None:
        """Serve until `should_exit`."""
        await self.serve([self._socket])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextmanager
def _listening(port: int, option: str) -> Iterator[socket.socket]:
    advice = "Choose another, or 0 for a free one."
    if not 0 <= port < 1 << 16:
        raise UserError(f"{port} is no port", where=option, do=advice)
    try:
        sock = socket.create_server((LOOPBACK, port), backlog=2048)
    except OSError as error:
        raise UserError(f"cannot listen on port {port} ({error.strerror})", where=option, do=advice) from None
    with sock:
        # asyncio sees to it only for sockets that name their protocol, as `create_server` makes none. Without it the
        # pieces of a stream wait for the client's acknowledgement of the last, some 40 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock
