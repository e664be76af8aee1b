"""The way to a real provider: an app's own calls are passed on, and the scenario's faults strike them on the wire.

An ASGI application. Calls of the APIs that are known are numbered as they come, struck by what a run's draws have for that
number, and recorded; everything else goes through untouched. Behind each call stands the lifecycle of the scenario's one
variant, under the live driver: with no safeguards it is the one call. The upstream is one origin for good: whatever a
request names as its target is a path there.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from threading import Lock
from typing import Any

import httpx
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from app.engine.attempt_plans import MICRO
from app.engine.draws import Draws
from app.engine.events import Event
from app.engine.incident_events import IncidentEvents
from app.engine.live import LiveWorld, Turning
from app.engine.live_rows import LiveRows
from app.engine.punctuality import Delays
from app.engine.questions import QuestionBook
from app.engine.spending import PICO_PER_USD, SpendingLedger
from app.engine.wire_faults import WireFaults, check_outside
from app.errors import UserError
from app.inputs.preparation import Inputs
from app.providers.address import Api
from app.providers.wires import WIRES
from app.safeguards.commands import FOREVER_US, Result
from app.safeguards.request import Request
from app.scenario.edit import with_setting
from app.serve.bodies import BodyError
from app.serve.client import Client
from app.serve.passage import Passage
from app.serve.passed import Passed, api_of, asked_by, choices_of
from app.serve.recognition import Recognizer
from app.serve.recorder import Recorder
from app.serve.relay import Relay
from app.serve.relayed_calls import CREDENTIALS, Checks, RelayedCalls
from app.serve.route import Route
from app.serve.upstream import TARGET, RawHeaders, UpstreamTransport, end_to_end

MAX_BYTES = 100_000_000
"""The largest body that a call of a known API may have."""
_UNSAID = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header may hold, though some servers let it in; see RFC 9110, 5.5."""
_PLAIN = re.compile(rb"[A-Za-z0-9/._:-]+")
_OWN = frozenset({b"host", b"expect"})
"""Headers that say something about the way to us."""
_TICK_S = 0.1
_BOOKING_S = 1.0
_UNCAPPED_USD = 1e9


class Proxy:
    """Passes calls on; times are microseconds since it was made."""

    transparent = True

    def __init__(
        self,
        inputs: Inputs,
        questions: QuestionBook,
        route: Route,
        happened: Callable[[Event], None],
        recorder: Recorder | None = None,
        checks: Checks = lambda _: frozenset(),
        lock: Lock | None = None,
    ) -> None:
        """`happened` is told what schedules begin and end, and each change; `recorder` keeps what passes, if anybody.
        `lock` is held by whoever uses the worker that `questions` and `checks` share.

        Make it in the event loop that it will work in. Raises UserError for a fault that cannot be done to a real provider.
        """
        scenario = self._scenario = inputs.scenario
        (variant,) = scenario.variants
        draws = Draws(scenario.seed)
        self._questions = questions
        self._route = route
        self._transport = UpstreamTransport(route.origins)
        self._recognizer = Recognizer(inputs, questions, draws)
        self._happened = happened
        self._recorder = recorder
        self._guarded = any(safeguard.on for safeguard in scenario.variants[variant].safeguards)
        cap_usd = _UNCAPPED_USD if route.cap_usd is None else route.cap_usd
        self._calls = RelayedCalls(
            scenario,
            route.upstream,
            route.elsewhere,
            transport=self._transport,
            checks=checks,
            faults=WireFaults(scenario, variant, draws),
            spending=SpendingLedger(int(cap_usd * PICO_PER_USD)),
            buffered=route.buffer,
            capped=route.cap_usd is not None,
        )
        self._world = LiveWorld(scenario, variant, self._calls, _unobserved, Delays(), self._finished)
        self._incidents = IncidentEvents(scenario, draws)
        self._rows = None if recorder is None else LiveRows(recorder.key_base, recorder.names)
        self._began_s = asyncio.get_running_loop().time()
        self._count = 0
        self._lock = lock or Lock()
        self._closed = asyncio.Event()

    @property
    def now_us(self) -> int:
        """The time."""
        return int((asyncio.get_running_loop().time() - self._began_s) * MICRO)

    # -- its life --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until `close`."""
        with ThreadPoolExecutor(1, "seatrial-desk") as thread:
            thread.submit(bool)  # so that the first answer need not wait for a thread to begin
            async with self._transport, asyncio.TaskGroup() as tasks:
                self._world.begin(tasks, self._began_s, thread)
                watching = tasks.create_task(self._watch())
                tasks.create_task(self._end())
                await self._world.run()
                watching.cancel()

    async def _watch(self) -> None:
        """Tell what the faults' schedules begin and end."""
        while True:
            for event in self._incidents.pass_time(self.now_us):
                self._tell(event)
            if self._recorder is None:
                self.collect()  # nobody else does, and what has passed must not pile up
            await asyncio.sleep(_TICK_S)

    async def _end(self) -> None:
        """Once it is closed: end. Calls whose clients have had all of their answers are booked first."""
        await self._closed.wait()
        had = [passage.over.wait() for passage in self._calls.passages.values() if passage.client.ended]
        with suppress(TimeoutError):
            async with asyncio.timeout(_BOOKING_S):
                await asyncio.gather(*had)
        self._world.give_up()

    def close(self) -> None:
        """Nobody gets an answer any more."""
        self._closed.set()

    def collect(self) -> int:
        """Hand over to the recorder what has happened up to now, and tell up to when (µs) that is."""
        passed_us = self.now_us if self._closed.is_set() else self._world.passed_us(FOREVER_US)
        taken = self._world.take()
        if self._recorder is not None and self._rows is not None:
            for at_us in taken.arrived_us:
                self._recorder.offered(at_us)
            attempts = [self._rows.attempt(ended) for ended in taken.attempts]
            self._recorder.add([self._rows.request(finished) for finished in taken.requests], attempts)
            estimated = [ended.estimated for ended in taken.attempts]
            self._recorder.real(list(zip(attempts, estimated, strict=True)))
            self._recorder.faults(taken.faults)
            self._recorder.data_rows(self._questions.take_new_rows())
        return passed_us

    def change(self, path: str, value: Any) -> Event:
        """Flip a switch, for calls that begin from now on. Raises UserError if it cannot be."""
        if path.split(".", maxsplit=1)[0] != "faults":
            raise UserError(
                f"'{path}' cannot be changed here", do="What can: faults, such as faults.outage.on."
            )
        changed = with_setting(self._scenario, path, value)
        check_outside(changed)
        at_us = self.now_us
        for told in self._incidents.pass_time(at_us):
            self._tell(told)
        self._incidents.change(changed, at_us)
        self._world.turn(at_us, Turning(path, value, changed, self._calls.endpoints))
        self._scenario = changed
        event = Event(at_us, "change", f"{path} = {value}", {"set": path, "value": value})
        self._tell(event)
        return event

    def _tell(self, event: Event) -> None:
        self._happened(event)
        if self._recorder is not None:
            self._recorder.happened(event)

    def _finished(self, request: Request, result: Result) -> None:
        passage = self._calls.passages.pop(request.number)
        passage.result = result
        passage.over.set()

    # -- requests --------------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        target: bytes = scope["raw_path"]
        api = api_of(scope["method"], scope["path"])
        refusal = self._refusal(scope, target, api)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        client = Client(scope, receive, send)
        try:
            if api is None:
                await self._pass_through(client, scope, target)
            else:
                await self._pass_call(client, scope, target, api)
        except BodyError as error:
            await _refused(error.status, str(error))(scope, receive, send)
        except ClientDisconnect:
            return
        except OSError:  # it cannot be told what the upstream said
            client.drop()

    def _refusal(self, scope: Scope, target: bytes, api: Api | None) -> JSONResponse | None:
        """Why the request goes nowhere; None if it does."""
        if not target.startswith(b"/") or target.startswith(b"//") or b"#" in target + scope["query_string"]:
            return _refused(400, "the target must be a path of the upstream's")
        if any(_UNSAID.search(value) for _, value in scope["headers"]):
            return _refused(400, "a header holds control characters, and cannot be passed on")
        token = self._route.token
        if not token:
            return None
        headers = dict(scope["headers"])
        said = headers.get(b"x-api-key") or headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        if not hmac.compare_digest(said, token.encode()):
            return _refused(401, "the token that was printed at the start is needed in place of a key")
        # The upstream might take apart what we take as a whole: escapes, parameters, steps upwards.
        if not _PLAIN.fullmatch(target) or b".." in target:
            return _refused(403, "where a key is added, paths are passed on in plain letters only")
        if api is None and not (scope["method"] == "GET" and scope["path"].endswith("/models")):
            # With our key nobody may spend what is not counted.
            return _refused(403, "where a key is added, only calls whose cost is counted are passed on")
        return None

    def _sent_on(self, scope: Scope) -> RawHeaders:
        """The client's headers that are meant for the upstream. A token that is meant for us is none of them."""
        dropped = CREDENTIALS.union(_OWN) if self._route.token else _OWN
        return [pair for pair in end_to_end(scope["headers"]) if pair[0].lower() not in dropped]

    async def _pass_call(self, client: Client, scope: Scope, target: bytes, api: Api) -> None:
        """A call of a known API."""
        body = await client.body(MAX_BYTES)
        passed = Passed(asked_by(api, body), self._recognizer, self._questions, self._lock)
        asked = passed.asked
        targets = self._scenario.targets.items()
        index = next(
            (at for at, (name, each) in enumerate(targets) if asked.model in (name, each.model)), None
        )
        if index is None and self._route.cap_usd is not None:
            models = ", ".join(each.model or name for name, each in targets)
            await _reply(client, 403, f"under a cap only models with a price can be asked for: {models}")
            return
        number, self._count = self._count, self._count + 1
        headers = self._sent_on(scope)
        passage = Passage(
            client,
            api,
            passed,
            target,
            headers,
            body,
            0 if self._guarded else index or 0,
            self._guarded,
            self._route.buffer,
        )
        self._calls.passages[number] = passage
        max_tokens = (asked.max_tokens or self._scenario.tokens.max_tokens) * choices_of(body)
        question: Any = passed
        planned = (number, self.now_us, question, passage.cache_key, passed.tokens, max_tokens, 0)
        self._world.expect([(planned, {None: []})])
        await self._attend(passage, number)

    async def _attend(self, passage: Passage, number: int) -> None:
        """Until the client has got what there is, has left, or we close."""
        client = passage.client
        courses = passage.over.wait(), client.until_left(), self._closed.wait()
        async with _under_way(*courses) as (ending, leaving, closing):
            if leaving.done() and not passage.over.is_set() and not client.ended:
                self._world.leave(number)
                return
            if not closing.done():
                await asyncio.wait((ending, closing), return_when=asyncio.FIRST_COMPLETED)
            if passage.over.is_set() and not self._closed.is_set():
                await passage.deliver()
            if not client.ended:
                await asyncio.wait((leaving, closing), return_when=asyncio.FIRST_COMPLETED)
                client.drop()
            await leaving

    async def _pass_through(self, client: Client, scope: Scope, target: bytes) -> None:
        """A request that is no call: both bodies as they come."""
        upload = _Upload(client, scope["headers"])
        headers = self._sent_on(scope)
        upstream = self._route.upstream
        if upstream.key is not None:
            # Which API it is cannot be told from the path of a list of models: both kinds of header are understood.
            for api in ("openai-chat", "anthropic-messages"):
                told = WIRES[api].credentials(upstream.key.get_secret_value())
                headers += [(name.encode(), value.encode()) for name, value in told.items()]
        request = httpx.Request(
            scope["method"],
            upstream.origin,
            headers=headers,
            content=None if upload.there else b"",
            stream=upload if upload.there else None,
            extensions={TARGET: target},
        )
        courses = self._relay(client, request, upload), upload.until_left(), self._closed.wait()
        async with _under_way(*courses) as (passing, leaving, closing):
            if client.ended:
                await passing
            if not client.ended:
                if passing.done():
                    await asyncio.wait((leaving, closing), return_when=asyncio.FIRST_COMPLETED)
                client.drop()
            await leaving

    async def _relay(self, client: Client, request: httpx.Request, upload: _Upload) -> None:
        relay = Relay(self._transport, client, request, WIRES["openai-chat"], 0)
        try:
            await relay.make()
        except ClientDisconnect:
            upload.over.set()


@asynccontextmanager
async def _under_way(*courses: Coroutine[Any, Any, Any]) -> AsyncIterator[tuple[asyncio.Task[Any], ...]]:
    """These as tasks, once the first of them has ended; none of them outlives the block."""
    tasks = tuple(asyncio.create_task(course) for course in courses)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


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


def _unobserved(_now: int, _number: int, _command: object, _outcome: object) -> None:
    """What an app asks is not the scenario's, so nothing could be replayed."""


def _refused(status: int, message: str) -> JSONResponse:
    # The body has not been read: the connection cannot be used again.
    return JSONResponse({"error": {"message": message}}, status, {"connection": "close"})


async def _reply(client: Client, status: int, message: str) -> None:
    body = json.dumps({"error": {"message": message}}).encode()
    await client.reply(status, [(b"content-type", b"application/json")], body)
