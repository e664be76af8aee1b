"""One call that is passed on: made at the upstream, and handed to the client as it comes.

Each chunk goes on when it has come, and while the client does not read, the upstream is not read either. What breaks on the
way breaks the client's connection in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import cast

import aiohttp
import httpx

from app.providers.calls import CallOutcome
from app.providers.connection_errors import connection_error
from app.providers.struck import EXTENSION, Struck
from app.providers.wires import Wire
from app.providers.wires.failures import retry_after_us
from app.providers.wires.limits import rate_limits
from app.safeguards.errors import TIMEOUT, CallError
from app.serve.client import Client
from app.serve.reading import Reading
from app.serve.upstream import end_to_end

_NETWORK = (httpx.TransportError, aiohttp.ClientError, OSError)


class Relay:
    """`make` it once, in a task of its own; cancelled, it lets go of the upstream, and `given_up` tells how it stands."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        client: Client,
        request: httpx.Request,
        wire: Wire,
        input_tokens: int,
    ) -> None:
        """`request` is made as it is; `input_tokens` is the estimate for a provider that does not count."""
        self._transport = transport
        self._client = client
        self._request = request
        self._wire = wire
        self._asked = input_tokens
        struck = request.extensions.get(EXTENSION)
        self._struck: Struck | None = struck if isinstance(struck, Struck) else None
        self._response: httpx.Response | None = None
        self._reading: Reading | None = None
        self._first_s: float | None = None

    async def make(self) -> CallOutcome:
        """Pass the call on, to its end. Raises nothing but CancelledError."""
        error: CallError | None = None
        try:
            await self._pass_on()
        except _NETWORK as broken:
            error = connection_error(broken)
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
        return self._outcome(error, finished_s)

    def given_up(self, error: CallError) -> CallOutcome:
        """The outcome as of now: `error`, with the tokens that came so far."""
        if self._reading is not None:
            self._reading.close(whole=False)
        return self._outcome(error, asyncio.get_running_loop().time())

    async def _pass_on(self) -> None:
        client = self._client
        self._response = response = await self._transport.handle_async_request(self._request)
        self._reading = reading = Reading(self._wire, response.status_code, response.headers)
        await client.start(response.status_code, end_to_end(response.headers.raw))
        stream = cast(AsyncGenerator[bytes, None], aiter(cast(httpx.AsyncByteStream, response.stream)))
        async with aclosing(stream) as chunks:
            async for chunk in chunks:
                reading.feed(chunk)
                if self._first_s is None and reading.begun:
                    self._first_s = asyncio.get_running_loop().time()
                await client.say(chunk)
        await client.end()

    def _outcome(self, error: CallError | None, finished_s: float) -> CallOutcome:
        response, reading, struck = self._response, self._reading, self._struck
        told = None if struck is None else struck.usage
        reached = struck is None or struck.reached
        answered = response is not None and response.status_code == 200 and reached
        input_tokens, output_tokens, estimated = self._asked, 0, True
        if reading is not None:
            input_tokens, output_tokens, estimated = reading.tokens(told, self._asked)
        headers = httpx.Headers() if response is None else response.headers
        return CallOutcome(
            error=error,
            status=0 if response is None else response.status_code,
            text="",
            first_s=self._first_s,
            finished_s=finished_s,
            retry_after_us=retry_after_us(headers),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            estimated=estimated,
            billed=answered,
            finish=None if reading is None else reading.finish,
            limits=rate_limits(headers),
        )
