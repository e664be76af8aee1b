"""OpenAI's responses. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, ClassVar

from app.providers.address import Api
from app.providers.wires.base import AnswerStream, Usage, Wire, Written, calls_in, event

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_REASONS = {finish: reason for reason, finish in _INCOMPLETE.items()}


class OpenAIResponses(Wire):
    """`POST /responses`; the stream ends with `response.completed`, or with `response.incomplete`."""

    api: ClassVar[Api] = "openai-responses"
    path = "/responses"

    def credentials(self, key: str) -> dict[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, model: str, messages: Sequence[Sequence[str]], max_tokens: int) -> dict[str, Any]:
        """Nothing is to be stored at the provider's."""
        return {
            "model": model,
            "input": [{"role": role, "content": text} for role, text in messages],
            "max_output_tokens": max_tokens,
            "store": False,
            "stream": True,
        }

    def stream(self) -> AnswerStream:
        """A reader of typed events."""
        return ResponseStream()

    def write(self, model: str, pieces: Sequence[str], finish: str, usage: Usage | None) -> Written:
        """Typed events as the API sends them, numbered."""
        numbers = count()

        def typed(kind: str, **told: Any) -> bytes:
            return event({"type": kind, "sequence_number": next(numbers), **told}, named=True)

        response: dict[str, Any] = {"id": "resp_0", "object": "response", "model": model, "output": []}
        begun = {**response, "status": "in_progress"}
        opening = typed("response.created", response=begun) + typed("response.in_progress", response=begun)
        if finish == "tool_calls":
            said = [
                typed(
                    "response.output_item.added",
                    output_index=index,
                    item={"type": "function_call", "id": f"fc_{index}", "name": name, "arguments": ""},
                )
                + typed("response.function_call_arguments.delta", output_index=index, delta=arguments)
                for index, (name, arguments) in enumerate(calls_in("".join(pieces)))
            ]
        else:
            place = {"item_id": "msg_0", "output_index": 0, "content_index": 0}
            said = [typed("response.output_text.delta", **place, delta=piece) for piece in pieces]
        reason = _REASONS.get(finish)
        end: dict[str, Any] = {**response, "status": "completed" if reason is None else "incomplete"}
        if reason is not None:
            end["incomplete_details"] = {"reason": reason}
        if usage is not None:
            end["usage"] = {
                "input_tokens": usage[0],
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": usage[1],
                "total_tokens": sum(usage),
            }
        return Written(opening, said, typed(f"response.{end['status']}", response=end))


class ResponseStream(AnswerStream):
    """Reads typed events; those that say nothing new are passed over."""

    def _done(self) -> None:
        self.close()  # not the format's word, and some who speak it send it

    def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "response.output_text.delta" | "response.refusal.delta":
                self._say(event["delta"])
            case "response.output_item.added" if event["item"].get("type") == "function_call":
                self._call(event["item"]["name"])
            case "response.function_call_arguments.delta":
                self._argue(event["delta"])
            case "response.completed":
                self._end(event["response"], "tool_calls" if self._calls else "stop")
            case "response.incomplete":
                reason = (event["response"].get("incomplete_details") or {}).get("reason")
                self._end(event["response"], _INCOMPLETE.get(str(reason), str(reason)))
            case "response.failed":
                self._count_of(event["response"])
                self._fail_as_told(event["response"].get("error"))
            case "error":
                # Its own type says only that it is one.
                told = event.get("error") or {"code": event.get("code"), "message": event.get("message")}
                self._fail_as_told(told)

    def _end(self, response: dict[str, Any], finish: str) -> None:
        self._count_of(response)
        self.finish = finish
        self.over = True

    def _count_of(self, response: dict[str, Any]) -> None:
        usage = response.get("usage") or {}
        self._count(usage.get("input_tokens"), usage.get("output_tokens"))
