"""How a variant calls the primary: how long it waits, how often it calls again, and what keeps that within bounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import TypeVar

from app.safeguards.attempt_timeout import AttemptTimeout
from app.safeguards.base import Safeguard
from app.safeguards.breaker import Breaker
from app.safeguards.cache import Cache
from app.safeguards.deadline import Deadline
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from app.safeguards.retry_budget import RetryBudget
from app.scenario.model import Scenario

_S = TypeVar("_S", bound=Safeguard)

_JITTERED = {"none": 1.0, "full": 0.5, "equal": 0.75, "sdk": 0.875}
"""The mean wait over the backoff, by kind of jitter."""


_BOUNDING = ("deadline", "cache", "fallback", "retry", "retry_budget", "breaker", "attempt_timeout")
COUNTED = frozenset((*_BOUNDING, "monitoring", "input_check", "budget", "answer_check", "hand_off", "canned"))
"""Kinds of safeguards that are taken into account, or have no part in overload."""


@dataclass(frozen=True)
class Client:
    """A variant as its primary sees it.

    `starts_s` is when each call of a request begins, on average and counted from the first, if all of them time out and
    the deadline leaves time for them; `calls_in_all` counts the fallbacks' calls, too, deadline or not. Times without a
    bound are infinite.
    """

    first_token_s: float
    attempt_s: float
    starts_s: tuple[float, ...]
    calls_in_all: int
    budget: RetryBudget | None
    breaker: Breaker | None
    cached_share: float
    """Of the requests, those that repeat an earlier one and need no call as long as the cache knows the answer."""

    @property
    def timeout_s(self) -> float:
        """How long a call may wait at the most before nothing can come of it."""
        return min(self.first_token_s, self.attempt_s)

    @property
    def calls(self) -> int:
        """Calls to the primary for one request when all of them time out."""
        return len(self.starts_s)

    def calls_per_request(self, failing: float, rate_per_s: float) -> float:
        """Calls to the primary per request when each fails with this probability: A = (1 - q^n) / (1 - q).

        A retry budget allows each call that succeeds `ratio` more and time `min_per_s` more: with m = min_per_s / lambda,
        L = 1 + m + ratio (1 - q) L, so L = (1 + m) / (1 - ratio (1 - q)) is the most (as in `validation.formulas`).
        """
        n = self.calls
        unbounded = float(n) if failing >= 1 else (1 - failing**n) / (1 - failing)
        if self.budget is None:
            return unbounded
        earned = self.budget.ratio * (1 - failing)
        if earned >= 1 or rate_per_s <= 0:
            return unbounded
        return min(unbounded, (1 + self.budget.min_per_s / rate_per_s) / (1 - earned))

    def gives_way(self, rate_per_s: float) -> bool:
        """Whether the breaker opens when everything fails: there must be `min_calls` in its window."""
        return self.breaker is not None and rate_per_s * self.breaker.window_s >= self.breaker.min_calls

    @property
    def probes_per_s(self) -> float:
        """Calls that an open breaker lets pass: `half_open_calls` every `open_s`."""
        return 0.0 if self.breaker is None else self.breaker.half_open_calls / self.breaker.open_s

    def opens_after_s(self, rate_per_s: float) -> float:
        """How long after calls begin to hang the breaker opens; infinite if never.

        Failures come back from one timeout T on, and must be the share r of all that came back in the window W:
        (t - T) >= r ((W - t) + (t - T)), which is t = T + r (W - T) where W > T; and there must be `min_calls`.
        """
        if self.breaker is None or not self.gives_way(rate_per_s):
            return inf
        timeout_s, breaker = self.timeout_s, self.breaker
        if breaker.window_s > timeout_s:
            return timeout_s + breaker.failure_ratio * (breaker.window_s - timeout_s)
        return timeout_s + breaker.min_calls / rate_per_s


def client_of(scenario: Scenario, variant: str) -> Client:
    """The variant's safeguards that are on, taken together."""
    safeguards = [each for each in scenario.variants[variant].safeguards if each.on]
    deadline_s = _least(each.total_s for each in safeguards if isinstance(each, Deadline))
    timeouts = [each for each in safeguards if isinstance(each, AttemptTimeout)]
    first_token_s = min(deadline_s, _least(each.first_token_s for each in timeouts))
    attempt_s = min(deadline_s, _least(each.attempt_s for each in timeouts))
    retries = [each for each in safeguards if isinstance(each, Retry)]
    others = prod(len(each.targets) + 1 for each in safeguards if isinstance(each, Fallback))
    starts_s = _starts_s(retries, min(first_token_s, attempt_s))
    cached = any(isinstance(each, Cache) for each in safeguards)
    return Client(
        first_token_s,
        attempt_s,
        tuple(each for each in starts_s if each < deadline_s),
        len(starts_s) * others,
        _first(safeguards, RetryBudget),
        _first(safeguards, Breaker),
        scenario.traffic.repeat_rate if cached else 0.0,
    )


def _starts_s(retries: Sequence[Retry], timeout_s: float) -> list[float]:
    """When each call begins if all time out; of retries within retries the inner ones begin anew for each outer one."""
    starts_s = [0.0]
    for retry in reversed(retries):
        inner, after_s = starts_s, starts_s[-1] + timeout_s
        starts_s, begin_s = [], 0.0
        for made in range(retry.max_retries + 1):
            starts_s += [begin_s + each for each in inner]
            backoff_s = min(retry.cap_s, retry.base_s * 2**made) * _JITTERED[retry.jitter]
            begin_s += after_s + backoff_s
    return starts_s


def _least(values: Iterable[float]) -> float:
    return min(values, default=inf)


def _first(safeguards: Sequence[Safeguard], kind: type[_S]) -> _S | None:
    return next((each for each in safeguards if isinstance(each, kind)), None)
