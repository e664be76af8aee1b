"""Retry: call again after a failure that may pass, after a backoff with jitter or when Retry-After says so.

Backoff and jitter as in M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): before retry n,
counted from 0, the backoff is b = min(cap, base * 2^n), and the wait is b (none), uniform in [0, b) (full),
b/2 + uniform in [0, b/2) (equal), or b * uniform in (0.75, 1] (sdk: what the official SDKs do). Decorrelated needs no n:
the wait is min(cap, uniform in [base, 3 * the last such wait)), where the wait before the first is base.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from app.engine.draws import Column, Role
from app.safeguards.base import MICRO, Again, Layer, Outward, Safeguard, World, register
from app.safeguards.commands import Result
from app.safeguards.request import Request
from app.safeguards.retry_budget import RetryBudgetLayer
from app.scenario.numbers import Seconds, WholeNumber
from app.sessions.vocabulary import MAX_ATTEMPTS


@register
class Retry(Safeguard):
    """Calls the same target again. Says retries, not attempts: `max_retries = 2` is three calls at the most."""

    kind: Literal["retry"] = "retry"
    max_retries: WholeNumber = Field(default=2, ge=0, le=MAX_ATTEMPTS - 1)
    base_s: Seconds = 0.5
    cap_s: Seconds = 8
    jitter: Literal["none", "full", "equal", "sdk", "decorrelated"] = "full"
    respect_retry_after: bool = True
    max_retry_after_s: Seconds = 120
    """A longer Retry-After means no retry: the failure goes on to the next safeguard further out."""
    retry_on: Literal["transient", "sdk"] = "transient"
    """transient: what may pass; sdk: what the official SDKs retry unasked, hopeless or not."""

    def layer(self, world: World) -> Layer:
        """The layer that retries."""
        return RetryLayer(self, world)


class RetryLayer(Layer):
    """Notes in a request's memo (retries made, last backoff in µs); 0 before the first."""

    def __init__(self, settings: Retry, world: World) -> None:
        super().__init__(settings)
        self.max_retries = settings.max_retries
        self.calls = settings.max_retries + 1
        self.base_us = settings.base_s * MICRO
        self.cap_us = settings.cap_s * MICRO
        self.jitter = settings.jitter
        self.respect_retry_after = settings.respect_retry_after
        self.max_retry_after_us = settings.max_retry_after_s * MICRO
        self.as_sdk = settings.retry_on == "sdk"
        self.targets = world.targets
        self.draws = world.draws
        self.purpose = f"safeguard:{settings.id}.jitter"
        self.budgets: tuple[RetryBudgetLayer, ...] = ()
        self._columns: dict[tuple[int, int, int], Column] = {}

    def meet(self, others: Sequence[Layer]) -> None:
        """Find the budgets to ask."""
        self.budgets = tuple(layer for layer in others if isinstance(layer, RetryBudgetLayer))

    def failed(self, request: Request, result: Result, now: int) -> Outward:
        """Go in again, unless it is hopeless, too late, too often or beyond the budget."""
        error = result.error
        if error is None or not (error.sdk_retries if self.as_sdk else error.transient):
            return None
        made, backoff_us = request.memo[self.slot] or (0, self.base_us)
        if made >= self.max_retries:
            return None
        asked_us = result.retry_after_us
        if asked_us is None or not self.respect_retry_after:
            backoff_us = self._backoff_us(request, made, backoff_us)
            wait_us = round(backoff_us)
        elif asked_us <= self.max_retry_after_us:
            wait_us = asked_us
        else:
            return None  # the target asks for more patience than there is
        if now + wait_us >= request.deadline_us:
            return None
        for asked, budget in enumerate(self.budgets):
            if not budget.withdraw(now):
                for other in self.budgets[:asked]:
                    other.put_back()
                request.give_reason(self.slot, "retry budget empty")
                return None
        request.memo[self.slot] = (made + 1, backoff_us)
        return Again(self.slot, now + wait_us, _WHY.setdefault(error.name, f"retry: {error.name}"))

    def _backoff_us(self, request: Request, made: int, last_us: float) -> float:
        """How long to wait before the next call, after `made` retries and a last wait of `last_us`."""
        backoff = self.base_us * (1 << made)
        if backoff > self.cap_us:
            backoff = self.cap_us
        if self.jitter == "none":
            return backoff
        draw = self._column(request.target, request.retry, request.hedge)[request.number]
        if self.jitter == "full":
            return backoff * draw
        if self.jitter == "equal":
            return backoff * (0.5 + 0.5 * draw)
        if self.jitter == "sdk":
            return backoff * (1.0 - 0.25 * draw)
        return min(self.cap_us, self.base_us + draw * (3.0 * last_us - self.base_us))

    def _column(self, target: int, retry: int, hedge: int) -> Column:
        column = self._columns.get((target, retry, hedge))
        if column is None:
            column = self.draws.column(self.purpose, Role(self.targets[target], retry, hedge))
            self._columns[target, retry, hedge] = column
        return column


_WHY: dict[str, str] = {}
