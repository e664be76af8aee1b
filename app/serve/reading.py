"""Reads along in an answer that is passed on: tokens, first token, why it ended. It changes no byte, and keeps nothing."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from app.inputs.tokens import estimate_tokens
from app.providers.wires import AnswerStream, Usage, Wire
from app.providers.wires.failures import classify, error_object
from app.providers.wires.plain import read_plain
from app.safeguards.errors import UNREADABLE, CallError

_MAX_BYTES = 16_000_000
_GZIP_OR_ZLIB = 47
_PACKED = ("gzip", "x-gzip", "deflate")


class Reading:
    """Feed it the response's body, and `close` it at the end. What cannot be unpacked here is good by its status alone."""

    def __init__(self, wire: Wire, status: int, headers: Mapping[str, str]) -> None:
        """`headers` know no case."""
        self.error: CallError | None = None
        self.finish: str | None = None
        self.text = ""
        self.pieces = 0
        """How many tokens have come that can be told from the rest: an answer in one piece has none."""
        self._wire = wire
        self._status = status
        packing = headers.get("content-encoding", "identity").strip().lower()
        self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if packing in _PACKED else None
        self._readable = packing == "identity" or self._unpack is not None
        is_stream = headers.get("content-type", "").startswith("text/event-stream")
        self._stream: AnswerStream | None = wire.stream() if status == 200 and is_stream else None
        self._body = bytearray()
        self._usage: tuple[int | None, int | None] = (None, None)

    def feed(self, data: bytes) -> None:
        """The next bytes as they came."""
        if not self._readable:
            return
        if self._unpack is not None:
            try:
                data = self._unpack.decompress(data, _MAX_BYTES)
            except zlib.error:
                self._readable = False
                return
            if self._unpack.unconsumed_tail:
                self._readable = False
                return
        if self._stream is not None:
            self._stream.feed(data)
            self.pieces = self._stream.pieces
        elif len(self._body) < _MAX_BYTES:
            self._body += data

    def close(self, *, whole: bool) -> None:
        """It has ended; `whole` says whether the connection brought all of it."""
        stream = self._stream
        if self._status != 200:
            self.error = classify(self._status, error_object(bytes(self._body)))
        elif stream is not None:
            if whole and self._readable:
                stream.close()
                self.error = stream.error
            self.finish, self.text = stream.finish, stream.text
            self._usage = stream.input_tokens, stream.output_tokens
        elif whole and self._readable:
            plain = read_plain(self._wire.api, bytes(self._body))
            if plain is None:
                self.error = UNREADABLE
            else:
                self.finish, self.text = plain.finish, plain.text
                self._usage = plain.input_tokens, plain.output_tokens

    def tokens(self, told: Usage | None, asked: int) -> tuple[int, int, bool]:
        """Input and output tokens, and whether they are estimated: `told` by the provider before a fault hid it, else read,
        else `asked` and by the text."""
        input_tokens, output_tokens = self._usage if told is None else told
        estimated = input_tokens is None or output_tokens is None
        return (
            asked if input_tokens is None else input_tokens,
            estimate_tokens(self.text) if output_tokens is None else output_tokens,
            estimated,
        )
