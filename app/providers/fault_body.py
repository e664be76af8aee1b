"""A real answer in one piece on its way through the faults that strike it: the counterpart of `FaultStream`.

It is taken in whole, for what happens to it may change even its status, and goes out in one piece as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from app.inputs.tokens import estimate_tokens
from app.providers.answers.kinds import FINISH_REASONS
from app.providers.fault_stream import KEEP_ALIVE_S
from app.providers.struck import Struck
from app.providers.untold import untold_body
from app.providers.wire_errors import wire_error
from app.providers.wires.plain import Plain, read_plain, reworded
from app.safeguards.errors import CONNECTION_LOST, UNREADABLE

_MICRO = 1_000_000
_MAX_BYTES = 16_000_000
_FIRST_SHARE = 0.5
"""How much of its time an answer in one piece takes to its first token, which nobody sees. Assumed."""


async def struck_body(response: httpx.Response, struck: Struck, sent_s: float) -> httpx.Response:
    """What becomes of a response with status 200 to a call made at `sent_s` (event loop's clock).

    One that is no answer, or too large to be one, passes as it is. Raises what the transport raises.
    """
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)
    parts, size = [], 0
    source = aiter(stream)
    async for part in source:
        parts.append(part)
        size += len(part)
        if size > _MAX_BYTES:
            return _as_it_is(response, _Rest(parts, source, response))
    body = b"".join(parts)
    await response.aclose()
    plain = read_plain(struck.wire.api, body)
    if plain is None:
        return _as_it_is(response, httpx.ByteStream(body))
    if plain.input_tokens is not None and plain.output_tokens is not None:
        struck.usage = plain.input_tokens, plain.output_tokens
    text, finish = plain.text, plain.finish
    kind = struck.injection.answer
    if kind is not None:
        text, finish = await struck.spoil(text), FINISH_REASONS.get(kind, "stop")
        body = reworded(struck.wire.api, body, text, finish)
    if struck.injection.usage_untold:
        body = untold_body(body)
    await _take_time(struck, plain, sent_s)
    return await _interrupted(response, struck, body, text)


async def _take_time(struck: Struck, plain: Plain, sent_s: float) -> None:
    """Wait until it would have come."""
    injection, loop = struck.injection, asyncio.get_running_loop()
    took_s = loop.time() - sent_s
    first_s = took_s * _FIRST_SHARE * injection.first_token_factor * struck.slower
    span_s = took_s * (1 - _FIRST_SHARE) * injection.token_factor * struck.slower
    tokens = estimate_tokens(plain.text) if plain.output_tokens is None else plain.output_tokens
    span_s = max(span_s, tokens * injection.answer_s_per_token)
    await asyncio.sleep(max(0.0, first_s + span_s - took_s))


async def _interrupted(response: httpx.Response, struck: Struck, body: bytes, text: str) -> httpx.Response:
    interruption = struck.injection.interruption
    if interruption is None:
        return _anew(response, httpx.ByteStream(body), len(body))
    error, share = interruption.error, interruption.after_share
    if error is None:
        return _anew(response, _Late(body, interruption.pause_us, keep_alives=share is None), None)
    if error is CONNECTION_LOST and struck.broken_by != "unfinished_stream":
        return _anew(response, _Cut(body), len(body))
    if error is UNREADABLE:
        body = body[: len(body) * 2 // 3]
    elif error is CONNECTION_LOST:
        kept = text[: int(len(text) * (1.0 if share is None else share))]
        body = reworded(struck.wire.api, body, kept, None)
    else:
        # Where no stream has begun, an error has a status of its own.
        told = wire_error(struck.wire.api, error, number=struck.number)
        return httpx.Response(told.status, headers=told.headers, content=told.body, request=response.request)
    return _anew(response, httpx.ByteStream(body), len(body))


def _as_it_is(response: httpx.Response, stream: httpx.AsyncByteStream) -> httpx.Response:
    """The response, its body from another source."""
    return httpx.Response(
        response.status_code,
        headers=response.headers.raw,
        stream=stream,
        request=response.request,
        extensions=response.extensions,
    )


def _anew(response: httpx.Response, stream: httpx.AsyncByteStream, length: int | None) -> httpx.Response:
    """The response with another body, of so many bytes; None: that is not known beforehand."""
    dropped = (b"content-length", b"transfer-encoding")
    headers = [pair for pair in response.headers.raw if pair[0].lower() not in dropped]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    return httpx.Response(
        response.status_code,
        headers=headers,
        stream=stream,
        request=response.request,
        extensions=response.extensions,
    )


class _Rest(httpx.AsyncByteStream):
    """What has been read, and the rest of it."""

    def __init__(self, parts: list[bytes], source: AsyncIterator[bytes], response: httpx.Response) -> None:
        self._parts = parts
        self._source = source
        self._response = response

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        for part in self._parts:
            yield part
        async for part in self._source:
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class _Late(httpx.AsyncByteStream):
    """A body that comes after a pause; `keep_alives` fill it with white space, which changes no JSON text."""

    def __init__(self, body: bytes, pause_us: int, *, keep_alives: bool) -> None:
        self._body = body
        self._left_s = pause_us / _MICRO
        self._keep_alives = keep_alives

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        while self._keep_alives and self._left_s > 0:
            yield b"\n"
            await asyncio.sleep(min(KEEP_ALIVE_S, self._left_s))
            self._left_s -= KEEP_ALIVE_S
        await asyncio.sleep(max(0.0, self._left_s))
        yield self._body


class _Cut(httpx.AsyncByteStream):
    """The first half of a body; then the connection is gone."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        yield self._body[: len(self._body) // 2]
        raise httpx.ReadError("the connection was cut") from ConnectionResetError()
