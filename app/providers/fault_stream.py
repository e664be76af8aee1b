"""A real answer on its way through the faults that strike it: spoiled, slowed down, interrupted.

An answer's length is not known before its end. So that it is interrupted once the given share of it has come, its pieces
are held back in that proportion, but for the first, and the rest when the provider has sent all. A spoiled answer is made
from the whole real one; its pieces come at its end, or later if it is slowed down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from itertools import pairwise

import httpx

from app.faults.base import Interruption
from app.providers.answers.kinds import FINISH_REASONS
from app.providers.struck import Struck
from app.providers.untold import untold_events
from app.providers.wire_errors import error_event
from app.providers.wire_events import EventCutter, Part, StreamEvent
from app.safeguards.errors import CONNECTION_LOST, UNREADABLE

KEEP_ALIVE_S = 1.0
"""A stream that is but kept open says so this often. Assumed."""
_MALFORMED = b'data: {"type": "response.output_text.delta", "choices": [{"delta": {"content": \n\n'
_MALFORMED_NAMED = b"event: content_block_delta\n"
"""Before it, where clients read no event without a name."""
_QUEUED = 1_000
"""Parts of an answer that may wait here while it is slowed down; then the provider has to wait, too."""

Arrived = tuple[float, bytes | Exception | None]
"""What came at an instant of the event loop's clock; None for the end."""


class FaultStream(httpx.AsyncByteStream):
    """The body of a response. It may be read on from where it was left; `aclose` lets go of the real one."""

    def __init__(self, response: httpx.Response, struck: Struck, sent_s: float) -> None:
        """`sent_s` is when the call was made, on the event loop's clock."""
        self._response = response
        self._struck = struck
        self._sent_s = sent_s
        self._stream = struck.wire.stream()
        self._arrived: asyncio.Queue[Arrived] = asyncio.Queue(_QUEUED)
        self._pump: asyncio.Task[None] | None = None
        self._parts = self._interrupted()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._pump is None:
            self._pump = asyncio.create_task(self._receive())
        while True:
            try:
                part = await anext(self._parts)
            except StopAsyncIteration:
                return
            yield untold_events(part) if self._struck.injection.usage_untold else part

    async def aclose(self) -> None:
        """Let go of the real response."""
        if self._pump is not None:
            self._pump.cancel()
            with suppress(asyncio.CancelledError):
                await self._pump
        await self._parts.aclose()
        await self._response.aclose()

    async def _receive(self) -> None:
        """Take in what the provider sends when it comes, however slowly it is handed on."""
        loop = asyncio.get_running_loop()
        assert isinstance(self._response.stream, httpx.AsyncByteStream)
        end: Exception | None = None
        try:
            async for data in self._response.stream:
                await self._arrived.put((loop.time(), data))
        except Exception as broken:  # whatever it is, it is for whoever reads
            end = broken
        await self._arrived.put((loop.time(), end))

    async def _events(self) -> AsyncGenerator[StreamEvent, None]:
        cutter = EventCutter(self._stream)
        while True:
            at_s, came = await self._arrived.get()
            events = cutter.cut(came, at_s) if isinstance(came, bytes) else cutter.rest(at_s)
            self._struck.usage = self._stream.usage
            for event in events:
                yield event
            if isinstance(came, Exception):
                raise came
            if came is None:
                return

    async def _spoiled(self) -> AsyncGenerator[StreamEvent, None]:
        """The answer as the faults of content have it; one that the provider breaks off stays as it is."""
        kind = self._struck.injection.answer
        if kind is None:
            async for event in self._events():
                yield event
            return
        events = [event async for event in self._events()]
        self._stream.close()
        if self._stream.error is not None:
            for event in events:
                yield event
            return
        text = await self._struck.spoil(self._stream.text)
        finish = FINISH_REASONS.get(kind, "stop")
        times = [event.at_s for event in events if event.part is Part.PIECE] or [events[-1].at_s]
        said = [text] if finish == "tool_calls" else _pieces(text, len(times))
        written = self._struck.wire.write(self._struck.model, said, finish, self._stream.usage)
        yield StreamEvent(written.opening, Part.OTHER, events[0].at_s)
        for data, at_s in zip(written.pieces, times, strict=False):
            yield StreamEvent(data, Part.PIECE, at_s)
        yield StreamEvent(written.ending, Part.ENDING, events[-1].at_s)

    async def _paced(self) -> AsyncGenerator[StreamEvent, None]:
        """The same, each event at its time: the first piece so many times later, the others further apart."""
        struck, injection = self._struck, self._struck.injection
        loop = asyncio.get_running_loop()
        to_first = injection.first_token_factor * struck.slower
        between = injection.token_factor * struck.slower
        first_s: float | None = None
        pieces = 0
        async for event in self._spoiled():
            if first_s is None:
                due_s = self._sent_s + (event.at_s - self._sent_s) * to_first
                if event.part is Part.PIECE:
                    first_s, from_s = event.at_s, due_s
            else:
                span_s = max((event.at_s - first_s) * between, pieces * injection.answer_s_per_token)
                due_s = from_s + span_s
            pieces += event.part is Part.PIECE
            if due_s > loop.time():
                await asyncio.sleep(due_s - loop.time())
            yield event

    async def _interrupted(self) -> AsyncGenerator[bytes, None]:
        interruption = self._struck.injection.interruption
        if interruption is None:
            async for event in self._paced():
                yield event.data
            return
        if interruption.after_share is None:
            async for data in self._kept_open(interruption):
                yield data
        share = 1.0 if interruption.after_share is None else interruption.after_share
        held: deque[StreamEvent] = deque()
        came = passed = 0
        async for event in self._paced():
            held.append(event)
            came += event.part is Part.PIECE
            due = max(1, int(came * share + 1e-9))
            while held and held[0].part is not Part.ENDING:
                if held[0].part is Part.PIECE and passed == due:
                    break
                passed += held[0].part is Part.PIECE
                yield held.popleft().data
        if interruption.error is not None:
            if interruption.error is CONNECTION_LOST and self._struck.broken_by != "unfinished_stream":
                raise httpx.ReadError("the connection was cut") from ConnectionResetError()
            if interruption.error is UNREADABLE:
                yield (
                    _MALFORMED_NAMED if self._struck.wire.api == "anthropic-messages" else b""
                ) + _MALFORMED
            elif interruption.error is not CONNECTION_LOST:
                yield error_event(self._struck.wire.api, interruption.error)
            return
        if interruption.after_share is not None:
            await asyncio.sleep(interruption.pause_us / 1_000_000)
        for event in held:
            yield event.data

    async def _kept_open(self, interruption: Interruption) -> AsyncGenerator[bytes, None]:
        """Keep-alives and nothing else, for as long as the pause lasts."""
        left_s = interruption.pause_us / 1_000_000
        while left_s > 0:
            yield self._struck.wire.keep_alive
            await asyncio.sleep(min(KEEP_ALIVE_S, left_s))
            left_s -= KEEP_ALIVE_S


def _pieces(text: str, count: int) -> list[str]:
    """The text in so many pieces of about the same length; none of them empty."""
    edges = [len(text) * n // count for n in range(count + 1)]
    return [text[begin:end] for begin, end in pairwise(edges) if begin < end]
