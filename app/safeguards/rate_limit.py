"""Rate limit: the client's own, on requests and tokens a minute together, so that the provider's is never hit.

A token bucket for each target and each of the two (generic cell rate algorithm, `app.providers.quota`). Before a call its
prompt and `max_tokens` of answer are taken; what was not used is given back afterwards. Who finds too little in it
reserves and waits, if that is at most `max_wait_s` and within its deadline, and is turned back otherwise.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.providers.quota import Limits, Quota
from app.safeguards.base import MICRO, Inward, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Flight, Result, WaitAny
from app.safeguards.errors import OWN_RATE_LIMIT
from app.safeguards.request import Request


@register
class RateLimit(Safeguard):
    """Keeps calls below a rate. What is not given is as the target's provider has it."""

    kind: Literal["rate_limit"] = "rate_limit"
    rpm: float | None = Field(default=None, gt=0)
    tpm: float | None = Field(default=None, gt=0)
    burst_s: float | None = Field(default=None, gt=0, le=86_400)
    """How many seconds' worth may be used at once."""
    max_wait_s: float = Field(default=5, ge=0)

    def layer(self, world: World) -> Layer:
        """The layer with the buckets."""
        return RateLimitLayer(self, world)


class Buckets:
    """The two buckets of a target; None where there is no limit."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rpm = None if limits.rpm is None else Quota(limits.rpm, limits.burst_s, 0)
        self.tpm = None if limits.tpm is None else Quota(limits.tpm, limits.burst_s, 0)

    def wait_us(self, now: int) -> int:
        """How long until all that has been reserved is there."""
        return max((quota.wait_us(now) for quota in (self.rpm, self.tpm) if quota is not None), default=0)


class RateLimitLayer(Layer):
    """Takes before a call and gives back after it. The memo holds the buckets, the tokens taken, and the number of attempts
    before."""

    def __init__(self, settings: RateLimit, world: World) -> None:
        super().__init__(settings)
        self.max_wait_us = round(settings.max_wait_s * MICRO)
        self.buckets = [Buckets(_limits(settings, published)) for published in world.limits]

    def adopt(self, earlier: Layer) -> None:
        """Keep what is in the buckets whose sizes have not changed."""
        if isinstance(earlier, RateLimitLayer) and len(earlier.buckets) == len(self.buckets):
            self.buckets = [
                before if before.limits == new.limits else new
                for before, new in zip(earlier.buckets, self.buckets, strict=True)
            ]

    def queue_us(self, target: int, now: int) -> int:
        """How long who reserves now has to wait."""
        return self.buckets[target].wait_us(now)

    def enter(self, request: Request, now: int) -> Inward:
        """Take what the call may need at the most, at once or later."""
        buckets = self.buckets[request.target]
        units = request.input_tokens + request.max_tokens
        rpm_wait = 0 if buckets.rpm is None else buckets.rpm.reserve(1, now)
        tpm_wait = 0 if buckets.tpm is None else buckets.tpm.reserve(units, now)
        if rpm_wait is not None and tpm_wait is not None:
            wait_us = max(rpm_wait, tpm_wait)
            if wait_us <= self.max_wait_us and now + wait_us < request.deadline_us:
                request.memo[self.slot] = (buckets, units, len(request.attempts))
                return WaitAny((), now + wait_us) if wait_us else None
        if buckets.rpm is not None and rpm_wait is not None:
            buckets.rpm.give_back(1)
        if buckets.tpm is not None and tpm_wait is not None:
            buckets.tpm.give_back(units)
        return Result.failure(OWN_RATE_LIMIT)

    def resumed(self, request: Request, flight: Flight | None, now: int) -> None:
        """What was reserved is there."""
        request.note_wait("waited for the rate limit")

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Give back what was not used, and take what calling again further in has used beyond."""
        buckets, units, first = request.memo[self.slot]
        attempts = request.attempts_since(first)
        if buckets.tpm is not None:
            used = sum(attempt.input_tokens + attempt.output_tokens for attempt in attempts if attempt.billed)
            buckets.tpm.give_back(units - used)
        if buckets.rpm is not None:
            buckets.rpm.give_back(1 - len(attempts))
        return None

    failed = answered


def _limits(settings: RateLimit, published: Limits) -> Limits:
    """The limits to keep: those that are set, or else the provider's."""
    return Limits(
        settings.rpm if settings.rpm is not None else published.rpm,
        settings.tpm if settings.tpm is not None else published.tpm,
        settings.burst_s if settings.burst_s is not None else published.burst_s,
    )
