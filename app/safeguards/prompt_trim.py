"""Prompt trim: cut the longest field of a question until the prompt is no larger than allowed.

Where it does, fewer tokens are paid for, and the prompt fits into the context window of more models. What the answer
loses by it is an assumption: the target's `quality_when_trimmed`.
"""

from __future__ import annotations

from typing import Literal

from app.inputs.treatment import Trim
from app.inputs.trimming import Strategy
from app.safeguards.base import Inward, Layer, World, register
from app.safeguards.commands import Result
from app.safeguards.errors import PROMPT_ERROR
from app.safeguards.input_layer import InputLayer, InputSafeguard
from app.safeguards.request import FOR_GOOD, Request
from app.scenario.numbers import TokenCount


@register
class PromptTrim(InputSafeguard):
    """Bounds the size of prompts."""

    kind: Literal["prompt_trim"] = "prompt_trim"
    max_input_tokens: TokenCount = 4000
    strategy: Strategy = "keep_start"
    """Which part of the longest field stays. A prompt whose own text is larger than allowed stays larger."""

    def step(self) -> Trim:
        """The cut."""
        return Trim(self.max_input_tokens, self.strategy)

    def layer(self, world: World) -> Layer:
        """The layer that asks the shorter question."""
        return PromptTrimLayer(self)


class PromptTrimLayer(InputLayer):
    """Chooses the trimmed version of a question that is too large."""

    def __init__(self, settings: PromptTrim) -> None:
        super().__init__(settings)
        self.max_tokens = settings.max_input_tokens
        self.reason = f"prompt trim: cut to {self.max_tokens} tokens"

    def enter(self, request: Request, now: int) -> Inward:
        """Ask the trimmed question, if it is too large as it is."""
        if request.input_tokens <= self.max_tokens:
            return None
        question = request.question
        if question.steps >= len(self.treatment.steps):
            return None
        version = question.versions.get(self.treatment)
        if version is None:
            return None
        if version.unaskable:
            return Result.failure(PROMPT_ERROR)
        # A size that was drawn, or recorded, is cut as a number; one of the text is that of the text that is left.
        of_text = request.input_tokens == question.tokens
        request.input_tokens = version.tokens if of_text else self.max_tokens
        request.question = version
        request.give_reason(FOR_GOOD, self.reason)
        return None
