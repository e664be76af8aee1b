"""OpenAI's chat completions, and what is compatible with them. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from msgspec import Struct

from app.providers.address import Api
from app.providers.wires.base import AnswerStream, Usage, Wire, Written, calls_in, event
from app.quick_json import reader_of

_FINISHES = {"function_call": "tool_calls"}


class OpenAIChat(Wire):
    """`POST /chat/completions`; the stream ends with [DONE]."""

    api: ClassVar[Api] = "openai-chat"
    path = "/chat/completions"

    def credentials(self, key: str) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, model: str, messages: Sequence[Sequence[str]], max_tokens: int) -> dict[str, Any]:
        """Asks for usage, which comes in a chunk of its own."""
        return {
            "model": model,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "max_tokens": max_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def stream(self) -> AnswerStream:
        """A reader of chunks."""
        return ChatStream()

    def write(self, model: str, pieces: Sequence[str], finish: str, usage: Usage | None) -> Written:
        """Chunks as the API sends them."""

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return event(_chunk(model, [choice]))

        deltas: list[dict[str, Any]] = [{"content": piece} for piece in pieces]
        if finish == "tool_calls":
            calls = [
                {
                    "index": n,
                    "id": f"call_{n}",
                    "type": "function",
                    "function": {"name": name, "arguments": args},
                }
                for n, (name, args) in enumerate(calls_in("".join(pieces)))
            ]
            deltas = [{"tool_calls": calls}]
        ending = chunk({}, finish)
        if usage is not None:
            counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
            ending += event({**_chunk(model, []), "usage": counts})
        opening = chunk({"role": "assistant", "content": ""})
        return Written(opening, [chunk(delta) for delta in deltas], ending + b"data: [DONE]\n\n")


class _Function(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(Struct, gc=False):
    function: _Function


class _Delta(Struct, gc=False):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(Struct, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: Any = None
    completion_tokens: Any = None


class _Chunk(Struct, gc=False):
    """A chunk, as far as anything is made of it. One without choices is an error."""

    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


class ChatStream(AnswerStream):
    """Reads chunks of the first choice."""

    _read = staticmethod(reader_of(_Chunk))

    def _done(self) -> None:
        self.over = True

    def _take(self, event: _Chunk) -> None:
        if event.error:
            self._fail_as_told(event.error)
            return
        if event.choices is None:
            raise TypeError("a chunk without choices")
        for choice in event.choices:
            if choice.index != 0:
                continue
            delta = choice.delta
            if delta is not None:
                if delta.content:
                    self._say(delta.content)
                if delta.refusal:
                    self._say(delta.refusal)
                for call in delta.tool_calls or ():
                    if call.function.name:
                        self._call(call.function.name)
                    self._argue(call.function.arguments)
            reason = choice.finish_reason
            if reason:
                self.finish = _FINISHES.get(reason, reason)
        usage = event.usage
        if usage is not None:
            self._count(usage.prompt_tokens, usage.completion_tokens)


def _chunk(model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": choices,
    }
