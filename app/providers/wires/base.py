"""What all wire formats share: an answer is a stream of events, each a line of JSON, and how it ends is classified.

More strictly than the official SDKs do: a stream that ends before the provider said that it was finished is a lost
connection, and what is no event stream is unreadable.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeGuard

from app.providers.address import Api
from app.providers.wires.failures import reported
from app.quick_json import value_of
from app.safeguards.errors import CONNECTION_LOST, UNREADABLE, CallError

Usage = tuple[int, int]
"""Input and output tokens as the provider counts them."""

_MAX_LINE_BYTES = 1_000_000
_MAX_STREAM_BYTES = 16_000_000
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What reading and taking in an event may raise."""
_FIELDS = (b"data", b"event", b"id", b"retry", b"")
"""Names of an event stream's fields; a comment has none."""


@dataclass(frozen=True)
class Written:
    """A stream as a provider would send it: what comes before the first token, a part for each piece of the answer, and
    what comes after the last."""

    opening: bytes
    pieces: list[bytes]
    ending: bytes


class Wire(ABC):
    """One API. Finish reasons are OpenAI's words: stop, length, content_filter, tool_calls."""

    api: ClassVar[Api]
    path: ClassVar[str]
    """What is added to a base URL's path."""
    keep_alive: ClassVar[bytes] = b": keep-alive\n\n"

    def path_after(self, base: str) -> str:
        """The path of calls to a base URL that has the path `base`."""
        return base.rstrip("/") + self.path

    @abstractmethod
    def credentials(self, key: str) -> dict[str, str]:
        """The headers that carry the key; an empty one is none."""

    @abstractmethod
    def body(self, model: str, messages: Sequence[Sequence[str]], max_tokens: int) -> dict[str, Any]:
        """What is sent, for pairs of role and text and a bound on the answer."""

    @abstractmethod
    def stream(self) -> AnswerStream:
        """A reader for one answer."""

    @abstractmethod
    def write(self, model: str, pieces: Sequence[str], finish: str, usage: Usage | None) -> Written:
        """The answer as this API sends it. One that finishes with tool_calls has one piece: the calls as
        `AnswerStream.text` tells them."""


class AnswerStream(ABC):
    """The answer as it comes in; how its bytes are cut makes no difference.

    `over` once nothing more is expected; then `error` is None or says what was wrong.
    """

    def __init__(self) -> None:
        self.over = False
        self.error: CallError | None = None
        self.finish: str | None = None
        """Why the model stopped, in OpenAI's words, once it is known."""
        self.pieces = 0
        """How many pieces of the answer have come: text and calls of tools count, keep-alives do not."""
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self._parts: list[str] = []
        self._calls: list[list[str]] = []
        self._rest = b""
        self._bytes = 0

    @property
    def text(self) -> str:
        """The answer so far; where it has calls of tools and no text, these as JSON: {"tool_calls": [{name, arguments}]}."""
        if self._parts or not self._calls:
            return _whole("".join(self._parts))
        calls = [{"name": name, "arguments": _plain(arguments)} for name, arguments in self._calls]
        return json.dumps({"tool_calls": calls})

    @property
    def usage(self) -> Usage | None:
        """What the provider counts; None until both numbers have come."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens, self.output_tokens

    def feed(self, data: bytes) -> None:
        """Take in the next bytes. After the end they are ignored."""
        self._bytes += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        read, take = self._read, self._take
        for line in lines:
            if not line:
                continue
            if self.over:
                break
            if line[:5] == b"data:":
                # Those who speak these formats send one line per event, and say its type in it.
                said = line[5:].strip()
                if said == b"[DONE]":
                    self._done()
                    continue
                try:
                    take(read(said))
                except _UNREADABLE:
                    self._fail(UNREADABLE)
            elif line != b"\r":
                self._line(line)
        if not self.over and (len(self._rest) > _MAX_LINE_BYTES or self._bytes > _MAX_STREAM_BYTES):
            self._fail(UNREADABLE)

    def close(self) -> None:
        """The connection has ended. The answer has too only if the provider said that it was finished."""
        if self.over:
            return
        begins = self._rest.partition(b":")[0]
        if not any(name.startswith(begins) for name in _FIELDS):
            self._fail(UNREADABLE)
        elif self.finish is not None:
            self.over = True
        else:
            self._fail(CONNECTION_LOST)

    _read: Callable[[bytes], Any] = staticmethod(value_of)
    """Makes of an event's data what `_take` takes; ValueError or RecursionError if that cannot be."""

    @abstractmethod
    def _take(self, event: Any) -> None:
        """Take in an event; one of another shape raises TypeError, KeyError, IndexError or AttributeError."""

    def _done(self) -> None:
        """The word that some formats end with has come."""
        self._fail(UNREADABLE)

    def _line(self, line: bytes) -> None:
        name = line.removesuffix(b"\r").partition(b":")[0]
        if name not in _FIELDS or name == b"data":  # which without its colon has nothing in it
            self._fail(UNREADABLE)

    def _say(self, piece: str | None) -> None:
        if piece:
            self._parts.append(piece + "")
            self.pieces += 1

    def _call(self, name: str) -> None:
        """A call of a tool begins."""
        self._calls.append([name + "", ""])
        self.pieces += 1

    def _argue(self, piece: str | None) -> None:
        """The last call's arguments go on."""
        if piece:
            self._calls[-1][1] += piece
            self.pieces += 1

    def _count(self, asked: object, answered: object) -> None:
        if _is_count(asked):
            self.input_tokens = asked
        if _is_count(answered):
            self.output_tokens = answered

    def _fail(self, error: CallError) -> None:
        self.over = True
        self.error = error

    def _fail_as_told(self, told: object) -> None:
        self._fail(reported(told))


def event(told: Mapping[str, Any], *, named: bool = False) -> bytes:
    """An event of a stream; `named` ones say their type in a line of its own, too."""
    head = f"event: {told['type']}\n" if named else ""
    return f"{head}data: {json.dumps(told)}\n\n".encode()


def calls_in(text: str) -> list[tuple[str, str]]:
    """Name and arguments (JSON) of the calls in an `AnswerStream.text`."""
    return [(call["name"], json.dumps(call["arguments"])) for call in json.loads(text)["tool_calls"]]


def _whole(text: str) -> str:
    """The text with halves of characters put together, which came in two pieces; one half alone is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _plain(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 1 << 31
