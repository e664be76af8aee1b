"""Slowness: no answer at all, or a first token that takes its time."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from statistics import NormalDist
from typing import Literal

from pydantic import Field

from app.faults.base import AttemptFault, Injection, register

_NORMAL = NormalDist()


@register
class Hang(AttemptFault):
    """The connection stays open and nothing ever comes."""

    kind: Literal["hang"] = "hang"

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Leave the caller waiting."""
        if injection.error is None:
            injection.hang = True


@register
class SlowFirstToken(AttemptFault):
    """The first token takes `factor` times longer, spread lognormally by `sigma`, in the tail `tail_factor` times more."""

    kind: Literal["slow_first_token"] = "slow_first_token"
    factor: float = Field(default=4, ge=1)
    sigma: float = Field(default=0.5, ge=0, le=3)
    tail_rate: float = Field(default=0.05, ge=0, le=1)
    tail_factor: float = Field(default=8, ge=1)

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Stretch the time to the first token."""
        spread = exp(self.sigma * _NORMAL.inv_cdf(max(draw("spread"), 1e-12)))
        tail = self.tail_factor if draw("tail") < self.tail_rate else 1.0
        injection.first_token_factor *= max(1.0, self.factor * spread * tail)
