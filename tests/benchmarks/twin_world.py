"""What the SimPy twin's processes share: draws, targets, quotas, breakers, numbers of `full.toml`."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

DURATION_S, DRAIN_S = 2000.0, 60.0
RATE_PER_S, REPEAT_RATE, REPEAT_WINDOW = 50.0, 0.2, 10_000
MAX_TOKENS = 300
PATIENCE_S = 30.0
OUTAGE_S = (800.0, 900.0)

# In the scenario's order; the bit of each is 1 << index.
FAULT_RATES = (0.01, 0.02, 0.01, 0.003, 0.05, 0.01, 0.01, 0.005, 0.005, 1.0)
RATE_LIMITED, SERVER_ERROR, OVERLOADED, HANG, SLOW, TRUNCATED, MALFORMED, EMPTY, REFUSAL, OUTAGE = (
    1 << index for index in range(10)
)
ERRORS = (
    (RATE_LIMITED, "rate_limited", 5.0),
    (SERVER_ERROR, "server_error", None),
    (OVERLOADED, "overloaded", None),
)
SPOILS = ((TRUNCATED, 0.6), (MALFORMED, 1.0), (EMPTY, 0.01), (REFUSAL, 0.2))


@dataclass(frozen=True)
class Profile:
    """A target's numbers."""

    first_token_s: float
    tokens_per_s: float
    slots: int
    quality: float
    rpm: float
    tpm: float
    input_usd: float
    output_usd: float
    can_fail: bool


PROFILES = (
    Profile(0.6, 70, 200, 0.97, 3600, 3_200_000, 0.15e-6, 0.60e-6, True),
    Profile(0.5, 120, 200, 0.93, 2400, 2_100_000, 0.10e-6, 0.40e-6, False),
)


class Plan:
    """All draws of a run, made ahead in numpy: arrivals, questions, sizes, and what each attempt meets."""

    def __init__(self, seed: int, requests: int) -> None:
        self.rng = np.random.default_rng(seed)
        rng, n = self.rng, requests
        self.arrival: list[float] = np.cumsum(rng.exponential(1 / RATE_PER_S, n)).tolist()
        numbers = np.arange(n)
        back = 1 + np.floor(rng.random(n) * np.minimum(numbers, REPEAT_WINDOW)).astype(np.int64)
        repeats = (rng.random(n) < REPEAT_RATE) & (numbers > 0)
        source = np.where(repeats, numbers - back, numbers)
        while not np.array_equal(source, source[source]):
            source = source[source]
        self.question: list[int] = source.tolist()
        sizes = 700 * np.exp(0.25 * rng.standard_normal(n))
        self.input_tokens: list[int] = np.rint(sizes[source]).astype(np.int64).tolist()
        self.roles = [[Role(rng, n, profile) for _ in range(3)] for profile in PROFILES]
        self.jitter: list[list[float]] = [rng.random(n).tolist() for _ in range(3)]


class Role:
    """What each request's attempt at one target with one retry index meets."""

    def __init__(self, rng: np.random.Generator, n: int, profile: Profile) -> None:
        output = np.clip(np.rint(150 * np.exp(0.4 * rng.standard_normal(n))), 1, MAX_TOKENS)
        first = profile.first_token_s * np.exp(0.45 * rng.standard_normal(n))
        hits = np.zeros(n, dtype=np.int64)
        for index, rate in enumerate(FAULT_RATES):
            if index < 9 or profile.can_fail:
                hits |= (rng.random(n) < rate).astype(np.int64) << index
        tail = np.where(rng.random(n) < 0.05, 8.0, 1.0)
        self.output: list[int] = output.astype(np.int64).tolist()
        self.first: list[float] = first.tolist()
        self.hits: list[int] = hits.tolist()
        self.slow: list[float] = np.maximum(1.0, 4 * np.exp(0.5 * rng.standard_normal(n)) * tail).tolist()
        self.hangs: list[bool] = (rng.random(n) < 0.3).tolist()
        self.right: list[bool] = (rng.random(n) < profile.quality).tolist()


class Bucket:
    """A token bucket that fills with time."""

    __slots__ = ("capacity", "filled_s", "level", "per_s")

    def __init__(self, per_s: float, capacity: float) -> None:
        self.per_s, self.capacity = per_s, capacity
        self.level, self.filled_s = capacity, 0.0

    def fill(self, now: float) -> None:
        """Add what has come since the last time."""
        self.level = min(self.capacity, self.level + (now - self.filled_s) * self.per_s)
        self.filled_s = now

    def wait_s(self, units: float, now: float) -> float:
        """Time until the units are there."""
        self.fill(now)
        return max(0.0, (units - self.level) / self.per_s)

    def give_back(self, units: float) -> None:
        """Return what was taken and not used."""
        self.level = min(self.capacity, self.level + units)


class Target:
    """A target at work."""

    def __init__(self, env: simpy.Environment, profile: Profile, roles: list[Role]) -> None:
        self.profile = profile
        self.roles = roles
        self.slots = simpy.Resource(env, profile.slots)
        self.rpm = Bucket(profile.rpm / 60, profile.rpm / 6)
        self.tpm = Bucket(profile.tpm / 60, profile.tpm / 6)


class Breaker:
    """Closed, open, half-open, with a sliding window."""

    def __init__(self) -> None:
        self.state = "closed"
        self.calls: deque[tuple[float, bool]] = deque()
        self.failures = self.out = self.well = self.era = 0
        self.reopens = 0.0

    def turn(self, state: str) -> None:
        """Enter a state with a clean slate."""
        self.state = state
        self.era += 1
        self.calls.clear()
        self.failures = self.out = self.well = 0

    def allow(self, now: float) -> bool:
        """Whether a call may pass."""
        if self.state == "closed":
            return True
        if now >= self.reopens and (self.state == "open" or self.out + self.well >= 3):
            self.turn("half_open")
            self.reopens = now + 5
        if self.state == "open" or self.out + self.well >= 3:
            return False
        self.out += 1
        return True

    def record(self, era: int, failed: bool, now: float) -> None:
        """Count how a call ended, unless it began before the state changed."""
        if era != self.era:
            return
        if self.state == "half_open":
            self.out -= 1
            if failed:
                self.trip(now)
                return
            self.well += 1
            if self.well >= 3:
                self.turn("closed")
            return
        calls = self.calls
        calls.append((now, failed))
        self.failures += failed
        while calls[0][0] <= now - 30:
            self.failures -= calls.popleft()[1]
        if failed and len(calls) >= 20 and self.failures >= 0.5 * len(calls):
            self.trip(now)

    def trip(self, now: float) -> None:
        """Open."""
        self.turn("open")
        self.reopens = now + 5


class Shared:
    """What the requests of the safeguarded variant share."""

    def __init__(self) -> None:
        self.cache: OrderedDict[int, tuple[float, bool]] = OrderedDict()
        self.flights: dict[int, Any] = {}
        self.retries = Bucket(1.0, 100.0)
        self.breakers = (Breaker(), Breaker())
        self.left_usd = 1000.0
