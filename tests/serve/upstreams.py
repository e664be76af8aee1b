"""A provider to put behind the proxy: a real server on loopback that keeps every byte of what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread

BOUND_S = 30.0


@dataclass
class Heard:
    """A request as it came: its head, line by line, and its body."""

    head: list[bytes]
    body: bytes
    left: Event = field(default_factory=Event)
    """For whoever plays to tell that the other end has gone."""

    @property
    def line(self) -> bytes:
        return self.head[0]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Names in lower case, sorted; without Host, which names each server by itself."""
        pairs = [line.split(b": ", 1) for line in self.head[1:]]
        return sorted((name.lower(), value) for name, value in pairs if name.lower() != b"host")


Play = Callable[[Heard, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Upstream:
    """Where it listens, and what it has heard."""

    url: str
    heard: list[Heard] = field(default_factory=list)


def says(data: bytes) -> Play:
    """Answers with these bytes."""

    async def play(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return play


def trickles(head: bytes, chunks: list[bytes], go: Callable[[int], Awaitable[None]]) -> Play:
    """Sends a head, and chunk n once `go(n)` has returned."""

    async def play(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for number, chunk in enumerate(chunks):
            await writer.drain()
            await go(number)
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return play


def begins_and_waits(head: bytes) -> Play:
    """Sends this, and waits until the other end is gone."""

    async def play(heard: Heard, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        with suppress(ConnectionError):
            while await reader.read(1_000):
                pass
        heard.left.set()

    return play


@contextmanager
def upstream(play: Play) -> Iterator[Upstream]:
    """Serve until the end of the block, in a thread of its own."""
    ready, there = Event(), Upstream("")
    stop: list[Callable[[], object]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                heard = Heard(head, await _body(head, reader))
                there.heard.append(heard)
                await play(heard, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def life() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        there.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        ready.set()
        await ended.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    thread = Thread(target=lambda: asyncio.run(life()))
    thread.start()
    try:
        assert ready.wait(BOUND_S)
        yield there
    finally:
        stop[0]()
        thread.join(BOUND_S)


async def _head(reader: asyncio.StreamReader) -> list[bytes]:
    head = []
    while line := (await reader.readline()).rstrip(b"\r\n"):
        head.append(line)
    return head


async def _body(head: list[bytes], reader: asyncio.StreamReader) -> bytes:
    headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in head)}
    if headers.get(b"transfer-encoding") == b"chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body
    return await reader.readexactly(int(headers.get(b"content-length", b"0")))
