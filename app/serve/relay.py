"""One call that is passed on: made at the upstream, and handed to the client as it comes.

Each chunk goes on when it has come, and while the client does not read, the upstream is not read either. What breaks on the
way breaks the client's connection in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from math import inf
from typing import Protocol, cast

import aiohttp
import httpx

from app.providers.calls import BROKEN, CallOutcome
from app.providers.connection_errors import connection_error
from app.providers.struck import EXTENSION, Struck
from app.providers.transport import CONNECT_S
from app.providers.wires import Wire
from app.providers.wires.failures import retry_after_us
from app.providers.wires.limits import rate_limits
from app.safeguards.errors import BROKEN_OFF, TIMEOUT, CallError
from app.serve.reading import Reading
from app.serve.upstream import RawHeaders, end_to_end

_NETWORK = (httpx.TransportError, aiohttp.ClientError, OSError)


class Recipient(Protocol):
    """Whoever gets the response. `started` says whether the client has got any of it."""

    started: bool

    async def start(self, status: int, headers: RawHeaders) -> None:
        """It begins."""
        ...

    async def say(self, data: bytes) -> None:
        """It goes on."""
        ...

    async def end(self) -> None:
        """It is whole."""
        ...

    def break_off(self, *, quietly: bool) -> None:
        """No more of it comes."""
        ...


class Relay:
    """`make` it once, in a task of its own; cancelled, it lets go of the upstream, and `given_up` tells how it stands."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        client: Recipient,
        request: httpx.Request,
        wire: Wire,
        input_tokens: int,
        *,
        stream: bool = False,
        final: bool = False,
    ) -> None:
        """`request` is made as it is; `input_tokens` is the estimate for a provider that does not count; `stream` says
        that it asks for one, and first tokens can be told. Where it is `final`, a failure after the first byte is one that
        nothing can help.
        """
        self._transport = transport
        self._client = client
        self._request = request
        self._wire = wire
        self._asked = input_tokens
        self._streams = stream
        self._final = final
        self._expired = False
        struck = request.extensions.get(EXTENSION)
        self._struck: Struck | None = struck if isinstance(struck, Struck) else None
        self._response: httpx.Response | None = None
        self._reading: Reading | None = None
        self._first_s: float | None = None
        self._too_quiet = False

    async def make(
        self,
        first_by_s: float = inf,
        until_s: float = inf,
        *,
        connect_s: float = inf,
        between_s: float = inf,
    ) -> CallOutcome:
        """Pass the call on, and wait until `first_by_s` for a stream's first token and until `until_s` for its end: instants
        of the event loop's clock. A connection may take `connect_s` to come about, each further token `between_s`.

        Raises nothing but CancelledError.
        """
        if connect_s < inf:
            self._request.extensions = {**self._request.extensions, CONNECT_S: connect_s}
        error: CallError | None = None
        bound_s = min(first_by_s, until_s) if self._streams else until_s
        patience = asyncio.timeout_at(None if bound_s == inf else bound_s)
        try:
            async with patience:
                await self._pass_on(patience, until_s, between_s)
        except _NETWORK as broken:
            self._expired = patience.expired()
            self._too_quiet = self._expired and self._first_s is not None and patience.when() != until_s
            error = TIMEOUT if self._expired else connection_error(broken)
            struck = self._struck
            if error is not TIMEOUT or self._client.started:  # else the client finds that nothing comes
                quietly = struck is not None and struck.failed_by == "empty_response"
                self._client.break_off(quietly=quietly)
        finally:
            finished_s = asyncio.get_running_loop().time()
            if self._response is not None:
                with suppress(*_NETWORK):
                    await self._response.aclose()
        if self._reading is not None:
            self._reading.close(whole=error is None)
            error = error or self._reading.error
        if error is not None and self._final and self._client.started:
            error = BROKEN_OFF
        return self._outcome(error, finished_s)

    def given_up(self, error: CallError) -> CallOutcome:
        """The outcome as of now: `error`, with the tokens that came so far."""
        if self._reading is not None:
            self._reading.close(whole=False)
        return self._outcome(error, asyncio.get_running_loop().time())

    async def _pass_on(self, patience: asyncio.Timeout, until_s: float, between_s: float) -> None:
        client = self._client
        self._response = response = await self._transport.handle_async_request(self._request)
        self._reading = reading = Reading(self._wire, response.status_code, response.headers)
        await client.start(response.status_code, end_to_end(response.headers.raw))
        stream = cast(AsyncGenerator[bytes, None], aiter(cast(httpx.AsyncByteStream, response.stream)))
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                known = reading.pieces
                reading.feed(chunk)
                if self._first_s is None and reading.pieces:
                    self._first_s = asyncio.get_running_loop().time()
                    if self._streams:
                        patience.reschedule(None if until_s == inf else until_s)
                if self._streams and between_s < inf and reading.pieces > known:
                    patience.reschedule(min(until_s, asyncio.get_running_loop().time() + between_s))
                await client.say(chunk)
        await client.end()

    def _outcome(self, error: CallError | None, finished_s: float) -> CallOutcome:
        response, reading, struck = self._response, self._reading, self._struck
        told = None if struck is None else struck.usage
        reached = struck is None or struck.reached
        # As for a call of our own: who stops waiting for a status may leave a provider at work.
        unmade = error in BROKEN or (error is TIMEOUT and not self._expired)
        answered = not unmade if response is None else response.status_code == 200
        input_tokens, output_tokens, estimated = self._asked, 0, True
        if reading is not None:
            input_tokens, output_tokens, estimated = reading.tokens(told, self._asked)
        headers = httpx.Headers() if response is None else response.headers
        return CallOutcome(
            error=error,
            status=0 if response is None else response.status_code,
            text="" if reading is None else reading.text,
            first_s=self._first_s,
            finished_s=finished_s,
            retry_after_us=retry_after_us(headers),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            estimated=estimated,
            billed=answered and reached,
            finish=None if reading is None else reading.finish,
            expired=self._expired,
            too_quiet=self._too_quiet,
            limits=rate_limits(headers.raw),
        )
