"""Attempt timeout: how long one call may take, and how long its first token may be in coming."""

from __future__ import annotations

from typing import Literal

from app.safeguards.base import MICRO, Layer, Safeguard, World, register
from app.scenario.numbers import Duration


@register
class AttemptTimeout(Safeguard):
    """Bounds each attempt by itself. Tokens count, keep-alives do not."""

    kind: Literal["attempt_timeout"] = "attempt_timeout"
    attempt_s: Duration = 20
    first_token_s: Duration = 10

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
