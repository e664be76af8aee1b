"""Deadline: the longest a request may take, counted from its intended arrival."""

from __future__ import annotations

from typing import Literal

from app.safeguards.base import MICRO, Inward, Layer, Safeguard, World, register
from app.safeguards.commands import Result
from app.safeguards.errors import DEADLINE
from app.safeguards.request import Request
from app.scenario.numbers import Duration


@register
class Deadline(Safeguard):
    """Bounds every attempt, sleep, queue wait and Retry-After of a request."""

    kind: Literal["deadline"] = "deadline"
    total_s: Duration = 30

    def layer(self, world: World) -> Layer:
        """The layer that sets the deadline."""
        return DeadlineLayer(self)


class DeadlineLayer(Layer):
    """Sets `request.deadline_us`; everything that waits looks at it."""

    def __init__(self, settings: Deadline) -> None:
        super().__init__(settings)
        self.total_us = round(settings.total_s * MICRO)

    def enter(self, request: Request, now: int) -> Inward:
        """Set the deadline; turn back when it has passed."""
        due = request.intended_us + self.total_us
        if due < request.deadline_us:
            request.deadline_us = due
        if now >= request.deadline_us:
            return Result.failure(DEADLINE)
        return None
