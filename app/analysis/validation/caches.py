"""Known results of caches: LRU under Zipf by Che's approximation, and entries that live for a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import Field, model_validator

from app.analysis.validation.base import KnownResult
from app.analysis.validation.formulas import che_hit_ratio, ttl_hit_ratio, zipf
from app.analysis.validation.measure import Bools, Rows, measure
from app.analysis.validation.statistics import Comparison, Known, batch_means
from app.sessions.vocabulary import CACHE

_HIT = CACHE.index("hit")


def _cached(arrivals: str, rate_per_s: float, skew: float, cache: str) -> str:
    """Independent references by popularity; a call is over before the next request comes, or nearly so."""
    return f"""
service = "constant"
service_s = 0.0001
[traffic]
arrivals = "{arrivals}"
rate_per_s = {rate_per_s}
repeat_rate = 0
order = "zipf"
skew = {skew}
same_row_same_question = true
[[variants.bare.safeguards]]
kind = "cache"
single_flight = false
{cache}
"""


def _hits(rows: Rows, warm: int) -> Bools:
    """Which requests the cache answered, once it is warm."""
    hits: Bools = rows.requests["cache"][warm:] == _HIT
    return hits


class LRUCache(KnownResult):
    """Hit ratio of a cache that forgets only for want of room, the least recently used first."""

    name: ClassVar[str] = "lru-cache"
    title: ClassVar[str] = "LRU under Zipf (Che)"
    source: ClassVar[str] = (
        'H. Che, Y. Tung, Z. Wang, "Hierarchical Web caching systems" (IEEE JSAC 20, 2002)'
    )
    items: int = Field(default=1000, ge=500, le=100_000)
    skew: float = Field(default=1, ge=0, le=3)
    capacity: int = Field(default=100, ge=50)
    requests: int = Field(default=50_000, ge=1000, le=2_000_000)
    """After the cache has warmed up on ten times its capacity."""
    precision: float = Field(default=0.01, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value."""

    BIAS: ClassVar[float] = 0.0005
    """Hit ratio: Che's approximation is within this of LRU itself at these sizes (1.5 million references)."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """The published ones."""
        return (
            cls(items=1000, skew=0.8, capacity=100, seed=21),
            cls(items=1000, skew=1.0, capacity=100, seed=22),
            cls(items=10_000, skew=0.8, capacity=1000, seed=23),
            cls(items=10_000, skew=1.2, capacity=100, seed=24),
        )

    @model_validator(mode="after")
    def _too_small_for_all(self) -> Self:
        if self.capacity >= self.items:
            raise ValueError("'capacity' must be less than 'items', or nothing is ever forgotten")
        return self

    def rows(self) -> list[Comparison]:
        """The hit ratio."""
        warm = 10 * self.capacity
        cache = f"ttl_s = 1e8\nmax_entries = {self.capacity}"
        rows = measure(
            _cached("constant", 100, self.skew, cache),
            seed=self.seed,
            duration_s=(warm + self.requests) / 100,
            rows=self.items,
        )
        ratio = che_hit_ratio(zipf(self.items, self.skew), self.capacity)
        return [
            Comparison(Known("hit ratio", ratio, self.precision, self.BIAS), batch_means(_hits(rows, warm)))
        ]


class TTLCache(KnownResult):
    """Hit ratio of a cache with room for all, whose entries live for a time."""

    name: ClassVar[str] = "ttl-cache"
    title: ClassVar[str] = "TTL cache under Zipf"
    source: ClassVar[str] = (
        'J. Jung, A. Berger, H. Balakrishnan, "Modeling TTL-based Internet caches" (INFOCOM 2003)'
    )
    items: int = Field(default=1000, ge=1, le=100_000)
    skew: float = Field(default=1, ge=0, le=3)
    rate_per_s: float = Field(default=10, gt=0, le=100)
    ttl_s: float = Field(default=60, ge=1, le=1e6)
    requests: int = Field(default=60_000, ge=1000, le=2_000_000)
    """After the cache has warmed up for two of its times to live."""
    precision: float = Field(default=0.01, gt=0, le=1)
    """The largest standard error that counts as an answer, relative to the value."""

    BIAS: ClassVar[float] = 0.0001
    """Hit ratio: what is asked again during the tenth of a millisecond of a call is missed once more."""

    @classmethod
    def cases(cls) -> Sequence[Self]:
        """The published ones."""
        return (cls(ttl_s=60, seed=25), cls(ttl_s=600, seed=26))

    def rows(self) -> list[Comparison]:
        """The hit ratio."""
        warm = round(2 * self.ttl_s * self.rate_per_s)
        cache = f"ttl_s = {self.ttl_s}\nmax_entries = {self.items}"
        rows = measure(
            _cached("poisson", self.rate_per_s, self.skew, cache),
            seed=self.seed,
            duration_s=(warm + self.requests) / self.rate_per_s,
            rows=self.items,
        )
        ratio = ttl_hit_ratio(zipf(self.items, self.skew), self.rate_per_s, self.ttl_s)
        return [
            Comparison(Known("hit ratio", ratio, self.precision, self.BIAS), batch_means(_hits(rows, warm)))
        ]
