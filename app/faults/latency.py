"""Slowness: no answer at all, or one that takes its time. A stall in mid-answer is in `stream`."""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from statistics import NormalDist
from typing import ClassVar, Literal

from pydantic import Field

from app.faults.base import MICRO, AttemptFault, Injection, register
from app.scenario.numbers import Number, Share, Sigma, TimesAsMuch

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
    factor: TimesAsMuch = 4
    sigma: Sigma = 0.5
    tail_rate: Share = 0.05
    tail_factor: TimesAsMuch = 8

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Stretch the time to the first token."""
        spread = exp(self.sigma * _NORMAL.inv_cdf(max(draw("spread"), 1e-12)))
        tail = self.tail_factor if draw("tail") < self.tail_rate else 1.0
        injection.first_token_factor *= max(1.0, self.factor * spread * tail)


@register
class SlowTokens(AttemptFault):
    """Tokens after the first come `factor` times slower."""

    kind: Literal["slow_tokens"] = "slow_tokens"
    factor: TimesAsMuch = 4

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Stretch the time between tokens."""
        injection.token_factor *= self.factor


@register
class Degradation(AttemptFault):
    """The target gets slower from `from_s` on: times grow by `growth_per_minute` of what they were, up to `most_factor`."""

    kind: Literal["degradation"] = "degradation"
    growth_per_minute: Number = Field(default=0.5, gt=0, le=1000)
    most_factor: TimesAsMuch = 10
    default_rate: ClassVar[float | None] = 1.0
    incident: ClassVar[bool] = True

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Stretch all times by how long it has lasted; the first fault to say so is heard."""
        if injection.ageing is None:
            injection.ageing = (round(self.from_s * MICRO), self.growth_per_minute, self.most_factor)


@register
class LoadLatency(AttemptFault):
    """The target is slower the busier it is: times grow by `slope` for each call per slot that is there when one comes."""

    kind: Literal["load_latency"] = "load_latency"
    slope: Number = Field(default=3, gt=0, le=1000)
    default_rate: ClassVar[float | None] = 1.0

    def apply(self, injection: Injection, draw: Callable[[str], float]) -> None:
        """Stretch all times with the load."""
        injection.load_slope += self.slope
