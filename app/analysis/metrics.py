"""The metrics that sides are compared by: one table with title, formula, unit, and which direction is better.

A metric is computed from a variant's part of the summary (`summary.of_totals`), never from rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.analysis.summary import usd

Unit = Literal["count", "rate", "ratio", "per_s", "s", "ms", "usd"]


@dataclass(frozen=True)
class Metric:
    """`value` gives a number from a variant's summary: None where there is nothing to measure, infinite where there was
    no answer or no good one. Below `needs` requests it is mostly luck; a number of those needed for a 95 % bound."""

    key: str
    title: str
    formula: str
    unit: Unit
    better: Literal["high", "low"] | None
    value: Callable[[Mapping[str, Any]], float | None]
    needs: int = 1
    endless: str = ""
    """What an infinite value means, where that is no missing answer."""
    seldom: bool = False
    """It is left out where no side has it."""


def shown_metric(metric: Metric, value: float | None) -> str:
    """A value with its unit."""
    if value is None:
        return "–"
    if math.isinf(value):
        return metric.endless or ("no answer" if metric.unit == "s" else "no good answer")
    return _FORMATS[metric.unit](value)


def shown_gap(metric: Metric, gap: float | None) -> str:
    """A difference with its sign and unit; rates differ by percentage points. Empty where there is none."""
    if gap is None:
        return ""
    text = f"{abs(gap) * 100:.1f} points" if metric.unit == "rate" else _FORMATS[metric.unit](abs(gap))
    nothing = not set(text) & set("123456789")  # after rounding
    return f"{'±' if nothing else '−' if gap < 0 else '+'}{text}"


_FORMATS: Final[dict[str, Callable[[float], str]]] = {
    "count": lambda value: f"{value:,.0f}",
    "rate": lambda value: f"{value * 100:.1f} %",
    "ratio": lambda value: f"{value:.2f}",
    "per_s": lambda value: f"{value:.2f} per s",
    "s": lambda value: f"{value:.2f} s",
    "ms": lambda value: f"{value * 1000:,.1f} ms",
    "usd": usd,
}


def _rate(outcome: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda v: v["outcomes"][outcome] / v["requests"] if v["requests"] else None


def _answer(percentile: str) -> Callable[[Mapping[str, Any]], float | None]:
    def value(v: Mapping[str, Any]) -> float | None:
        found: float | None = v["answer_s"][percentile]
        return math.inf if found is None and v["requests"] else found

    return value


def _cost_of_good(v: Mapping[str, Any]) -> float | None:
    found: float | None = v["cost_usd_per_1000_good"]
    return math.inf if found is None and v["requests"] else found


def _time_to_detect(v: Mapping[str, Any]) -> float | None:
    detection = v["detection"]
    found: float | None = detection["time_to_detect_s"] if detection["troubles"] else None
    return math.inf if detection["unnoticed"] else found


def _until_noticed(key: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda v: v["detection"][key] if v["detection"]["troubles"] else None


def _outcome_metric(outcome: str, title: str, better: Literal["high", "low"] | None) -> Metric:
    formula = f"requests that ended {outcome} / requests that ended"
    return Metric(f"{outcome}_rate", title, formula, "rate", better, _rate(outcome), 30)


def _answer_metric(percent: int, needs: int) -> Metric:
    return Metric(
        f"answer_s.p{percent}",
        f"Time to answer, p{percent}",
        f"{percent} % of the requests had an answer within this time, from intended arrival; "
        "a request without an answer counts as infinite (nearest rank, relative error at most 0.5 %)",
        "s",
        "low",
        _answer(f"p{percent}"),
        needs,
    )


def _first_token_metric(percent: int, needs: int) -> Metric:
    return Metric(
        f"ttft_s.p{percent}",
        f"Time to first token, p{percent}",
        f"{percent} % of the requests that got a first token got it within this time, from intended arrival "
        "(nearest rank, relative error at most 0.5 %)",
        "s",
        "low",
        lambda v: v["ttft_s"][f"p{percent}"],
        needs,
    )


def _service_metric(percent: int, needs: int) -> Metric:
    return Metric(
        f"service_latency_s.p{percent}",
        f"Service time, p{percent}",
        f"{percent} % of the requests that took a call ended within this time, from when the first call was sent: it leaves "
        "out what was waited before (nearest rank, relative error at most 0.5 %)",
        "s",
        None,
        lambda v: v["service_latency_s"][f"p{percent}"],
        needs,
    )


def _per_token_metric(percent: int, needs: int) -> Metric:
    return Metric(
        f"tpot_s.p{percent}",
        f"Time per output token, p{percent}",
        "(end - first token) / (output tokens - 1) of the call that answered; "
        f"{percent} % of the answers of two tokens and more took no longer (nearest rank, relative error at most 0.5 %)",
        "ms",
        "low",
        lambda v: v["tpot_s"][f"p{percent}"],
        needs,
    )


def _cache_metric(key: str, title: str, formula: str) -> Metric:
    return Metric(
        f"cache.{key}",
        title,
        formula,
        "count",
        None,
        lambda v: v["cache"][key] if any(v["cache"].values()) else None,
        seldom=True,
    )


def _hit_rate(v: Mapping[str, Any]) -> float | None:
    cache = v["cache"]
    asked = cache["hit"] + cache["shared"] + cache["miss"] + cache["stale"]
    return cache["hit"] / asked if asked else None


METRICS: Final = (
    Metric("requests", "Requests", "requests that ended", "count", None, lambda v: v["requests"]),
    _outcome_metric("good", "Good answers", "high"),
    _outcome_metric("degraded", "Stand-in answers", None),
    _outcome_metric("late", "Late answers", "low"),
    _outcome_metric("wrong", "Wrong answers", "low"),
    _outcome_metric("failed", "Failed", "low"),
    _answer_metric(50, 6),
    _answer_metric(95, 59),
    _answer_metric(99, 299),
    _first_token_metric(50, 6),
    _first_token_metric(95, 59),
    _service_metric(95, 59),
    _per_token_metric(50, 6),
    _per_token_metric(95, 59),
    Metric(
        "itl_s.mean",
        "Time between tokens, mean",
        "all gaps between the tokens of answers, pooled, long answers and short ones alike: their sum / their number",
        "ms",
        "low",
        lambda v: v["itl_s"]["mean"],
        30,
    ),
    Metric(
        "goodput_per_s",
        "Goodput",
        "good answers / seconds in which requests arrived",
        "per_s",
        "high",
        lambda v: v["goodput_per_s"],
        30,
    ),
    Metric(
        "attempts_per_request",
        "Calls per request",
        "calls to a model / requests that ended; a cached answer takes none, a retry is one more",
        "ratio",
        None,
        lambda v: v["attempts"] / v["requests"] if v["requests"] else None,
    ),
    Metric(
        "retries", "Retries", "calls made again after a failed one", "count", None, lambda v: v["retries"]
    ),
    Metric(
        "cache.hit_rate",
        "Cache hits",
        "requests answered from the cache at once / requests that asked it; sharing a call under way is no hit",
        "rate",
        None,
        _hit_rate,
        30,
        seldom=True,
    ),
    _cache_metric("miss", "Cache misses", "requests whose question was not in the cache"),
    _cache_metric(
        "shared", "Cache, calls shared", "requests that waited for the call of another with the same question"
    ),
    _cache_metric("stale", "Cache, too old", "requests whose answer in the cache was older than it may be"),
    _cache_metric("evicted", "Cache, put out", "answers that left the full cache because another was kept"),
    Metric(
        "cost_usd",
        "Cost",
        "all that was spent, failures included; less is no gain where fewer were served",
        "usd",
        None,
        lambda v: v["cost_usd"],
    ),
    Metric(
        "cost_usd_per_1000_good",
        "Cost per 1,000 good answers",
        "all that was spent, failures included / good answers × 1,000",
        "usd",
        "low",
        _cost_of_good,
    ),
    Metric(
        "detection.time_to_detect_s",
        "Time to notice trouble",
        "from the first bad second until an alert or enough complaints; the longest, where there was trouble more than once",
        "s",
        "low",
        _time_to_detect,
        endless="nobody noticed",
        seldom=True,
    ),
    Metric(
        "detection.bad_requests",
        "Customers let down until noticed",
        "requests that ended failed, wrong or late in trouble that nobody knew of yet",
        "count",
        "low",
        _until_noticed("bad_requests"),
        seldom=True,
    ),
    Metric(
        "detection.cost_usd",
        "Spent on them until noticed",
        "what was spent on requests that ended failed, wrong or late in trouble that nobody knew of yet",
        "usd",
        "low",
        _until_noticed("cost_usd"),
        seldom=True,
    ),
)
"""In the order in which they are shown."""
_BY_KEY: Final = {metric.key: metric for metric in METRICS}


def metric(key: str) -> Metric:
    """The metric of this key. Raises KeyError."""
    return _BY_KEY[key]
