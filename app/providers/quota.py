"""A quota as a token bucket: `per_minute` units a minute, at most `burst_s` seconds' worth at once. Integers throughout."""

from __future__ import annotations

from typing import Self

_MINUTE_US = 60_000_000
_SCALE = 1_000_000
"""Rates may be fractions: they are kept in millionths."""


class Quota:
    """The bucket starts full. In any window of length tau it admits at most capacity + rate * tau units."""

    __slots__ = ("_capacity", "_filled_us", "_level", "_rate", "_unit")

    def __init__(self, per_minute: float, burst_s: float, now: int) -> None:
        self._unit = _MINUTE_US * _SCALE
        self._rate = max(1, round(per_minute * _SCALE))
        self._capacity = max(self._unit, round(self._rate * burst_s * 1_000_000))
        self._level = self._capacity
        self._filled_us = now

    def resized(self, per_minute: float, burst_s: float, now: int) -> Self:
        """A bucket of another size, which holds what is left in this one."""
        self._fill(max(now, self._filled_us))
        other = type(self)(per_minute, burst_s, now)
        other._level = min(other._capacity, self._level)
        return other

    def wait_us(self, units: int, now: int) -> int | None:
        """Microseconds until `units` are there, 0 if they are now; None if they can never fit."""
        if now > self._filled_us:
            level = self._level + (now - self._filled_us) * self._rate
            self._level = level if level < self._capacity else self._capacity
            self._filled_us = now
        missing = units * self._unit - self._level
        if missing <= 0:
            return 0
        if units * self._unit > self._capacity:
            return None
        return -(-missing // self._rate)

    def take(self, units: int) -> None:
        """Take units that `wait_us` said are there, or give back (negative)."""
        level = self._level - units * self._unit
        self._level = level if level < self._capacity else self._capacity

    def _fill(self, now: int) -> None:
        level = self._level + (now - self._filled_us) * self._rate
        self._level = level if level < self._capacity else self._capacity
        self._filled_us = now
