"""Canned answer: a text prepared beforehand, for when nobody else answers. Its outcome is `degraded`, never `good`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.safeguards.base import Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Answer, Result
from app.safeguards.request import Request
from app.sessions.vocabulary import SERVED_BY


@register
class Canned(Safeguard):
    """Answers with a prepared text as the last resort."""

    kind: Literal["canned"] = "canned"
    text: str = (
        "We could not answer just now. Your question is safe with us, and a colleague will write to you."
    )
    """For all prompts that `texts` does not name; empty for no answer."""
    texts: dict[str, str] = Field(default_factory=dict)
    """By the prompt's name: its own text; empty for no answer."""

    def text_for(self, prompt: str) -> str:
        """What it says to questions of this prompt; empty where it says nothing."""
        return self.texts.get(prompt, self.text)

    def layer(self, world: World) -> Layer:
        """The layer that has the last word."""
        return CannedLayer(self)


class CannedLayer(Layer):
    """Stands in for an answer when an error allows it."""

    last_resort = True

    def __init__(self, settings: Canned) -> None:
        super().__init__(settings)
        self.answer = _answer(settings.text)
        self.answers = {prompt: _answer(text) for prompt, text in settings.texts.items()}

    def failed(self, request: Request, result: Result, now: int) -> Outward:
        """Give the canned answer, if there is one for the prompt."""
        error = result.error
        if error is None or not error.last_resort:
            return None
        answer = self.answer
        if self.answers:
            answer = self.answers.get(request.question.prompt_name, answer)
        if answer is None:
            return None
        request.give_reason(self.slot, _REASONS.setdefault(error.name, f"canned: {error.name}"))
        return Result.of(answer, _CANNED)


def _answer(text: str) -> Answer | None:
    return Answer("canned", text=text) if text else None


_CANNED = SERVED_BY.index("canned")
_REASONS: dict[str, str] = {}
