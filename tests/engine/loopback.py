"""A small server on 127.0.0.1 that speaks, and misspeaks, the APIs of providers: chat completions unless told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from app.providers.address import Api
from app.providers.wires import WIRES

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Answers one call on its connection, which is kept unless it raises `CutError`."""


class CutError(Exception):
    """The connection is to be dropped without a word."""


@dataclass(frozen=True)
class Heard:
    """A call as the server got it."""

    target: str
    headers: dict[str, str]
    body: Any


class Loopback:
    """The server: `script(n)` says how its call number n (from 0) is answered."""

    def __init__(self, script: Callable[[int], Play]) -> None:
        self.heard: list[Heard] = []
        self.connections = 0
        self.port = 0
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                pairs = (line.partition(": ") for line in lines if line)
                headers = {name.lower(): value for name, _, value in pairs}
                body = await reader.readexactly(int(headers["content-length"]))
                self.heard.append(Heard(first.split(" ")[1], headers, json.loads(body)))
                await self._script(len(self.heard) - 1)(writer)
        except (asyncio.IncompleteReadError, ConnectionError, CutError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def close(self, server: asyncio.Server) -> None:
        server.close()
        for task in list(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await server.wait_closed()


@asynccontextmanager
async def serving(script: Callable[[int], Play]) -> AsyncIterator[Loopback]:
    """A server on a free port, until the block is left."""
    loopback = Loopback(script)
    server = await asyncio.start_server(loopback._serve, "127.0.0.1", 0)
    loopback.port = server.sockets[0].getsockname()[1]
    try:
        yield loopback
    finally:
        await loopback.close(server)


def chunk(content: str = "", *, finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream."""
    choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
    told = {"object": "chat.completion.chunk", "choices": [choice], **more}
    return b"data: " + json.dumps(told).encode() + b"\n\n"


def answered(text: str, *, usage: tuple[int, int] | None = None) -> bytes:
    """A whole stream that says `text` in two pieces."""
    half = len(text) // 2
    events = [chunk(text[:half]), chunk(text[half:]), chunk(finish="stop")]
    if usage:
        counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        events.append(b"data: " + json.dumps({"choices": [], "usage": counts}).encode() + b"\n\n")
    return b"".join(events) + b"data: [DONE]\n\n"


def says(text: str, *, usage: tuple[int, int] | None = None) -> Play:
    """A good answer."""
    return streams(answered(text, usage=usage))


def speaks(api: Api, text: str, *, usage: tuple[int, int] | None = None, finish: str = "stop") -> Play:
    """An answer in that API's format, a few characters at a time."""
    pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
    written = WIRES[api].write("a-model", [text] if finish == "tool_calls" else pieces, finish, usage)
    return streams(written.opening, *written.pieces, written.ending)


def streams(*parts: bytes, ends: bool = True) -> Play:
    """An event stream of these bytes, each part a write of its own; without `ends` it is cut."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for part in parts:
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
        if not ends:
            raise CutError
        writer.write(b"0\r\n\r\n")

    return play


def fails(
    status: int, *, code: str | None = None, kind: str = "server_error", message: str = "", **headers: str
) -> Play:
    """An error as OpenAI words it."""
    error = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return replies(status, json.dumps(error), content_type="application/json", **headers)


def replies(status: int, body: str, **headers: str) -> Play:
    """Any response; in header names '_' stands for '-'."""

    async def play(writer: asyncio.StreamWriter) -> None:
        content = body.encode()
        lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(content)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    return play


def hangs(after: bytes = b"") -> Play:
    """Nothing more after these bytes of a stream, for as long as the client waits."""

    async def play(writer: asyncio.StreamWriter) -> None:
        if after:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + after)
        await asyncio.Event().wait()

    return play


def cuts() -> Play:
    """No answer at all: the connection is dropped."""

    async def play(writer: asyncio.StreamWriter) -> None:
        raise CutError

    return play


def garbles() -> Play:
    """Something that is not HTTP."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 what?\r\n\r\n")
        await writer.drain()
        raise CutError

    return play
