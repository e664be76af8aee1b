"""Answer check: look at an answer before the customer does, and call again (or elsewhere) when it is no good.

Only runtime checks are used: what a live system knows without the expected answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from app.safeguards.base import Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Result
from app.safeguards.errors import BAD_ANSWER
from app.safeguards.fallback import FallbackLayer
from app.safeguards.request import Request


@register
class AnswerCheck(Safeguard):
    """Turns an answer that fails a runtime check into an error."""

    kind: Literal["answer_check"] = "answer_check"
    checks: list[str] = Field(default_factory=list)
    """Ids of the runtime checks to use; all, when empty."""

    def layer(self, world: World) -> Layer:
        """The layer that looks."""
        return AnswerCheckLayer(self)


class AnswerCheckLayer(Layer):
    """Looks at the checks that an answer fails."""

    def __init__(self, settings: AnswerCheck) -> None:
        super().__init__(settings)
        self.checks = frozenset(settings.checks)
        self.fallbacks: tuple[FallbackLayer, ...] = ()

    def meet(self, others: Sequence[Layer]) -> None:
        """Find the fallbacks further in, innermost first: what they answer may yet turn out an error."""
        inside = others[self.slot + 1 :]
        self.fallbacks = tuple(layer for layer in reversed(inside) if isinstance(layer, FallbackLayer))

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Refuse an answer that fails."""
        answer = result.answer
        if answer is None or not answer.failed_checks:
            return None
        if self.checks and not (answer.failed_checks & self.checks):
            return None
        for fallback in self.fallbacks:
            fallback.leave(request)
        refused = Result.failure(BAD_ANSWER)
        refused.cost_pico = result.cost_pico
        return refused
