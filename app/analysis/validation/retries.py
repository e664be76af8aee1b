"""Known results of retries: how many calls independent failures cost, how layers multiply, what a budget lets through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator

from app.analysis.validation.base import KnownResult, exactly
from app.analysis.validation.formulas import budgeted_attempts, retry_attempts
from app.analysis.validation.measure import measure
from app.analysis.validation.statistics import Comparison, Known, batch_means
from app.sessions.vocabulary import MAX_ATTEMPTS

_PER_S = 100


def _failing(failure: float) -> str:
    """Calls that fail independently, and take no time to speak of."""
    return f"""
service = "constant"
service_s = 0.01
slots = 100000
[traffic]
rate_per_s = {_PER_S}
repeat_rate = 0
[[faults]]
kind = "server_error"
rate = {failure}
"""


def _retry(max_retries: int, more: str = "") -> str:
    return f"""
[[variants.bare.safeguards]]
kind = "retry"
max_retries = {max_retries}
base_s = 0
{more}
"""


class Retries(KnownResult):
    """Independent failures that are retried at once: expected calls of a request, and the share that succeeds."""

    name: ClassVar[str] = "retries"
    title: ClassVar[str] = "Retries"
    source: ClassVar[str] = "Geometric series: the sum of f^k over the calls"
    failure_rate: float = Field(default=0.5, ge=0, le=1)
    max_retries: int = Field(default=3, ge=0, le=20)
    requests: int = Field(default=12_000, ge=1000, le=2_000_000)
    precision: float = Field(default=0.01, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """Few and many failures, and nothing but failures."""
        return (
            cls(failure_rate=0.5, max_retries=3, seed=31),
            cls(failure_rate=0.1, max_retries=2, seed=32),
            cls(failure_rate=0.9, max_retries=5, seed=33),
            cls(failure_rate=1, max_retries=3, requests=2000, seed=34),
        )

    def rows(self) -> list[Comparison]:
        """Calls and success."""
        tables = _failing(self.failure_rate) + _retry(self.max_retries)
        rows = measure(tables, seed=self.seed, duration_s=self.requests / _PER_S)
        calls = Known(
            "calls of a request", retry_attempts(self.failure_rate, self.max_retries), self.precision
        )
        success = Known("success", 1 - self.failure_rate ** (self.max_retries + 1), self.precision)
        failure, most = self.failure_rate, self.max_retries + 1
        # P(N > k) = f^k, and E[N^2] is the sum over k of (2k + 1) P(N > k)
        squares = sum((2 * k + 1) * failure**k for k in range(most))
        return [
            Comparison(calls, batch_means(rows.requests["attempts"], variance=squares - calls.value**2)),
            Comparison(success, batch_means(rows.answered, variance=success.value * (1 - success.value))),
        ]


class LayeredRetries(KnownResult):
    """Layers that each try so often: nothing succeeds, and the calls of a request multiply."""

    name: ClassVar[str] = "layered-retries"
    title: ClassVar[str] = "Layered retries"
    source: ClassVar[str] = (
        '"Site Reliability Engineering" (Google, 2016), chapter 22: k tries at each of r layers are k^r'
    )
    tries: int = Field(default=4, ge=1, le=21)
    """Of each layer: its first call and its retries."""
    layers: int = Field(default=3, ge=1, le=8)

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """4³ = 64, and others."""
        return (cls(tries=4, layers=3), cls(tries=2, layers=5), cls(tries=3, layers=2))

    @model_validator(mode="after")
    def _few_enough(self) -> Self:
        if self.tries**self.layers > MAX_ATTEMPTS:
            raise ValueError(f"'tries' to the power of 'layers' must be at most {MAX_ATTEMPTS}")
        return self

    def rows(self) -> list[Comparison]:
        """The fewest and the most calls of any request."""
        layers = "".join(_retry(self.tries - 1, f'id = "layer{number}"') for number in range(self.layers))
        calls = measure(_failing(1) + layers, seed=self.seed, duration_s=1).requests["attempts"]
        known = self.tries**self.layers
        return [
            exactly("fewest calls of a request", known, int(calls.min())),
            exactly("most calls of a request", known, int(calls.max())),
        ]


class RetryTokenBucket(KnownResult):
    """Retries that live on what successes deposit, once the bucket is empty: load on the target, and success."""

    name: ClassVar[str] = "retry-budget"
    title: ClassVar[str] = "Retry token bucket"
    source: ClassVar[str] = "Balance of the bucket: what retries cost is what successes deposit"
    failure_rate: float = Field(default=0.5, gt=0, le=1)
    deposit: float = Field(default=0.1, gt=0, le=1)
    """Tokens that a success deposits; a retry costs one."""
    max_retries: int = Field(default=3, ge=1, le=20)
    requests: int = Field(default=40_000, ge=1000, le=2_000_000)
    precision: float = Field(default=0.01, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """Half and all calls fail."""
        return (cls(failure_rate=0.5, seed=41), cls(failure_rate=1, requests=2000, seed=42))

    @model_validator(mode="after")
    def _scarce(self) -> Self:
        if budgeted_attempts(self.failure_rate, self.deposit) > 0.95 * retry_attempts(
            self.failure_rate, self.max_retries
        ):
            raise ValueError(
                "with so few failures, or so few retries, such a 'deposit' keeps the bucket from running empty"
            )
        return self

    def rows(self) -> list[Comparison]:
        """Load, success, and retries paid for by each success."""
        budget = f"""
[[variants.bare.safeguards]]
kind = "retry_budget"
ratio = {self.deposit}
min_per_s = 0
max_tokens = 1000
starts_full = false
"""
        tables = _failing(self.failure_rate) + _retry(self.max_retries, budget)
        rows = measure(tables, seed=self.seed, duration_s=self.requests / _PER_S)
        calls, answered = rows.requests["attempts"], rows.answered
        load = budgeted_attempts(self.failure_rate, self.deposit)
        success = Known("success", load * (1 - self.failure_rate), self.precision)
        compared = [
            Comparison(Known("calls of a request", load, self.precision), batch_means(calls)),
            Comparison(success, batch_means(answered)),
        ]
        if answered.any():
            # Luck in the failures moves load and success together, and cancels out of what each success pays for.
            paid = float((calls - 1.0).sum() / answered.sum())
            compared.append(
                exactly("retries to each success", self.deposit, paid, within=1e-3 * self.deposit)
            )
        return compared
