"""Canned answer: a text prepared beforehand, for when nobody else answers. Its outcome is `degraded`, never `good`."""

from __future__ import annotations

from typing import Literal

from app.safeguards.base import Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Answer, Result
from app.safeguards.request import Request
from app.sessions.vocabulary import SERVED_BY


@register
class Canned(Safeguard):
    """Answers with `text` as the last resort."""

    kind: Literal["canned"] = "canned"
    text: str = (
        "We could not answer just now. Your question is safe with us, and a colleague will write to you."
    )

    def layer(self, world: World) -> Layer:
        """The layer that has the last word."""
        return CannedLayer(self)


class CannedLayer(Layer):
    """Stands in for an answer when an error allows it."""

    last_resort = True

    def __init__(self, settings: Canned) -> None:
        super().__init__(settings)
        self.answer = Answer("canned", text=settings.text)

    def failed(self, request: Request, result: Result, now: int) -> Outward:
        """Give the canned answer."""
        error = result.error
        if error is None or not error.last_resort:
            return None
        request.reason = _REASONS.setdefault(error.name, f"canned: {error.name}")
        return Result.of(self.answer, _CANNED)


_CANNED = SERVED_BY.index("canned")
_REASONS: dict[str, str] = {}
