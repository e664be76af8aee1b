"""OpenAI's responses as a server sends them: answers, and streams of typed events with their numbers.

The shapes are those of the API reference as of late 2026. Errors and limit headers are those of chat completions.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any, ClassVar

from app.providers.wire_errors import error_event
from app.safeguards.errors import SERVER_ERROR
from app.serve.dialect import (
    Asked,
    BadRequestError,
    Said,
    bound,
    content_texts,
    flag,
    model_of,
)
from app.serve.openai_bytes import OpenAi

_INCOMPLETE = {
    "max_tokens": "max_output_tokens",
    "repetition": "max_output_tokens",
    "content_filter": "content_filter",
}
_OPENING_EVENTS, _OF_TOOLS = 4, 2
"""How many events come before the first piece; before a call of a tool there is no message."""


class Responses(OpenAi):
    """Responses."""

    malformed: ClassVar[bytes] = (
        b'event: response.output_text.delta\ndata: {"type": "response.output_text.delta", "del\n\n'
    )

    def asked(self, body: dict[str, Any]) -> Asked:
        """What a request's body asks. Raises BadRequestError."""
        texts = [*content_texts(body.get("instructions"), "instructions"), *_input_texts(body.get("input"))]
        return Asked(model_of(body), tuple(texts), bound(body, "max_output_tokens"), flag(body, "stream"))

    def whole(self, said: Said) -> dict[str, Any]:
        """The body of an answer in one piece."""
        return _response(said, _status(said), [_item(said, _status(said))])

    def opening(self, said: Said) -> bytes:
        """The response without output, and the beginning of its message."""
        begun = _response(said, "in_progress", [])
        events: list[tuple[str, dict[str, Any]]] = [
            ("response.created", {"response": begun}),
            ("response.in_progress", {"response": begun}),
        ]
        if said.kind != "tool_call":
            item = _message(said, "in_progress", [])
            events += [
                ("response.output_item.added", {"output_index": 0, "item": item}),
                ("response.content_part.added", _place(said) | {"part": _part("")}),
            ]
        return _events(events, 0)

    def piece(self, said: Said, text: str) -> bytes:
        """A delta with a piece of the text."""
        delta = _place(said) | {"delta": text, "logprobs": []}
        return _events([("response.output_text.delta", delta)], _OPENING_EVENTS + said.pieces)

    def ending(self, said: Said, *, usage: bool) -> bytes:  # noqa: ARG002
        """The ends of text, part and message, or the call of a tool, and the response, which counts its tokens."""
        status = _status(said)
        item = _item(said, status)
        if said.tool_call is None:
            place = _place(said)
            events = [
                ("response.output_text.done", place | {"text": said.text, "logprobs": []}),
                ("response.content_part.done", place | {"part": _part(said.text)}),
            ]
            first = _OPENING_EVENTS + said.pieces
        else:
            place = {"item_id": item["id"], "output_index": 0}
            begun = item | {"arguments": "", "status": "in_progress"}
            arguments = item["arguments"]
            events = [
                ("response.output_item.added", {"output_index": 0, "item": begun}),
                ("response.function_call_arguments.delta", place | {"delta": arguments}),
                (
                    "response.function_call_arguments.done",
                    place | {"name": item["name"], "arguments": arguments},
                ),
            ]
            first = _OF_TOOLS
        events += [
            ("response.output_item.done", {"output_index": 0, "item": item}),
            (f"response.{status}", {"response": _response(said, status, [item])}),
        ]
        return _events(events, first)

    def error_event(self, said: Said) -> bytes:
        """An event `error`, which the official SDK hands on and does not raise."""
        return error_event("openai-responses", SERVER_ERROR, sequence_number=_OPENING_EVENTS + said.pieces)


def _input_texts(asked: Any) -> list[str]:
    if isinstance(asked, str) and asked:
        return [asked]
    if not isinstance(asked, list) or not asked or not all(isinstance(item, dict) for item in asked):
        raise BadRequestError("'input' must be a text or a list with at least one item.", "input")
    return [
        text for item in asked for text in content_texts(item.get("content", item.get("output")), "input")
    ]


def _status(said: Said) -> str:
    if not said.finished:
        return "in_progress"
    return "incomplete" if said.kind in _INCOMPLETE else "completed"


def _response(said: Said, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    ended = status != "in_progress"
    reason = _INCOMPLETE.get(said.kind) if ended else None
    usage = {
        "input_tokens": said.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.input_tokens + said.output_tokens,
    }
    return {
        "id": f"resp_{said.number:024x}",
        "object": "response",
        "created_at": said.created_s,
        "status": status,
        "error": None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "instructions": None,
        "metadata": {},
        "model": said.model,
        "output": output,
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": usage if ended else None,
    }


def _item(said: Said, status: str) -> dict[str, Any]:
    call = said.tool_call
    if call is None:
        return _message(said, status, [_part(said.text)])
    return {
        "id": f"fc_{said.number:024x}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{said.number:024x}",
        "name": call["name"],
        "arguments": json.dumps(call["arguments"]),
    }


def _message(said: Said, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{said.number:024x}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _place(said: Said) -> dict[str, Any]:
    return {"item_id": f"msg_{said.number:024x}", "output_index": 0, "content_index": 0}


def _events(events: list[tuple[str, dict[str, Any]]], first: int) -> bytes:
    numbers = count(first)
    written = []
    for kind, fields in events:
        body = json.dumps({"type": kind, "sequence_number": next(numbers), **fields}, ensure_ascii=False)
        written.append(f"event: {kind}\ndata: {body}\n\n".encode(errors="replace"))
    return b"".join(written)
