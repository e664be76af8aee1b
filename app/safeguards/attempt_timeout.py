"""Attempt timeout: how long one call may take, and how long its first token may be in coming."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.safeguards.base import MICRO, Layer, Safeguard, World, register


@register
class AttemptTimeout(Safeguard):
    """Bounds each attempt by itself. Tokens count, keep-alives do not."""

    kind: Literal["attempt_timeout"] = "attempt_timeout"
    attempt_s: float = Field(default=20, gt=0)
    first_token_s: float = Field(default=10, gt=0)

    def layer(self, world: World) -> Layer:
        """The layer that sets the bounds."""
        return AttemptTimeoutLayer(self)


class AttemptTimeoutLayer(Layer):
    """Holds the bounds. They are alike for all attempts, so the pipeline takes the narrowest once and for all; there is
    no hook."""

    def __init__(self, settings: AttemptTimeout) -> None:
        super().__init__(settings)
        self.attempt_us = round(settings.attempt_s * MICRO)
        self.first_token_us = round(settings.first_token_s * MICRO)
