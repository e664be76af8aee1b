"""What the wire formats of the APIs have in common: what is asked, what is said, and how both become bytes.

A dialect is a pure translator: it knows no connection, no clock but the one it is told, and no fault.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from app.safeguards.errors import CallError


@dataclass(frozen=True)
class Asked:
    """A call as the client put it.

    `max_tokens` is None where it sets no bound; `usage_in_stream` tells whether a stream is to end with its usage.
    """

    model: str
    texts: tuple[str, ...]
    max_tokens: int | None
    stream: bool
    usage_in_stream: bool = True


class BadRequestError(Exception):
    """The client's request is not what the API takes; `param` is the field at fault, if it is one."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True)
class Said:
    """An answer, or what there is of it. `number` is the call's, from 0; `created_s` the time of day (Unix, s).

    `kind` is the kind of answer (`app.providers.answers.kinds`); `finished` whether it has come to its end;
    `pieces` how many pieces of a stream have been sent before.
    """

    number: int
    model: str
    created_s: int
    text: str
    kind: str
    input_tokens: int
    output_tokens: int
    finished: bool = True
    pieces: int = 0

    @property
    def tool_call(self) -> dict[str, Any] | None:
        """The tool that is called instead of an answer: its name and arguments."""
        return json.loads(self.text)["tool_calls"][0] if self.kind == "tool_call" and self.finished else None


@dataclass(frozen=True)
class Failure:
    """An error that the provider answers with.

    `limit` says which limit a 429 is about; `asked_tokens` and `context_tokens` are what a message may name.
    """

    error: CallError
    number: int
    limit: str = "requests"
    retry_after_us: int | None = None
    asked_tokens: int = 0
    context_tokens: int = 0


@dataclass(frozen=True)
class Meter:
    """How a limit stands: units a minute, how many are left now, and how long until it is at rest again."""

    per_minute: float
    left: int
    full_in_us: int


@dataclass(frozen=True)
class Limits:
    """The limits of a target, where it has them."""

    requests: Meter | None
    tokens: Meter | None


Headers = dict[str, str]


class Dialect(ABC):
    """One API's wire format."""

    request_id_header: ClassVar[str]

    @abstractmethod
    def asked(self, body: dict[str, Any]) -> Asked:
        """What a request's body asks. Raises BadRequestError."""

    @abstractmethod
    def failure(self, failure: Failure) -> tuple[int, dict[str, Any], Headers]:
        """Status, body and further headers of an error."""

    @abstractmethod
    def bad_request(self, status: int, message: str, param: str | None, number: int) -> dict[str, Any]:
        """The body of an error about the request itself."""

    @abstractmethod
    def limit_headers(self, limits: Limits, now_s: float) -> Headers:
        """How the limits stand, at the time of day `now_s` (Unix, s)."""

    @abstractmethod
    def whole(self, said: Said) -> dict[str, Any]:
        """The body of an answer in one piece."""

    @abstractmethod
    def opening(self, said: Said) -> bytes:
        """A stream's beginning, before any text."""

    @abstractmethod
    def piece(self, said: Said, text: str) -> bytes:
        """A further piece of the text."""

    @abstractmethod
    def ending(self, said: Said, *, usage: bool) -> bytes:
        """A stream's end in good order."""

    @abstractmethod
    def error_event(self, said: Said) -> bytes:
        """An error reported inside a stream that began with status 200."""

    keep_alive: ClassVar[bytes]
    """What keeps a stream open and says nothing."""
    malformed: ClassVar[bytes]
    """An event whose data cannot be read."""


def request_id(number: int) -> str:
    """The id of a call, as its header and errors have it."""
    return f"req_{number:024x}"


def messages_text(body: dict[str, Any]) -> tuple[str, ...]:
    """The texts of `messages`: of those that are a text, and of the text parts of the others.

    Raises BadRequestError where there are none.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("'messages' must be a list with at least one message.", "messages")
    return tuple(text for message in messages for text in _texts(message, "messages"))


def content_texts(content: Any, param: str) -> list[str]:
    """The texts of a content, which is a text or a list of parts. Raises BadRequestError."""
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise BadRequestError("a content must be a text or a list of parts.", param)
    return [part["text"] for part in content if isinstance(part.get("text"), str)]


def model_of(body: dict[str, Any]) -> str:
    """The model asked for. Raises BadRequestError."""
    model = body.get("model")
    if not isinstance(model, str) or not 0 < len(model) <= 200 or not model.isprintable():
        raise BadRequestError("'model' must be the name of a model.", "model")
    return model


def flag(body: dict[str, Any], name: str) -> bool:
    """A truth value that may be left out. Raises BadRequestError."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequestError(f"'{name}' must be true or false.", name)
    return bool(value)


def bound(body: dict[str, Any], name: str) -> int | None:
    """A bound on tokens, which may be left out. Raises BadRequestError."""
    value = body.get(name)
    if value is None:
        return None
    if type(value) is not int or not 1 <= value < 1 << 31:
        raise BadRequestError(f"'{name}' must be a whole number above 0.", name)
    return value


def _texts(message: Any, param: str) -> list[str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise BadRequestError("each message needs a 'role' and a 'content'.", param)
    return content_texts(message.get("content"), param)
