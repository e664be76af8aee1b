"""The wire format of each API: what is asked, how a stream of an answer is read, and how one is written. No I/O.

A module for each; `failures` and `limits` read what they have in common.
"""

from __future__ import annotations

from app.providers.address import Api
from app.providers.wires.anthropic import AnthropicMessages
from app.providers.wires.base import AnswerStream, Usage, Wire, Written
from app.providers.wires.openai_chat import OpenAIChat
from app.providers.wires.openai_responses import OpenAIResponses

WIRES: dict[Api, Wire] = {wire.api: wire for wire in (OpenAIChat(), OpenAIResponses(), AnthropicMessages())}

__all__ = ["WIRES", "AnswerStream", "Usage", "Wire", "Written"]
