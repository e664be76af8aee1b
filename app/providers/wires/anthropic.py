"""Anthropic's messages. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from app.providers.address import Api
from app.providers.wires.base import AnswerStream, Usage, Wire, Written, calls_in, event

_VERSION = "2023-06-01"
_STOPS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}
_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}


class AnthropicMessages(Wire):
    """`POST /v1/messages`; the stream ends with `message_stop`."""

    api: ClassVar[Api] = "anthropic-messages"
    path = "/v1/messages"
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def path_after(self, base: str) -> str:
        """Base URLs are given with and without the version."""
        return base.rstrip("/").removesuffix("/v1") + self.path

    def credentials(self, key: str) -> dict[str, str]:
        """The key in a header of its own, and the version of the format."""
        version = {"anthropic-version": _VERSION}
        return {"x-api-key": key, **version} if key else version

    def body(self, model: str, messages: Sequence[Sequence[str]], max_tokens: int) -> dict[str, Any]:
        """What the system says is no message here."""
        system = "\n\n".join(text for role, text in messages if role in ("system", "developer"))
        said = [
            {"role": role, "content": text} for role, text in messages if role not in ("system", "developer")
        ]
        body = {"model": model, "messages": said, "max_tokens": max_tokens, "stream": True}
        return {**body, "system": system} if system else body

    def stream(self) -> AnswerStream:
        """A reader of typed events."""
        return MessageStream()

    def write(self, model: str, pieces: Sequence[str], finish: str, usage: Usage | None) -> Written:
        """Typed events as the API sends them."""

        def typed(kind: str, **told: Any) -> bytes:
            return event({"type": kind, **told}, named=True)

        message: dict[str, Any] = {"id": "msg_0", "type": "message", "role": "assistant", "model": model}
        message |= {"content": [], "stop_reason": None}
        if usage is not None:
            message["usage"] = {"input_tokens": usage[0], "output_tokens": 1}
        opening = typed("message_start", message=message)
        if finish == "tool_calls":
            said = [
                typed(
                    "content_block_start",
                    index=index,
                    content_block={"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}},
                )
                + typed(
                    "content_block_delta",
                    index=index,
                    delta={"type": "input_json_delta", "partial_json": arguments},
                )
                + typed("content_block_stop", index=index)
                for index, (name, arguments) in enumerate(calls_in("".join(pieces)))
            ]
            ending = b""
        else:
            opening += typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
            said = [
                typed("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
                for piece in pieces
            ]
            ending = typed("content_block_stop", index=0)
        counts = {} if usage is None else {"usage": {"output_tokens": usage[1]}}
        delta = {"stop_reason": _REASONS.get(finish, finish), "stop_sequence": None}
        return Written(
            opening, said, ending + typed("message_delta", delta=delta, **counts) + typed("message_stop")
        )


class MessageStream(AnswerStream):
    """Reads typed events; those that say nothing new are passed over."""

    def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "message_start":
                usage = event["message"].get("usage") or {}
                parts = [
                    usage.get(name) or 0
                    for name in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
                ]
                # What it says of the output here is not its end.
                self._count(sum(parts) if usage else None, None)
            case "content_block_start":
                block = event["content_block"]
                self._say(block.get("text"))
                if block.get("type") == "tool_use":
                    self._call(block["name"])
            case "content_block_delta":
                self._say(event["delta"].get("text"))
                self._argue(event["delta"].get("partial_json"))
            case "message_delta":
                reason = event["delta"].get("stop_reason")
                if reason:
                    self.finish = _STOPS.get(reason, str(reason))
                self._count(None, (event.get("usage") or {}).get("output_tokens"))
            case "message_stop":
                self.over = True
            case "error":
                self._fail_as_told(event["error"])
