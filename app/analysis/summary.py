"""How each variant did, from the session log: the JSON of `run --json` and `show --json`, and one sentence each.

Formulas: good_rate = good / requests; cost per 1,000 good answers = all that was spent, failures included, / good * 1,000;
percentiles by nearest rank from the rollups' histograms (relative error at most 0.5 %, clamped to the extremes), where
`answer_s` ranks requests without an answer as infinite, so that a percentile may be null.
"""

from __future__ import annotations

from typing import Any

from app.safeguards.base import USD_PICO
from app.sessions.histogram import Histogram
from app.sessions.reader import RunReader
from app.sessions.totals import Totals

_MICRO = 1e6


def summary(reader: RunReader) -> dict[str, Any]:
    """The contracted summary of a run, in progress or over."""
    record = reader.record()
    variants = {variant.name: of_totals(reader.totals(variant.name)) for variant in reader.variants}
    return {
        "run": record.run_id,
        "scenario": record.scenario,
        "title": record.title,
        "seed": record.seed,
        "clock": record.clock,
        "state": record.state,
        "created_at": record.created_at,
        "ended_at": record.ended_at,
        "duration_s": record.duration_s,
        "virtual_s": record.virtual_us / _MICRO,
        "offered": record.offered,
        "variants": variants,
    }


def of_totals(totals: Totals) -> dict[str, Any]:
    """One variant's part of the summary."""
    good = totals.outcomes["good"]
    cost_usd = totals.cost_pico / USD_PICO
    return {
        "requests": totals.requests,
        "outcomes": dict(totals.outcomes),
        "served_by": dict(totals.served_by),
        "good_rate": good / totals.requests if totals.requests else None,
        "attempts": totals.attempts,
        "retries": totals.retries,
        "answer_s": _percentiles(totals.answer),
        "latency_s": _percentiles(totals.latency, with_max=True),
        "service_latency_s": _percentiles(totals.service, with_max=True),
        "ttft_s": _percentiles(totals.ttft, with_max=True),
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cost_usd": cost_usd,
        "cost_usd_per_1000_good": cost_usd / good * 1000 if good else None,
        "faults": dict(sorted(totals.faults.items())),
    }


def _percentiles(histogram: Histogram, *, with_max: bool = False) -> dict[str, float | None]:
    values = {f"p{percent}": _seconds(histogram.percentile(percent)) for percent in (50, 95, 99)}
    if with_max:
        values["max"] = _seconds(histogram.maximum_us if histogram.finite else None)
    return values


def _seconds(value_us: float | None) -> float | None:
    return None if value_us is None else round(value_us) / _MICRO


def sentence(title: str, variant: dict[str, Any]) -> str:
    """What a stakeholder should know of a variant, in one sentence with one denominator."""
    n = variant["requests"]
    if not n:
        return f"{title}: no requests have ended yet."
    outcomes = variant["outcomes"]
    parts = [f"{_of_thousand(outcomes['good'], n)} of 1,000 customers got a good answer"]
    told = {
        "failed": "got none",
        "wrong": "got a wrong one",
        "degraded": "got a stand-in",
        "late": "got theirs too late",
    }
    parts += [f"{_of_thousand(outcomes[key], n)} {words}" for key, words in told.items() if outcomes[key]]
    p95 = variant["answer_s"]["p95"]
    wait = f"95 % had an answer within {p95:.1f} s" if p95 is not None else "more than 5 % never had an answer"
    cost = variant["cost_usd_per_1000_good"]
    money = f"1,000 good answers cost {usd(cost)}" if cost is not None else f"{usd(variant['cost_usd'])} bought no good answer"
    return f"{title}: {', '.join(parts)}; {wait}; {money} (n = {n:,})."


def usd(amount: float) -> str:
    """An amount of money, with as many decimals as it takes to see it."""
    if amount and abs(amount) < 0.01:
        return f"${amount:.2g}"
    return f"${amount:,.2f}"


def _of_thousand(count: int, n: int) -> str:
    share = 1000 * count / n
    if 0 < share < 1:
        return "fewer than 1"
    if 999 < share < 1000:
        return "all but a few"
    return f"{round(share):,}"
