"""The calls of an app that are passed on, as the live driver makes them: paid for, struck by faults, counted.

The target that a call asks for is asked byte for byte what the client asked. Another target is asked the same for its own
model, at its own endpoint where it has one; the client's credentials never go to another origin than the upstream's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import httpx

from app.engine.desk import Desk, Messages, Verdict
from app.engine.live_calls import AnyCall, LiveCalls
from app.engine.spending import SpendingLedger
from app.engine.wire_faults import WireFaults
from app.providers.address import Api
from app.providers.answers.kinds import AnswerKind
from app.providers.calls import CallOutcome
from app.providers.endpoint import Endpoint
from app.providers.struck import EXTENSION, Struck
from app.providers.wires import WIRES
from app.safeguards.commands import Answer, Attempt
from app.safeguards.request import Branch, Request
from app.scenario.model import Scenario
from app.serve.passage import Gate, Passage, RelayedAnswer
from app.serve.passed import Passed
from app.serve.relay import Relay
from app.serve.upstream import TARGET, RawHeaders

CREDENTIALS = frozenset(
    {b"authorization", b"x-api-key", b"api-key", b"cookie", b"openai-organization", b"openai-project"}
)
"""Headers that are between the client and the upstream alone."""
_TOLD_ELSEWHERE = frozenset(
    {
        *(b"accept", b"accept-encoding", b"content-type", b"content-length", b"user-agent"),
        *(b"anthropic-version", b"anthropic-beta"),
    }
)
"""All that another origin is told of the client's headers: which of the others are secrets nobody can know."""
_ASKED_FOR = 64
"""Endpoints that are remembered. An app asks for a few models, each at one of a few addresses."""
Checks = Callable[[str], frozenset[str]]
"""Which of the scenario's runtime checks an answer's text fails."""


class RelayedCalls(LiveCalls):
    """Makes the calls of `passages`, by request number.

    `upstream` has the key if one is added; `elsewhere` are the other targets' endpoints, by target, where they have one.
    """

    def __init__(
        self,
        scenario: Scenario,
        upstream: Endpoint,
        elsewhere: Mapping[str, Endpoint],
        *,
        transport: httpx.AsyncBaseTransport,
        checks: Checks,
        faults: WireFaults,
        spending: SpendingLedger,
        buffered: bool,
        capped: bool,
    ) -> None:
        """`checks` are asked for answers that are `buffered`; where calls are `capped`, their tokens must be read."""
        self.passages: dict[int, Passage] = {}
        self._upstream = upstream
        self._read = buffered or capped
        self._gates: dict[Attempt, Gate] = {}
        self.endpoints = {name: elsewhere.get(name, upstream) for name in scenario.targets}
        self._models = [target.model for target in scenario.targets.values()]
        self._asked_for = lru_cache(_ASKED_FOR)(
            Endpoint
        )  # which checks its address anew each time it is made

        def judge(_question: object, text: str) -> Verdict:
            return True, checks(text)

        def spoil(question: object, kind: AnswerKind, said: str) -> str:
            assert isinstance(question, Passed)
            return question.spoil(kind, said)

        super().__init__(
            scenario,
            self.endpoints,
            transport=transport,
            desk=Desk(_render, lambda _question: buffered, judge, spoil),
            faults=faults,
            spending=spending,
        )

    def start(self, attempt: Attempt, messages: Messages, now_us: int) -> None:
        """Make the call of an attempt, and tell when it has ended."""
        passage = self._passage(attempt)
        attempt.target = attempt.target or passage.index
        super().start(attempt, messages, now_us)

    def _passage(self, attempt: Attempt) -> Passage:
        return self.passages[_root(attempt.request).number]

    def _endpoint_of(self, attempt: Attempt) -> Endpoint:
        passage = self._passage(attempt)
        there = super()._endpoint_of(attempt)
        model = passage.passed.asked.model
        if attempt.target != passage.index:
            model = self._models[attempt.target] or model
        api: Api = passage.api
        return self._asked_for(there.base_url, model, there.key, api)

    def _call_of(
        self,
        attempt: Attempt,
        endpoint: Endpoint,
        messages: Messages,  # noqa: ARG002 (it has its own)
        struck: Struck | None,
    ) -> AnyCall:
        passage = self._passage(attempt)
        same = endpoint.origin == self._upstream.origin
        asked_itself = attempt.target == passage.index
        body = passage.body if asked_itself else passage.body_for(endpoint.model)
        read = self._read or struck is not None
        headers = _headers(passage, endpoint, same=same, read=read, body=body)
        extensions: dict[str, object] = {TARGET: passage.target if same else endpoint.address.raw_path}
        if struck is not None:
            extensions[EXTENSION] = struck
        request = httpx.Request(
            "POST", endpoint.address, headers=headers, content=body, extensions=extensions
        )
        gate = self._gates[attempt] = Gate(passage)
        stream = passage.passed.asked.stream
        return Relay(
            self._transport,
            gate,
            request,
            WIRES[passage.api],
            passage.passed.tokens,
            stream=stream,
            final=passage.guarded,
        )

    def _answer_of(self, attempt: Attempt, outcome: CallOutcome, verdict: Verdict) -> Answer:  # noqa: ARG002
        correct, failed = verdict
        return RelayedAnswer(self._gates[attempt].reply, correct=correct, failed_checks=failed)

    def settle(self, attempt: Attempt, outcome: CallOutcome) -> None:
        """The call has ended: note what it took and what it cost."""
        super().settle(attempt, outcome)
        gate = self._gates.pop(attempt, None)
        if gate is not None and outcome.error is not None and gate.reply.status not in (0, 200):
            gate.reply.error = outcome.error
            self._passage(attempt).last = gate.reply


def _headers(passage: Passage, endpoint: Endpoint, *, same: bool, read: bool, body: bytes) -> RawHeaders:
    """The client's headers, as far as they are meant for this endpoint; the key that is added, if one is."""
    dropped: set[bytes] = set()
    added: list[tuple[bytes, bytes]] = []
    key = endpoint.key.get_secret_value() if endpoint.key is not None else ""
    if not same or key:
        dropped |= CREDENTIALS
        credentials = endpoint.wire.credentials(key)
        added += [(name.encode(), value.encode()) for name, value in credentials.items() if key]
    if read:
        # An answer that is to be read or changed must not be packed.
        dropped.add(b"accept-encoding")
        added.append((b"accept-encoding", b"identity"))
    if body is not passage.body:
        dropped.add(b"content-length")
        added.append((b"content-length", str(len(body)).encode()))
    names = {name for name, _ in added}
    kept = [pair for pair in passage.headers if pair[0].lower() not in dropped | names]
    if not same:
        kept = [pair for pair in kept if pair[0].lower() in _TOLD_ELSEWHERE]
    return [*kept, *added]


def _root(request: Request) -> Request:
    return request.root if isinstance(request, Branch) else request


def _render(questions: Sequence[object]) -> list[Messages | str]:
    return [[] for _ in questions]
