"""Runs of the ready-made scenarios, each made once for all tests, and what became of their requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import ceil, inf, sqrt
from typing import Any

from tests.harness import Ran, run_seeds

Request = dict[str, Any]
Rule = Callable[[Request], bool]
SEEDS = {
    "support-assistant": range(1, 21),
    "messy-data": range(1, 4),
    "launch-day": range(1, 3),
    "provider-outage": range(1, 4),
    "cost-spike": range(1, 4),
    "retry-storm": range(1, 6),
    "unwatched": range(1, 6),
}
"""How many seeds show a scenario's lesson."""

SIGMAS = 4.0
"""How far from its expectation a share may lie: one test in 16,000 would fail by chance."""


@cache
def runs_of(name: str) -> Sequence[Ran]:
    """The scenario's runs, one a seed."""
    return run_seeds(name, SEEDS[name])


def run_of(name: str, seed: int) -> Ran:
    """The scenario's run with this seed."""
    return runs_of(name)[SEEDS[name].index(seed)]


def between(ran: Ran, variant: str, begin_s: float, end_s: float) -> list[Request]:
    """The requests that were meant to arrive in [begin_s, end_s)."""
    return [each for each in ran.requests(variant) if begin_s * 1e6 <= each["intended_us"] < end_s * 1e6]


def pooled(name: str, variant: str, begin_s: float, end_s: float) -> list[Request]:
    """The same of all runs of a scenario."""
    return [each for ran in runs_of(name) for each in between(ran, variant, begin_s, end_s)]


def share(requests: Sequence[Request], wanted: str | Rule) -> float:
    """Share of the requests with this outcome, or for which a rule holds."""
    assert requests
    holds: Rule = wanted if callable(wanted) else lambda each: bool(each["outcome"] == wanted)
    return sum(map(holds, requests)) / len(requests)


def by(server: str) -> Rule:
    """The rule that this one answered."""
    return lambda each: bool(each["served_by"] == server)


def is_near(found: float, expected: float, count: int) -> bool:
    """Whether a share of `count` independent requests is `expected`, as far as chance lets one tell."""
    return bool(abs(found - expected) <= SIGMAS * sqrt(expected * (1 - expected) / count))


def cost_usd(requests: Iterable[Request]) -> float:
    """What they cost together."""
    return float(sum(each["cost_pico"] for each in requests) / 1e12)


def cost_usd_per_1000_good(requests: Sequence[Request]) -> float:
    """What a thousand good answers cost, everything else paid for with them."""
    return cost_usd(requests) / share(requests, "good") / len(requests) * 1000


def answer_s(requests: Sequence[Request], percentile: float) -> float:
    """Percentile of the time to an answer by nearest rank; no answer takes for ever."""
    times = [
        inf if each["served_by"] == "nobody" else (each["finished_us"] - each["intended_us"]) / 1e6
        for each in requests
    ]
    return float(sorted(times)[ceil(percentile / 100 * len(times)) - 1])
