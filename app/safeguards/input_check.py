"""Input check: put right what is wrong with a row before it is asked about, and ask back where that cannot be done.

The check costs no call. What was put right is asked in place of what came; a row that cannot be asked about gets a
clarifying reply, whose outcome is `degraded`. Which mess is undone, and what that does to the odds of a right answer, is
worked out with the questions (`app.engine.versions`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.inputs.repair import FieldRule
from app.inputs.treatment import Repair
from app.safeguards.base import Inward, Layer, World, register
from app.safeguards.commands import Answer, Result
from app.safeguards.errors import PROMPT_ERROR
from app.safeguards.input_layer import InputLayer, InputSafeguard
from app.safeguards.request import FOR_GOOD, Request
from app.sessions.vocabulary import SERVED_BY

REASON = "input check: "
"""How the reasons begin that it leaves."""


@register
class InputCheck(InputSafeguard):
    """Checks and repairs the fields that a prompt uses."""

    kind: Literal["input_check"] = "input_check"
    every_field: FieldRule = FieldRule()
    """The rule for all fields that `by_field` does not name."""
    by_field: dict[str, FieldRule] = Field(default_factory=dict)
    """By the variable's name in the prompt: its own rule."""
    reply: str = Field(
        default="We could not read your message. Please write it again, in a sentence or two.", min_length=1
    )
    """What a customer reads whose row cannot be asked about."""

    def step(self) -> Repair:
        """The repairs."""
        return Repair(self.every_field, tuple(self.by_field.items()))

    def layer(self, world: World) -> Layer:
        """The layer that asks the repaired question, or back."""
        return InputCheckLayer(self)


class InputCheckLayer(InputLayer):
    """Chooses the repaired version of a question."""

    def __init__(self, settings: InputCheck) -> None:
        super().__init__(settings)
        self.reply = Answer("canned", text=settings.reply)

    def enter(self, request: Request, now: int) -> Inward:
        """Ask the repaired question, or turn back with a reply."""
        question = request.question
        if question.steps >= len(self.treatment.steps):
            return None
        version = question.versions.get(self.treatment)
        if version is None:
            return None
        if version.problem:
            request.give_reason(FOR_GOOD, _REASONS.setdefault(version.problem, REASON + version.problem))
            return Result.of(self.reply, _CANNED)
        if version.unaskable:
            return Result.failure(PROMPT_ERROR)
        request.question = version
        request.mended = True
        request.input_tokens = max(1, request.input_tokens + version.tokens - question.tokens)
        request.give_reason(FOR_GOOD, _REPAIRED)
        return None


_CANNED = SERVED_BY.index("canned")
_REPAIRED = REASON + "repaired"
_REASONS: dict[str, str] = {}
