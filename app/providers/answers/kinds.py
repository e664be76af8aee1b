"""The kinds of answer that the simulated model gives, and what their finish reasons tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

AnswerKind = Literal[
    "right",
    "wrong",
    "truncated",
    "malformed_json",
    "empty",
    "refusal",
    "max_tokens",
    "content_filter",
    "wrong_schema",
    "prose",
    "wrong_language",
    "repetition",
    "prompt_echo",
    "tool_call",
]
ANSWER_KINDS: tuple[AnswerKind, ...] = get_args(AnswerKind)

FINISH_REASON = "finish_reason"
"""The runtime check that every client has without asking: whether the model stopped of its own accord."""

FINISH_REASONS: Mapping[str, str] = {
    "max_tokens": "length",
    "repetition": "length",
    "content_filter": "content_filter",
    "tool_call": "tool_calls",
}
"""By kind of answer: the finish reason, where it is not `stop`."""
