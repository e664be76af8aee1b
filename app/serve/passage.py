"""A client's call on its way through the proxy, and what has come back for it.

Where nothing stands behind the call, what comes is handed on as it comes. Where safeguards do, an answer is handed on from
its first byte, and until then another may take its place; with `buffer` it is held until it is whole and has been judged.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import dataclass, field

from app.providers.address import Api
from app.providers.wire_errors import told
from app.safeguards.commands import Answer, Result
from app.safeguards.errors import OUT_OF_MONEY, OVERLOADED, SPEND_CAP, TIMEOUT, CallError
from app.serve.client import Client
from app.serve.dialect import Said
from app.serve.passed import DIALECTS, Passed
from app.serve.upstream import RawHeaders

_HELD_BYTES = 100_000_000


@dataclass
class Reply:
    """A response as it came."""

    status: int = 0
    headers: RawHeaders = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    error: CallError | None = None


class RelayedAnswer(Answer):
    """An answer with the response that it came in, for whoever is given the same one again."""

    __slots__ = ("reply",)

    def __init__(self, reply: Reply, *, correct: bool, failed_checks: frozenset[str]) -> None:
        super().__init__("real", correct=correct, failed_checks=failed_checks)
        self.reply = reply


@dataclass
class Passage:
    """A call that is passed on. `guarded` when safeguards stand behind it; `index` is the target that it asks for."""

    client: Client
    api: Api
    passed: Passed
    target: bytes
    headers: RawHeaders
    body: bytes
    index: int
    guarded: bool
    buffer: bool
    over: asyncio.Event = field(default_factory=asyncio.Event)
    result: Result | None = None
    last: Reply | None = None
    """The last response that was held back."""
    broken: bool = False
    """Whether its connection has been broken off."""

    @property
    def cache_key(self) -> int:
        """Equal for calls that ask the same, byte for byte."""
        return int.from_bytes(hashlib.sha256(self.target + b"\n" + self.body).digest())

    def body_for(self, model: str) -> bytes:
        """Its body, for another model."""
        try:
            asked = json.loads(self.body)
            return json.dumps({**asked, "model": model}, ensure_ascii=False).encode(errors="replace")
        except (ValueError, TypeError, RecursionError):
            return self.body

    async def deliver(self) -> None:
        """Give the client what its call has come to, unless it has had it."""
        result = self.result
        assert result is not None
        if self.client.started or self.broken:
            return
        answer = result.answer
        if isinstance(answer, RelayedAnswer):
            reply = answer.reply
            await self.client.reply(reply.status, _sized(reply), bytes(reply.body))
        elif answer is not None:
            await self._say(answer.text)
        elif self.guarded and self.last is not None and self.last.error is result.error:
            await self.client.reply(self.last.status, _sized(self.last), bytes(self.last.body))
        elif self.guarded or result.error is not TIMEOUT:  # else it finds that nothing comes
            await self._refuse(result.error)

    async def _say(self, text: str) -> None:
        """An answer that was prepared beforehand, as the API has it."""
        dialect, asked = DIALECTS[self.api], self.passed.asked
        said = Said(0, asked.model, int(time.time()), text, "right", self.passed.tokens, 0)
        if asked.stream:
            body = dialect.opening(said) + (dialect.piece(said, text) if text else b"")
            said = Said(
                0, asked.model, said.created_s, text, "right", self.passed.tokens, 0, pieces=bool(text)
            )
            body += dialect.ending(said, usage=asked.usage_in_stream)
            kind = b"text/event-stream; charset=utf-8"
        else:
            body, kind = json.dumps(dialect.whole(said), ensure_ascii=False).encode(), b"application/json"
        await self.client.reply(200, [(b"content-type", kind)], body)

    async def _refuse(self, error: CallError | None) -> None:
        """An error of the safeguards' own, as the API words one. SDKs are told not to ask again."""
        name = "no answer" if error is None else error.name
        usual = OUT_OF_MONEY if error is SPEND_CAP else OVERLOADED
        body, status = told(self.api, usual, message=f"Seatrial: {name}")
        headers = [(b"content-type", b"application/json"), (b"x-should-retry", b"false")]
        await self.client.reply(status, headers, json.dumps(body).encode())


class Gate:
    """Where one attempt's response goes: to the client, or held back. What `Relay` needs of a client."""

    def __init__(self, passage: Passage) -> None:
        self.reply = Reply()
        self.started = False
        """Whether the client has got any of it."""
        self.ended = False
        self._passage = passage

    async def start(self, status: int, headers: RawHeaders) -> None:
        """The response begins."""
        self.reply.status, self.reply.headers = status, headers
        if not self._passage.guarded:
            await self._open()

    async def say(self, data: bytes) -> None:
        """It goes on."""
        passage = self._passage
        if passage.guarded:
            self.reply.body += data
            if len(self.reply.body) > _HELD_BYTES:
                raise OSError("the answer is too large to be held")
        if not self.started and self.reply.status == 200 and not passage.buffer:
            await self._open()
        if self.started:
            await passage.client.say(data)

    async def end(self) -> None:
        """It is whole."""
        self.ended = True
        if self.started:
            await self._passage.client.end()

    def break_off(self, *, quietly: bool) -> None:
        """No more of it comes."""
        if self.started or not self._passage.guarded:
            self._passage.broken = True
            self._passage.client.break_off(quietly=quietly)

    async def _open(self) -> None:
        self.started = True
        await self._passage.client.start(self.reply.status, self.reply.headers)


def _sized(reply: Reply) -> RawHeaders:
    headers = [pair for pair in reply.headers if pair[0].lower() != b"content-length"]
    return [*headers, (b"content-length", str(len(reply.body)).encode())]
