"""A real answer's bytes, cut into the events that they are, each with the instant at which it came. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from app.providers.wires import AnswerStream

_MAX_EVENT_BYTES = 1_000_000
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


class Part(Enum):
    """What an event is to an answer."""

    PIECE = "a piece of its text"
    ENDING = "its end, or what comes after it"
    OTHER = "an opening, a keep-alive"


@dataclass(frozen=True)
class StreamEvent:
    """An event as it came over the wire, at an instant of the event loop's clock."""

    data: bytes
    part: Part
    at_s: float


class EventCutter:
    """Cuts bytes into events, and has `stream` read them. What is no event stream is an ending, as it comes."""

    def __init__(self, stream: AnswerStream) -> None:
        self._stream = stream
        self._rest = b""

    def cut(self, data: bytes, at_s: float) -> list[StreamEvent]:
        """The events that are complete with these bytes."""
        self._rest += data
        events = []
        while not self._stream.over and (blank := _BLANK_LINE.search(self._rest)):
            events.append(self._event(self._rest[: blank.end()], at_s))
            self._rest = self._rest[blank.end() :]
        if self._stream.over or len(self._rest) > _MAX_EVENT_BYTES:
            events += self.rest(at_s)
        return events

    def rest(self, at_s: float) -> list[StreamEvent]:
        """What is left and no whole event, as one; none if nothing is left."""
        data, self._rest = self._rest, b""
        return [self._event(data, at_s)] if data else []

    def _event(self, data: bytes, at_s: float) -> StreamEvent:
        before = self._stream.pieces
        self._stream.feed(data)
        part = Part.OTHER
        if self._stream.over or self._stream.finish is not None:
            part = Part.ENDING
        elif self._stream.pieces > before:
            part = Part.PIECE
        return StreamEvent(data, part, at_s)
