"""Hand-off to a person: what no model answered goes to a staffed queue, and not to a magic sink.

`agents` people take the requests in the order in which they came and need `handle_s` on average for each (exponential, as
Erlang has it; assumed). Who would wait longer than `patience_s` for one gives up then. So it is the queue M/M/c+D of the
literature, if what comes to it comes at random. A person's answer is `degraded`: late, and dear.
"""

from __future__ import annotations

from heapq import heapreplace
from math import log1p
from typing import Literal

from pydantic import Field

from app.safeguards.base import MICRO, USD_PICO, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Answer, Flight, Result, WaitAny
from app.safeguards.request import Request
from app.scenario.numbers import Duration, Number, Seconds, WholeNumber
from app.sessions.vocabulary import SERVED_BY


@register
class HandOff(Safeguard):
    """Gives a request to a person. The deadline of calls does not hold for people; `patience_s` does."""

    kind: Literal["hand_off"] = "hand_off"
    agents: WholeNumber = Field(default=3, ge=1, le=100_000)
    handle_s: Duration = 120
    patience_s: Seconds = 60
    cost_usd: Number = Field(default=2.0, ge=0, le=10_000)
    """What a person's time costs for each request that is taken."""

    def layer(self, world: World) -> Layer:
        """The layer with the people."""
        return HandOffLayer(self, world)


class HandOffLayer(Layer):
    """Who is free when. First come, first served: when a person will be free for a request is known when it comes, since
    nobody who comes later goes first. The memo is True once a person has taken it."""

    last_resort = True

    def __init__(self, settings: HandOff, world: World) -> None:
        super().__init__(settings)
        self.handle_us = settings.handle_s * MICRO
        self.patience_us = round(settings.patience_s * MICRO)
        self.cost_pico = round(settings.cost_usd * USD_PICO)
        self.answer = Answer("human")
        self.free_at_us = [0] * settings.agents
        """A heap. Pipelines of one variant, old and new, share it."""
        self.draws = world.draws.column(f"safeguard:{settings.id}.handle", None)

    def adopt(self, earlier: Layer) -> None:
        """People go on with what they do. When there are fewer, those who would be free last are spared."""
        if isinstance(earlier, HandOffLayer):
            agents = len(self.free_at_us)
            kept = sorted(earlier.free_at_us)[:agents]
            earlier.free_at_us[:] = sorted(kept + [0] * (agents - len(kept)))
            self.free_at_us = earlier.free_at_us

    def failed(self, request: Request, result: Result, now: int) -> Outward:
        """Stand in the queue for a person, as long as there is patience."""
        error = result.error
        if error is None or not error.last_resort:
            return None
        begins_us = max(now, self.free_at_us[0])
        if begins_us - now > self.patience_us:
            return WaitAny((), now + self.patience_us)
        handled_us = begins_us + max(1, round(-log1p(-self.draws[request.number]) * self.handle_us))
        heapreplace(self.free_at_us, handled_us)
        request.memo[self.slot] = True
        request.give_reason(self.slot, _REASONS.setdefault(error.name, f"hand-off: {error.name}"))
        return WaitAny((), handled_us)

    def resumed(self, request: Request, flight: Flight | None, now: int) -> Result | None:
        """The person has answered, or nobody came in time."""
        if not request.memo[self.slot]:
            request.give_reason(self.slot, "hand-off: nobody was free in time")
            return None
        request.fee_pico += self.cost_pico
        return Result.of(self.answer, _HUMAN)


_HUMAN = SERVED_BY.index("human")
_REASONS: dict[str, str] = {}
