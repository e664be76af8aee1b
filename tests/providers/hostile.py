"""Servers that do what no server should, each an asyncio server on 127.0.0.1 without any HTTP of its own.

A misdeed is what is done on a connection. `tried` makes calls to a server that does it, and tells what they left behind.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from pydantic import SecretStr

from app.providers.address import Api
from app.providers.calls import Call, CallOutcome, open_transport
from app.providers.endpoint import Endpoint
from app.providers.wires import WIRES

Misdeed = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Api], Awaitable[None]]
"""What is done on a connection that has just been made; it is cut when that is over."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
UNBOUNDED = HEAD + b"connection: close\r\n\r\n"
KEY = SecretStr("sk-very-secret")
GRACE_S = 3.0
"""What may pass beyond a call's deadline, on a machine that others use."""


@dataclass(frozen=True)
class Tried:
    """What came of the hostile calls, one after the other, each `took_s`; how a call to another server went in between; and
    what was left: tasks and open files beyond those of the beginning, and the most memory that was held (bytes)."""

    outcomes: list[CallOutcome]
    took_s: list[float]
    other: CallOutcome
    tasks_left: list[str]
    files_left: int
    peak_bytes: int

    @property
    def errors(self) -> list[str]:
        return ["" if each.error is None else each.error.name for each in self.outcomes]


def tried(
    misdeed: Misdeed, api: Api = "openai-chat", *, calls: int = 2, first_s: float = 5, total_s: float = 5
) -> Tried:
    """Call a server that does this, and a good one over the same transport."""
    return asyncio.run(_tried(misdeed, api, calls, first_s, total_s))


async def _tried(misdeed: Misdeed, api: Api, calls: int, first_s: float, total_s: float) -> Tried:
    loop = asyncio.get_running_loop()
    files = _open_files()
    outcomes, took_s = [], []
    tracemalloc.start()
    try:
        async with serving(misdeed, api) as bad, serving(good, api) as sound, open_transport() as transport:

            async def call(port: int, by_s: tuple[float, float]) -> CallOutcome:
                endpoint = Endpoint(f"http://127.0.0.1:{port}/v1", "a-model", KEY, api)
                made = Call(transport, endpoint, [["user", "Where is it?"]], 30)
                now = loop.time()
                return await made.make(now + by_s[0], now + by_s[1])

            async with asyncio.timeout(calls * (total_s + GRACE_S)):
                for _ in range(calls):
                    began_s = loop.time()
                    outcomes.append(await call(bad, (first_s, total_s)))
                    took_s.append(loop.time() - began_s)
            other = await call(sound, (GRACE_S, GRACE_S))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    for _ in range(10):  # what was told to end has a few turns of the loop to do so
        await asyncio.sleep(0)
    gc.collect()
    tasks = [str(each.get_coro()) for each in asyncio.all_tasks() if each is not asyncio.current_task()]
    return Tried(outcomes, took_s, other, tasks, _open_files() - files, peak_bytes)


@asynccontextmanager
async def serving(misdeed: Misdeed, api: Api) -> AsyncIterator[int]:
    """The port of a server that does this on every connection, until the block is left."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await misdeed(reader, writer, api)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        while tasks:
            await asyncio.wait(tasks)
        await server.wait_closed()


def _open_files() -> int:
    """Files and sockets that this process holds open."""
    return len(os.listdir("/proc/self/fd"))


# -- what servers do -------------------------------------------------------------------------------------


def answer(api: Api) -> bytes:
    """The events of a whole answer."""
    written = WIRES[api].write("a-model", ["It is ", "on its way."], "stop", (20, 6))
    return written.opening + b"".join(written.pieces) + written.ending


def opening(api: Api) -> bytes:
    """An answer's events up to its first piece."""
    written = WIRES[api].write("a-model", ["It is ", "on its way."], "stop", (20, 6))
    return written.opening + written.pieces[0]


def chunk(data: bytes) -> bytes:
    """A chunk of HTTP."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def heard(reader: asyncio.StreamReader) -> bytes:
    """A whole call."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
    return head + await reader.readexactly(length)


def sends(*parts: bytes | Callable[[Api], bytes], then: str = "hangs up") -> Misdeed:
    """Sends this to a call; `then` it "hangs up", "says nothing" more, or "hears" the next."""

    async def misdeed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
        hears = True
        while hears:
            await heard(reader)
            for part in parts:
                writer.write(part if isinstance(part, bytes) else part(api))
                await writer.drain()
            hears = then == "hears"
        if then == "hangs up":
            writer.write_eof()
            await reader.read()
        else:
            await asyncio.Event().wait()

    return misdeed


def repeats(first: bytes, part: bytes) -> Misdeed:
    """Sends this and then that, again and again, for as long as somebody listens."""

    async def misdeed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
        await heard(reader)
        writer.write(first)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)

    return misdeed


async def good(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """Answers well."""
    while True:
        await heard(reader)
        writer.write(CHUNKED + chunk(answer(api)) + b"0\r\n\r\n")
        await writer.drain()


async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """Hangs up before it has heard anything."""


async def trickles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """A byte at a time, too slowly to matter."""
    await heard(reader)
    writer.write(UNBOUNDED)
    for byte in answer(api):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def trickles_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """A byte of its header at a time."""
    await heard(reader)
    for byte in CHUNKED:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def answers_unheard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """Answers well before the call has come, then reads it."""
    writer.write(CHUNKED + chunk(answer(api)) + b"0\r\n\r\n")
    await reader.read()


async def never_reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """Takes the connection, and no byte of the call."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


async def reads_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """Takes a byte of the call at a time."""
    while await reader.read(1):
        await asyncio.sleep(0.05)


async def half_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, api: Api) -> None:
    """Ends its own half of the connection in mid-stream, and goes on listening."""
    await heard(reader)
    writer.write(UNBOUNDED + opening(api))
    writer.write_eof()
    await asyncio.Event().wait()
