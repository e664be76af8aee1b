"""Rate limit: the client's own, on requests and tokens a minute together, so that the provider's is never hit.

A token bucket for each target and each of the two (generic cell rate algorithm, `app.providers.quota`). Before a call its
prompt and `max_tokens` of answer are taken; what was not used is given back afterwards. Who finds too little in it
reserves and waits, if that is at most `max_wait_s` and within its deadline, and is turned back otherwise.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.providers.quota import Limits, Quotas
from app.safeguards.base import MICRO, Inward, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Flight, Result, WaitAny
from app.safeguards.errors import OWN_RATE_LIMIT
from app.safeguards.request import Request
from app.scenario.numbers import Number, PerMinute, Seconds


@register
class RateLimit(Safeguard):
    """Keeps calls below a rate. What is not given is as the target's provider has it."""

    kind: Literal["rate_limit"] = "rate_limit"
    rpm: PerMinute | None = None
    tpm: PerMinute | None = None
    burst_s: Number | None = Field(default=None, gt=0, le=86_400)
    """How many seconds' worth may be used at once."""
    max_wait_s: Seconds = 5

    def layer(self, world: World) -> Layer:
        """The layer with the buckets."""
        return RateLimitLayer(self, world)


class RateLimitLayer(Layer):
    """Takes before a call and gives back after it. The memo holds the quotas, the tokens taken, and the number of attempts
    before."""

    def __init__(self, settings: RateLimit, world: World) -> None:
        super().__init__(settings)
        self.max_wait_us = round(settings.max_wait_s * MICRO)
        self.quotas = [Quotas(_limits(settings, published), 0) for published in world.limits]

    def adopt(self, earlier: Layer) -> None:
        """Keep what is in the buckets whose sizes have not changed."""
        if isinstance(earlier, RateLimitLayer) and len(earlier.quotas) == len(self.quotas):
            self.quotas = [
                before if before.limits == new.limits else new
                for before, new in zip(earlier.quotas, self.quotas, strict=True)
            ]

    def queue_us(self, target: int, now: int) -> int:
        """How long who reserves now has to wait."""
        return self.quotas[target].wait_us(now)

    def enter(self, request: Request, now: int) -> Inward:
        """Take what the call may need at the most, at once or later."""
        quotas = self.quotas[request.target]
        units = request.input_tokens + request.max_tokens
        wait_us = quotas.reserve(units, now)
        if wait_us is not None:
            if wait_us <= self.max_wait_us and now + wait_us < request.deadline_us:
                request.memo[self.slot] = (quotas, units, len(request.attempts))
                return WaitAny((), now + wait_us) if wait_us else None
            quotas.give_back(units, requests=1)
        return Result.failure(OWN_RATE_LIMIT)

    def resumed(self, request: Request, flight: Flight | None, now: int) -> None:
        """What was reserved is there."""
        request.note_wait("waited for the rate limit")

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Give back what was not used, and take what calling again further in has used beyond."""
        quotas, units, first = request.memo[self.slot]
        attempts = request.attempts_since(first)
        used = sum(attempt.input_tokens + attempt.output_tokens for attempt in attempts if attempt.billed)
        quotas.give_back(units - used, requests=1 - len(attempts))
        return None

    failed = answered


def _limits(settings: RateLimit, published: Limits) -> Limits:
    """The limits to keep: those that are set, or else the provider's."""
    return Limits(
        settings.rpm if settings.rpm is not None else published.rpm,
        settings.tpm if settings.tpm is not None else published.tpm,
        settings.burst_s if settings.burst_s is not None else published.burst_s,
    )
