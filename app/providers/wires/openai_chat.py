"""OpenAI's chat completions, and what is compatible with them. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from app.providers.address import Api
from app.providers.wires.base import AnswerStream, Usage, Wire, Written, calls_in, event

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


class ChatStream(AnswerStream):
    """Reads chunks of the first choice."""

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.over = True
        else:
            super()._event(data)

    def _take(self, event: dict[str, Any]) -> None:
        if event.get("error"):
            self._fail_as_told(event["error"])
            return
        for choice in event["choices"]:
            if choice.get("index", 0) != 0:
                continue
            delta = choice.get("delta") or {}
            self._say(delta.get("content"))
            self._say(delta.get("refusal"))
            for call in delta.get("tool_calls") or ():
                function = call["function"]
                if function.get("name"):
                    self._call(function["name"])
                self._argue(function.get("arguments"))
            reason = choice.get("finish_reason")
            if reason:
                self.finish = _FINISHES.get(reason, str(reason))
        usage = event.get("usage")
        if usage:
            self._count(usage.get("prompt_tokens"), usage.get("completion_tokens"))


def _chunk(model: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": choices,
    }
