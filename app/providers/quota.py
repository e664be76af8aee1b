"""A quota as a token bucket: `per_minute` units a minute, at most `burst_s` seconds' worth at once. Integers throughout.

Kept as the generic cell rate algorithm keeps it (ITU-T I.371): not how full the bucket is, but when it will be full.
"""

from __future__ import annotations

from math import gcd
from typing import NamedTuple, Self

_MINUTE_US = 60_000_000
_SCALE = 1_000_000
"""Rates may be fractions: they are kept in millionths."""
_UNIT = _MINUTE_US * _SCALE
"""What one unit weighs: what a rate of one in a minute fills in a minute."""


class Limits(NamedTuple):
    """A provider's limits: requests and tokens a minute, how many seconds' worth may come at once, and calls at once."""

    rpm: float | None
    tpm: float | None
    burst_s: float
    max_concurrency: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self.rpm is not None or self.tpm is not None or self.max_concurrency is not None


class Quota:
    """The bucket starts full. In any window of length tau it admits at most capacity + rate * tau units."""

    __slots__ = ("_capacity", "_full_at", "_rate", "_scale", "_unit")

    def __init__(self, per_minute: float, burst_s: float, now: int, level: int | None = None) -> None:
        """`level` is what it holds at `now`, weighed in `_UNIT`s, if it is not full."""
        rate = max(1, round(per_minute * _SCALE))
        capacity = max(_UNIT, round(rate * burst_s * 1_000_000))
        missing = 0 if level is None else max(0, capacity - level)
        # Small numbers are quicker, and a common divisor changes no answer.
        self._scale = gcd(rate, capacity, missing, _UNIT)
        self._rate = rate // self._scale
        self._capacity = capacity // self._scale
        self._unit = _UNIT // self._scale
        self._full_at = now * self._rate + missing // self._scale
        """When it will be full, if nothing more is taken: microseconds times the rate."""

    @classmethod
    def boundless(cls) -> Self:
        """One that admits everything."""
        quota = cls(1, 1, 0)
        quota._rate = quota._capacity = quota._unit = quota._full_at = 0
        return quota

    def resized(self, per_minute: float, burst_s: float, now: int) -> Self:
        """A bucket of another size, which holds what is left in this one."""
        level = self._capacity - max(0, self._full_at - now * self._rate)
        return type(self)(per_minute, burst_s, now, level * self._scale)

    def take(self, units: int, now: int) -> int | None:
        """Take `units` at `now` and return 0; or take nothing and return the microseconds until they will be there, None
        if they can never fit."""
        at = now * self._rate
        full_at = self._full_at
        if full_at < at:
            full_at = at
        full_at += units * self._unit
        if full_at - at <= self._capacity:
            self._full_at = full_at
            return 0
        if units * self._unit > self._capacity:
            return None
        return -((at + self._capacity - full_at) // self._rate)

    def reserve(self, units: int, now: int) -> int | None:
        """Take `units` at `now` though they may not be there yet, and return the microseconds until they will be; None, and
        take nothing, if they can never fit. Who reserves comes after all who reserved before."""
        weight = units * self._unit
        if weight > self._capacity:
            return None
        at = now * self._rate
        self._full_at = max(self._full_at, at) + weight
        return self.wait_us(now)

    def wait_us(self, now: int) -> int:
        """How long until all that has been reserved is there, in microseconds."""
        missing = self._full_at - now * self._rate - self._capacity
        return 0 if missing <= 0 else -(-missing // self._rate)

    def left(self, now: int) -> int:
        """How many whole units could be taken at `now`."""
        return max(0, (self._capacity - max(0, self._full_at - now * self._rate)) // self._unit)

    def full_in_us(self, now: int) -> int:
        """How long until the bucket is full again, if nothing more is taken, in microseconds."""
        return max(0, -((now * self._rate - self._full_at) // self._rate))

    def give_back(self, units: int) -> None:
        """Put back units that were taken and not used; negative units are taken, there or not."""
        self._full_at -= units * self._unit


class Quotas:
    """A target's two quotas, of which a call takes both or neither. `rpm` and `tpm` are None where there is no limit."""

    __slots__ = ("_requests", "_tokens", "limits", "max_concurrency", "rpm", "tpm")

    def __init__(self, limits: Limits, now: int, before: Quotas | None = None) -> None:
        """What is left in those that were there `before` is kept."""
        self.limits = limits
        self.max_concurrency = limits.max_concurrency
        self.rpm: Quota | None = _resized(
            None if before is None else before.rpm, limits.rpm, limits.burst_s, now
        )
        self.tpm: Quota | None = _resized(
            None if before is None else before.tpm, limits.tpm, limits.burst_s, now
        )
        self._requests = self.rpm or Quota.boundless()
        self._tokens = self.tpm or Quota.boundless()

    def take(self, tokens: int, now: int, rejected_count: bool) -> int | None:
        """Take a request and its `tokens` at `now` and return 0; or the microseconds until they will be there, None if
        they can never fit: then nothing is taken, but the request itself where `rejected_count`."""
        # What `Quota.take` does for each, without two more calls: every call comes by here.
        requests = self._requests
        at = now * requests._rate
        requests_full_at = requests._full_at
        if requests_full_at < at:
            requests_full_at = at
        requests_full_at += requests._unit
        if requests_full_at - at <= requests._capacity:
            quota = self._tokens
            at = now * quota._rate
            full_at = quota._full_at
            if full_at < at:
                full_at = at
            full_at += tokens * quota._unit
            if full_at - at <= quota._capacity:
                requests._full_at = requests_full_at
                quota._full_at = full_at
                return 0
        return self._refuse(tokens, now, rejected_count)

    def reserve(self, tokens: int, now: int) -> int | None:
        """Take a request and its `tokens` at `now` though they may not be there yet, and return the microseconds until they
        will be; None, and take nothing, if they can never fit."""
        tokens_wait = self._tokens.reserve(tokens, now)
        requests_wait = self._requests.reserve(1, now)
        if tokens_wait is None or requests_wait is None:
            self.give_back(0 if tokens_wait is None else tokens, requests=0 if requests_wait is None else 1)
            return None
        return max(tokens_wait, requests_wait)

    def wait_us(self, now: int) -> int:
        """How long until all that has been reserved is there, in microseconds."""
        return max(self._requests.wait_us(now), self._tokens.wait_us(now))

    def give_back(self, tokens: int, *, requests: int = 0) -> None:
        """Put back what was taken and not used; negative numbers are taken, there or not."""
        quota = self._tokens
        quota._full_at -= tokens * quota._unit
        if requests:
            self._requests.give_back(requests)

    def _refuse(self, tokens: int, now: int, rejected_count: bool) -> int | None:
        requests_wait = self._requests.take(1, now)
        tokens_wait = self._tokens.take(tokens, now)
        if requests_wait == 0 and not rejected_count:
            self._requests.give_back(1)
        if tokens_wait == 0:
            self._tokens.give_back(tokens)
        if requests_wait is None or tokens_wait is None:
            return None
        return max(requests_wait, tokens_wait)


def _resized(quota: Quota | None, per_minute: float | None, burst_s: float, now: int) -> Quota | None:
    if per_minute is None:
        return None
    return Quota(per_minute, burst_s, now) if quota is None else quota.resized(per_minute, burst_s, now)
