"""Load shedding: when the client's own queue has grown old, who comes now is politely turned away, at once.

It looks at the queues of the concurrency and rate limits further in. An answer that comes after everybody has left is
work for nothing; turned away at once, a customer can do something else. (Shedding by the age of a queue and not by its
length: Nichols & Jacobson, "Controlling Queue Delay", ACM Queue, 2012.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from app.safeguards.base import MICRO, Inward, Layer, Safeguard, World, register
from app.safeguards.commands import Answer, Result
from app.safeguards.request import Request
from app.scenario.numbers import Seconds
from app.sessions.vocabulary import SERVED_BY


@register
class LoadShedding(Safeguard):
    """Turns requests away while the first in the queue has waited longer than `max_queue_age_s`."""

    kind: Literal["load_shedding"] = "load_shedding"
    max_queue_age_s: Seconds = 2
    text: str = "Many people are asking just now. Please try again in a minute."

    def layer(self, world: World) -> Layer:
        """The layer that turns away."""
        return LoadSheddingLayer(self)


class LoadSheddingLayer(Layer):
    """Looks at the queues further in."""

    def __init__(self, settings: LoadShedding) -> None:
        super().__init__(settings)
        self.max_age_us = round(settings.max_queue_age_s * MICRO)
        self.answer = Answer("shed", text=settings.text)
        self.queues: tuple[Layer, ...] = ()

    def meet(self, others: Sequence[Layer]) -> None:
        """Find the layers with queues."""
        self.queues = tuple(
            layer for layer in others[self.slot + 1 :] if type(layer).queue_us is not Layer.queue_us
        )

    def enter(self, request: Request, now: int) -> Inward:
        """Turn away, or pass."""
        for layer in self.queues:
            if layer.queue_us(request.target, now) > self.max_age_us:
                request.give_reason(self.slot, "shed: the queue is too old")
                return Result.of(self.answer, _CANNED)
        return None


_CANNED = SERVED_BY.index("canned")
