"""The way to a real provider: calls are passed on as they are, and the scenario's faults strike them on the wire.

An ASGI application. Calls of the APIs that are known are numbered as they come, struck by what a run's draws have for that
number, and recorded; everything else goes through untouched. The upstream is one origin for good: whatever a request names
as its target is a path there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.engine.attempt_plans import MICRO
from app.engine.draws import Draws
from app.engine.events import Event
from app.engine.observations import conclude
from app.engine.questions import QuestionBook
from app.engine.rows import RowMaker, outcome_of
from app.engine.wire_faults import WireFaults
from app.errors import UserError
from app.inputs.preparation import Inputs
from app.providers.address import Api
from app.providers.calls import CallOutcome
from app.providers.effects import dearer
from app.providers.endpoint import Endpoint
from app.providers.fault_transport import FaultTransport
from app.providers.prices import Tariff
from app.providers.struck import EXTENSION
from app.providers.wires import WIRES
from app.safeguards.commands import FOREVER_US, Answer, Attempt
from app.safeguards.errors import CANCELLED, RUN_ENDED
from app.safeguards.request import Request
from app.scenario.edit import with_setting
from app.serve.bodies import BodyError
from app.serve.client import Client
from app.serve.passed import Passed, api_of, asked_by
from app.serve.recognition import Recognizer
from app.serve.recorder import Recorder
from app.serve.relay import Relay
from app.serve.upstream import TARGET, RawHeaders, UpstreamTransport, end_to_end

MAX_BYTES = 100_000_000
"""The largest body that a call of a known API may have."""
_OWN = (b"host", b"expect")
"""Headers that say something about the way to us."""


class Proxy:
    """Passes calls on; times are microseconds since it was made."""

    transparent = True

    def __init__(
        self,
        inputs: Inputs,
        questions: QuestionBook,
        draws: Draws,
        upstream: Endpoint,
        transport: UpstreamTransport,
        happened: Callable[[Event], None],
        recorder: Recorder | None = None,
    ) -> None:
        """`happened` is told each change; `recorder` keeps what passes, if anybody.

        Raises UserError for a fault that cannot be done to a real provider.
        """
        self._scenario = inputs.scenario
        (self._variant,) = inputs.scenario.variants
        self._questions = questions
        self._draws = draws
        self._origin = upstream.origin
        self._plain = transport
        self._transport = FaultTransport(transport)
        self._recognizer = Recognizer(inputs, questions, draws)
        self._happened = happened
        self._recorder = recorder
        self._tariffs = [target.tariff() for target in inputs.scenario.targets.values()]
        self._slots = [target.slots for target in inputs.scenario.targets.values()]
        self._began_s = asyncio.get_running_loop().time()
        self._count = 0
        self._there = [0] * len(self._slots)
        self._closed = asyncio.Event()
        self._strike_by(inputs.scenario)

    def _strike_by(self, scenario: Any) -> None:
        self._faults = WireFaults(scenario, self._variant, self._draws)
        self._rows: RowMaker | None = None
        if self._recorder is not None:
            names, faults = self._recorder.names, self._faults
            self._rows = RowMaker(self._recorder.key_base, names, lambda bits: names[faults.ids_of(bits)])

    @property
    def now_us(self) -> int:
        """The time."""
        return int((asyncio.get_running_loop().time() - self._began_s) * MICRO)

    # -- its life --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until `close`."""
        async with self._plain:
            await self._closed.wait()

    def close(self) -> None:
        """Nobody gets an answer any more."""
        self._closed.set()

    def collect(self) -> int:
        """Hand over to the recorder what has happened up to now, and tell up to when (µs) that is."""
        now = self.now_us
        self._hand_over_faults()
        if self._recorder is not None:
            self._recorder.data_rows(self._questions.take_new_rows())
        return now

    def change(self, path: str, value: Any) -> Event:
        """Flip a switch, for calls that begin from now on. Raises UserError if it cannot be."""
        if path.split(".", maxsplit=1)[0] != "faults":
            raise UserError(
                f"'{path}' cannot be changed here", do="What can: faults, such as faults.outage.on."
            )
        changed = with_setting(self._scenario, path, value)
        self._hand_over_faults()
        self._strike_by(changed)
        self._scenario = changed
        event = Event(self.now_us, "change", f"{path} = {value}", {"set": path, "value": value})
        self._happened(event)
        if self._recorder is not None:
            self._recorder.happened(event)
        return event

    def _hand_over_faults(self) -> None:
        if self._recorder is not None:
            self._recorder.faults(self._faults.log)
        self._faults.log.clear()

    # -- calls -----------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        target: bytes = scope["raw_path"]
        if not target.startswith(b"/") or target.startswith(b"//"):
            refused = "the target must be a path of the upstream's"
            await _refusal(400, refused)(scope, receive, send)
            return
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        client = Client(scope, receive, send)
        api = api_of(scope["method"], scope["path"])
        try:
            if api is None:
                await self._pass_through(client, scope, target)
            else:
                await self._pass_call(client, scope, target, api)
        except BodyError as error:
            await _refusal(error.status, str(error))(scope, receive, send)
        except ClientDisconnect:
            return

    async def _pass_call(self, client: Client, scope: Scope, target: bytes, api: Api) -> None:
        """A call of a known API."""
        body = await client.body(MAX_BYTES)
        passed = Passed(asked_by(api, body), self._recognizer, self._questions)
        attempt = self._admit(passed)
        wire = WIRES[api]
        struck = self._faults.strike(
            attempt,
            Endpoint(self._origin, passed.asked.model, None, api),
            now=attempt.started_us,
            load=self._there[attempt.target] / self._slots[attempt.target],
            spoil=passed.spoil,
        )
        headers = _sent_on(scope["headers"])
        extensions: dict[str, Any] = {TARGET: target}
        if struck is not None:
            if struck.injection.price_factor != 1:
                assert isinstance(attempt.tariff, Tariff)
                attempt.tariff = dearer(attempt.tariff, struck.injection.price_factor)
            # An answer that is to be changed must be read.
            headers = [pair for pair in headers if pair[0].lower() != b"accept-encoding"]
            headers.append((b"accept-encoding", b"identity"))
            extensions[EXTENSION] = struck
        rows = self._rows
        request = httpx.Request("POST", self._origin, headers=headers, content=body, extensions=extensions)
        relay = Relay(self._transport, client, request, wire, passed.tokens)
        self._there[attempt.target] += 1
        try:
            outcome = await self._make(relay, client)
        finally:
            self._there[attempt.target] -= 1
        self._book(attempt, outcome, rows)
        await self._see_off(client)

    def _admit(self, passed: Passed) -> Attempt:
        """The call as a request without safeguards: one attempt, at the target that has the model's name."""
        number, self._count = self._count, self._count + 1
        now = self.now_us
        max_tokens = passed.asked.max_tokens or self._scenario.tokens.max_tokens
        request = Request(number, now, passed, number, passed.tokens, max_tokens)
        targets = self._scenario.targets.items()
        model = passed.asked.model
        request.target = next(
            (at for at, (name, each) in enumerate(targets) if model in (name, each.model)), 0
        )
        attempt = Attempt(request, 0, now, FOREVER_US, FOREVER_US)
        attempt.tariff = self._tariffs[request.target]
        request.attempts.append(attempt)
        if self._recorder is not None:
            self._recorder.offered(now)
        return attempt

    async def _make(self, relay: Relay, client: Client) -> CallOutcome:
        """Pass it on until it has ended, the client has left, or we close."""
        making = asyncio.create_task(relay.make())
        leaving = asyncio.create_task(client.until_left())
        closing = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait((making, leaving, closing), return_when=asyncio.FIRST_COMPLETED)
            if making.done() or client.ended:
                return await making
            making.cancel()
            await asyncio.wait((making,))
            return relay.given_up(CANCELLED if leaving.done() else RUN_ENDED)
        finally:
            for task in (making, leaving, closing):
                task.cancel()
            await asyncio.wait((making, leaving, closing))

    async def _see_off(self, client: Client) -> None:
        """Where its response has not ended: until it has gone."""
        if client.ended:
            return
        leaving = asyncio.create_task(client.until_left())
        closing = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait((leaving, closing), return_when=asyncio.FIRST_COMPLETED)
            client.drop()
            await leaving
        finally:
            leaving.cancel()
            closing.cancel()
            await asyncio.wait((leaving, closing))

    def _book(self, attempt: Attempt, outcome: CallOutcome, rows: RowMaker | None) -> None:
        """Note what came of it."""
        request, now = attempt.request, self.now_us
        attempt.status = outcome.status
        attempt.retry_after_us = outcome.retry_after_us
        attempt.finished_us = min(now, self._time_of(outcome.finished_s))
        attempt.first_us = None if outcome.first_s is None else self._time_of(outcome.first_s)
        attempt.input_tokens, attempt.output_tokens = outcome.input_tokens, outcome.output_tokens
        attempt.billed = outcome.billed
        if outcome.billed:
            assert isinstance(attempt.tariff, Tariff)
            attempt.cost_pico = attempt.tariff.cost_pico(outcome.input_tokens, outcome.output_tokens)
        # Nobody here knows what is right; what a fault has spoiled is not.
        answer = Answer("real", correct=attempt.spoiled is None) if outcome.error is None else None
        conclude(attempt, answer, outcome.error)
        if rows is not None and self._recorder is not None:
            told = outcome_of(attempt, now - request.intended_us, round(self._scenario.patience_s * MICRO))
            self._recorder.add([rows.request(request, attempt, told, now)], [rows.attempt(attempt)])
        request.attempts.clear()

    def _time_of(self, instant_s: float) -> int:
        return int((instant_s - self._began_s) * MICRO)

    # -- the rest --------------------------------------------------------------------------------------------------

    async def _pass_through(self, client: Client, scope: Scope, target: bytes) -> None:
        """A request that is no call: both bodies as they come."""
        upload = _Upload(client, scope["headers"])
        request = httpx.Request(
            scope["method"],
            self._origin,
            headers=_sent_on(scope["headers"]),
            content=None if upload.there else b"",
            stream=upload if upload.there else None,
            extensions={TARGET: target},
        )
        passing = asyncio.create_task(self._relay(client, request, upload))
        leaving = asyncio.create_task(upload.until_left())
        closing = asyncio.create_task(self._closed.wait())
        try:
            await asyncio.wait((passing, leaving, closing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (passing, leaving, closing):
                if task is not passing or not client.ended:
                    task.cancel()
            await asyncio.wait((passing, leaving, closing))
        await self._see_off(client)

    async def _relay(self, client: Client, request: httpx.Request, upload: _Upload) -> None:
        relay = Relay(self._plain, client, request, WIRES["openai-chat"], 0)
        try:
            await relay.make()
        except ClientDisconnect:
            upload.over.set()


class _Upload(httpx.AsyncByteStream):
    """What a client sends, as it comes."""

    def __init__(self, client: Client, headers: RawHeaders) -> None:
        told = dict(headers)
        self.there = told.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in told
        self._client = client
        self.over = asyncio.Event()
        if not self.there:
            self.over.set()

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        try:
            async for part in self._client.parts():
                yield part
        finally:
            self.over.set()

    async def until_left(self) -> None:
        """Until the client hangs up after that."""
        await self.over.wait()
        await self._client.until_left()


def _sent_on(headers: RawHeaders) -> RawHeaders:
    return [pair for pair in end_to_end(headers) if pair[0].lower() not in _OWN]


def _refusal(status: int, message: str) -> JSONResponse:
    # The body has not been read: the connection cannot be used again.
    return JSONResponse({"error": {"message": message}}, status, {"connection": "close"})
