"""Retry budget: a token bucket that all requests of a variant share, so that retries cannot become a storm.

Each call that succeeds deposits `ratio` of a token, time adds `min_per_s`, a retry takes one. The bucket holds `max_tokens`.
(The scheme of Finagle's RetryBudget and of gRPC's retry throttling.)
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.safeguards.base import MICRO, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Attempt, Result
from app.safeguards.request import Request
from app.scenario.numbers import Number

_SCALE = MICRO * 1_000_000
"""Tokens are kept as integers, in units of a millionth of what one token per second brings in a microsecond."""


@register
class RetryBudget(Safeguard):
    """Bounds the retries of the whole variant."""

    kind: Literal["retry_budget"] = "retry_budget"
    ratio: Number = Field(default=0.1, ge=0, le=10)
    min_per_s: Number = Field(default=10, ge=0, le=1e9)
    max_tokens: Number = Field(default=100, ge=1, le=1e9)
    starts_full: bool = True

    def layer(self, world: World) -> Layer:
        """The bucket."""
        return RetryBudgetLayer(self)


class Bucket:
    """What is in it, and up to when time has filled it; pipelines of one variant, old and new, share it."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.filled_us = 0


class RetryBudgetLayer(Layer):
    """Fills the bucket. The pipeline's retry layers ask it before they retry."""

    def __init__(self, settings: RetryBudget) -> None:
        super().__init__(settings)
        self.deposit = round(settings.ratio * _SCALE)
        self.per_us = round(settings.min_per_s * (_SCALE // MICRO))
        self.most = round(settings.max_tokens * _SCALE)
        self.bucket = Bucket(self.most if settings.starts_full else 0)

    def adopt(self, earlier: Layer) -> None:
        """Keep what is in the bucket, up to the new size."""
        if isinstance(earlier, RetryBudgetLayer):
            self.bucket = earlier.bucket
            self.bucket.level = min(self.bucket.level, self.most)

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """A call that succeeded fills the bucket; an answer without a call does not."""
        if type(result) is not Attempt:
            return None
        bucket = self.bucket
        level = bucket.level + self.deposit
        bucket.level = self.most if level > self.most else level
        return None

    def withdraw(self, now: int) -> bool:
        """Take one token, if there is one."""
        bucket = self.bucket
        level = min(self.most, bucket.level + (now - bucket.filled_us) * self.per_us)
        bucket.filled_us = now
        enough = level >= _SCALE
        bucket.level = level - _SCALE if enough else level
        return enough

    def put_back(self) -> None:
        """Return the token that was just taken, for a retry that is not made after all."""
        self.bucket.level += _SCALE
