"""A quota as a token bucket: `per_minute` units a minute, at most `burst_s` seconds' worth at once. Integers throughout.

Kept as the generic cell rate algorithm keeps it (ITU-T I.371): not how full the bucket is, but when it will be full.
"""

from __future__ import annotations

from typing import Self

_MINUTE_US = 60_000_000
_SCALE = 1_000_000
"""Rates may be fractions: they are kept in millionths."""
_UNIT = _MINUTE_US * _SCALE
"""What one unit weighs: what a rate of one in a minute fills in a minute."""


class Quota:
    """The bucket starts full. In any window of length tau it admits at most capacity + rate * tau units."""

    __slots__ = ("_capacity", "_full_at", "_rate")

    def __init__(self, per_minute: float, burst_s: float, now: int) -> None:
        self._rate = max(1, round(per_minute * _SCALE))
        self._capacity = max(_UNIT, round(self._rate * burst_s * 1_000_000))
        self._full_at = now * self._rate
        """When it will be full, if nothing more is taken: microseconds times the rate."""

    def resized(self, per_minute: float, burst_s: float, now: int) -> Self:
        """A bucket of another size, which holds what is left in this one."""
        other = type(self)(per_minute, burst_s, now)
        level = self._capacity - max(0, self._full_at - now * self._rate)
        other._full_at += max(0, other._capacity - level)
        return other

    def take(self, units: int, now: int) -> int | None:
        """Take `units` at `now` and return 0; or take nothing and return the microseconds until they will be there, None
        if they can never fit."""
        at = now * self._rate
        full_at = self._full_at
        if full_at < at:
            full_at = at
        full_at += units * _UNIT
        missing = full_at - at - self._capacity
        if missing <= 0:
            self._full_at = full_at
            return 0
        if units * _UNIT > self._capacity:
            return None
        return -(-missing // self._rate)

    def give_back(self, units: int) -> None:
        """Put back units that were taken and not used; negative units are taken, there or not."""
        self._full_at -= units * _UNIT
