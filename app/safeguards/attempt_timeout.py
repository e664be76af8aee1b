"""Attempt timeout: how long one call may take, its connection, its first token, and the next token after each."""

from __future__ import annotations

from typing import Literal

from app.safeguards.base import MICRO, Layer, Safeguard, World, register
from app.scenario.numbers import BetweenTokens, Duration


@register
class AttemptTimeout(Safeguard):
    """Bounds each attempt by itself. Tokens count, keep-alives do not."""

    kind: Literal["attempt_timeout"] = "attempt_timeout"
    attempt_s: Duration = 20
    first_token_s: Duration = 10
    connect_s: Duration = 5
    """How long a connection may take to come about."""
    between_tokens_s: BetweenTokens = 10
    """How long a stream that has begun may go without another token."""

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
        self.connect_us = round(settings.connect_s * MICRO)
        self.between_us = round(settings.between_tokens_s * MICRO)
