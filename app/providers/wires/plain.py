"""Answers in one piece, as clients get that do not ask for a stream: read, and worded anew. No I/O.

Whatever else such an answer holds is left as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from app.providers.address import Api
from app.providers.wires.base import calls_in

Body = dict[str, Any]
_ANTHROPIC_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}
_ANTHROPIC_REASONS = {finish: reason for reason, finish in reversed(_ANTHROPIC_FINISHES.items())}
_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_INCOMPLETE_REASONS = {finish: reason for reason, finish in _INCOMPLETE.items()}


@dataclass(frozen=True)
class Plain:
    """What an answer in one piece says: its text, why the model stopped (OpenAI's words; None: it does not say), and the
    tokens as the provider counts them (None: it does not say)."""

    text: str
    finish: str | None
    input_tokens: int | None
    output_tokens: int | None


def read_plain(api: Api, body: bytes) -> Plain | None:
    """What the answer says; None where it is no answer of that API."""
    try:
        told = json.loads(body)
        text, finish = _READERS[api](told)
        usage = told.get("usage") or {}
        asked = _count(usage.get("prompt_tokens" if api == "openai-chat" else "input_tokens"))
        answered = _count(usage.get("completion_tokens" if api == "openai-chat" else "output_tokens"))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None
    return Plain(text, finish, asked, answered)


def reworded(api: Api, body: bytes, text: str, finish: str | None) -> bytes:
    """The same answer with another text, and another reason to stop; None: it has not come to its end.

    One that stops for tool_calls has the calls as `AnswerStream.text` tells them. `read_plain` must have read it.
    """
    told = json.loads(body)
    _WRITERS[api](told, text, finish)
    return json.dumps(told, ensure_ascii=False).encode(errors="replace")


# -- OpenAI's chat completions -----------------------------------------------------------------------------------------


def _read_chat(told: Body) -> tuple[str, str | None]:
    choice = told["choices"][0]
    message = choice["message"]
    calls = [
        (call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()
    ]
    text = message.get("content") or message.get("refusal") or ""
    return (text + "") or _called(calls), choice["finish_reason"]


def _write_chat(told: Body, text: str, finish: str | None) -> None:
    choice = told["choices"][0]
    message: Body = {"role": "assistant", "content": text, "refusal": None}
    if finish == "tool_calls":
        calls = [
            {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for at, (name, arguments) in enumerate(calls_in(text))
        ]
        message |= {"content": None, "tool_calls": calls}
    told["choices"] = [{**choice, "message": message, "finish_reason": finish}]
    _leave_unfinished(told, finish)


# -- OpenAI's responses ------------------------------------------------------------------------------------------------


def _read_response(told: Body) -> tuple[str, str | None]:
    output = told["output"]
    parts = [part for item in output if item["type"] == "message" for part in item["content"]]
    text = "".join(part.get("text") or part.get("refusal") or "" for part in parts)
    calls = [(item["name"], item["arguments"]) for item in output if item["type"] == "function_call"]
    if told["status"] == "completed":
        return text or _called(calls), "tool_calls" if calls else "stop"
    reason = (told.get("incomplete_details") or {}).get("reason")
    return text or _called(calls), None if reason is None else _INCOMPLETE.get(reason, str(reason))


def _write_response(told: Body, text: str, finish: str | None) -> None:
    reason = _INCOMPLETE_REASONS.get(finish or "")
    status = "in_progress" if finish is None else "completed" if reason is None else "incomplete"
    told["status"] = status
    told["incomplete_details"] = None if reason is None else {"reason": reason}
    if finish == "tool_calls":
        told["output"] = [
            {
                "type": "function_call",
                "id": f"fc_{at}",
                "call_id": f"call_{at}",
                "name": name,
                "arguments": arguments,
                "status": "completed",
            }
            for at, (name, arguments) in enumerate(calls_in(text))
        ]
    else:
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"type": "message", "id": "msg_0", "role": "assistant", "status": status, "content": [part]}
        told["output"] = [item]
    _leave_unfinished(told, finish)


# -- Anthropic's messages ----------------------------------------------------------------------------------------------


def _read_message(told: Body) -> tuple[str, str | None]:
    content = told["content"]
    text = "".join(block["text"] for block in content if block["type"] == "text")
    calls = [(block["name"], json.dumps(block["input"])) for block in content if block["type"] == "tool_use"]
    reason = told["stop_reason"]
    return text or _called(calls), None if reason is None else _ANTHROPIC_FINISHES.get(reason, str(reason))


def _write_message(told: Body, text: str, finish: str | None) -> None:
    told["content"] = [{"type": "text", "text": text}]
    if finish == "tool_calls":
        told["content"] = [
            {"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": json.loads(arguments)}
            for at, (name, arguments) in enumerate(calls_in(text))
        ]
    told["stop_reason"] = None if finish is None else _ANTHROPIC_REASONS.get(finish, "end_turn")


_READERS = {
    "openai-chat": _read_chat,
    "openai-responses": _read_response,
    "anthropic-messages": _read_message,
}
_WRITERS = {
    "openai-chat": _write_chat,
    "openai-responses": _write_response,
    "anthropic-messages": _write_message,
}


def _leave_unfinished(told: Body, finish: str | None) -> None:
    if finish is None:  # an answer that breaks off counts no tokens
        told.pop("usage", None)


def _called(calls: list[tuple[str, str]]) -> str:
    if not calls:
        return ""
    told = [{"name": name, "arguments": _plain(arguments)} for name, arguments in calls]
    return json.dumps({"tool_calls": told})


def _plain(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 31 else None
