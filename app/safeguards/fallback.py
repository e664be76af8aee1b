"""Fallback: when a target gives no answer, go to the next one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.errors import UserError
from app.safeguards.base import Again, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Result
from app.safeguards.request import Request


@register
class Fallback(Safeguard):
    """An ordered chain of targets, tried after the primary."""

    kind: Literal["fallback"] = "fallback"
    targets: list[str] = Field(default_factory=lambda: ["fallback"], min_length=1)

    def layer(self, world: World) -> Layer:
        """The layer that changes targets."""
        return FallbackLayer(self, world)


class FallbackLayer(Layer):
    """Notes in the memo how many targets of the chain were tried, and with which target the request came."""

    def __init__(self, settings: Fallback, world: World) -> None:
        super().__init__(settings)
        for name in settings.targets:
            if name not in world.targets:
                raise UserError(
                    f"the fallback target '{name}' does not exist",
                    where=f"safeguard '{settings.id}'",
                    do=f"The scenario's targets are: {', '.join(world.targets)}.",
                )
        self.chain = tuple(world.targets.index(name) for name in settings.targets)
        self.calls = len(self.chain) + 1
        self.leads_to = self.chain

    def failed(self, request: Request, result: Result, now: int) -> Outward:
        """Go in again with the next target, if another one may help and there is time."""
        # With the target that the request came with it leaves: that is the one that the layers further out know of.
        error = result.error
        tried, came_with = request.memo[self.slot] or (0, request.target)
        if error is None or not error.elsewhere or now >= request.deadline_us or tried >= len(self.chain):
            request.target = came_with
            return None
        request.memo[self.slot] = (tried + 1, came_with)
        request.target = self.chain[tried]
        why = _REASONS.setdefault(error.name, f"fallback: {error.name}")
        request.give_reason(self.slot, why)
        return Again(self.slot, now, why)

    def leave(self, request: Request) -> None:
        """Give the request back the target that it came with, for layers further out to begin anew."""
        noted = request.memo[self.slot]
        if noted:
            request.target = noted[1]


_REASONS: dict[str, str] = {}
