"""How each variant did, from the session log: the JSON of `run --json` and `show --json`, and a sentence.

Formulas: good_rate = good / requests; goodput_per_s = good / the seconds in which requests arrived; cost per
1,000 good answers = all that was spent, failures included, / good * 1,000; percentiles by nearest rank from the
rollups' histograms (relative error at most 0.5 %, clamped to the extremes), where `answer_s` ranks requests without
an answer as infinite, so that a percentile may be null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

from app.analysis.detection import NOTHING, Detection, Detections, as_json
from app.safeguards.base import USD_PICO
from app.sessions.histogram import Histogram
from app.sessions.reader import RunReader
from app.sessions.totals import Totals
from app.sessions.vocabulary import REAL_CALLS_FACT

_MICRO = 1e6


def summary(reader: RunReader, noticed: Mapping[str, Detection] | None = None) -> dict[str, Any]:
    """The contracted summary of a run, in progress or over; `noticed` by variant, where it is known already."""
    record = reader.record()
    if noticed is None:
        noticed = Detections(reader).of(reader.events(), record.virtual_us / _MICRO)
    variants: dict[str, dict[str, Any]] = {}
    for variant in reader.variants:
        totals = reader.totals(variant.name)
        of_variant = of_totals(
            totals, arrivals_s(reader, variant.name), noticed[variant.name], record.closed_loop
        )
        if record.clock == "wall":
            of_variant["offered"] = totals.offered
        variants[variant.name] = of_variant
    real: dict[str, Any] = {}
    if record.clock == "wall" and (told := reader.facts().get(REAL_CALLS_FACT)):
        real = {"real_calls": told}
    return {
        "run": record.run_id,
        "scenario": record.scenario,
        "title": record.title,
        "seed": record.seed,
        "clock": record.clock,
        "loop": "closed" if record.closed_loop else "open",
        "state": record.state,
        "created_at": record.created_at,
        "ended_at": record.ended_at,
        "duration_s": record.duration_s,
        "virtual_s": record.virtual_us / _MICRO,
        "offered": record.offered,
        **real,
        "variants": variants,
    }


def arrivals_s(reader: RunReader, variant: str) -> float:
    """For how many seconds of the run requests of the variant have arrived so far."""
    return min(reader.record().duration_s, reader.passed_us(variant) / _MICRO)


def of_totals(
    totals: Totals, arriving_s: float = 0, noticed: Detection = NOTHING, closed_loop: bool = False
) -> dict[str, Any]:
    """One variant's part of the summary; `arriving_s` is for how long requests arrived, 0 where nobody knows;
    `noticed` is what came of its monitoring and of its customers' complaints. In a closed loop variants are asked at their
    own paces, and what was offered is not theirs alone."""
    good = totals.outcomes["good"]
    cost_usd = totals.cost_pico / USD_PICO
    return {
        "requests": totals.requests,
        "unfinished": 0 if closed_loop else max(0, totals.offered - totals.requests),
        "outcomes": dict(totals.outcomes),
        "served_by": dict(totals.served_by),
        "good_rate": good / totals.requests if totals.requests else None,
        "goodput_per_s": good / arriving_s if arriving_s > 0 else None,
        "attempts": totals.attempts,
        "retries": totals.retries,
        "answer_s": _percentiles(totals.answer),
        "latency_s": _percentiles(totals.latency, with_max=True),
        "service_latency_s": _percentiles(totals.service, with_max=True),
        "ttft_s": _percentiles(totals.ttft, with_max=True),
        "tpot_s": _percentiles(totals.tpot, with_max=True),
        "itl_s": {"mean": totals.token_gaps_us / totals.token_gaps / _MICRO if totals.token_gaps else None},
        "cache": dict(totals.cache),
        "input_tokens": totals.input_tokens,
        "output_tokens": totals.output_tokens,
        "cost_usd": cost_usd,
        "cost_usd_per_1000_good": cost_usd / good * 1000 if good else None,
        "faults": dict(sorted(totals.faults.items())),
        "detection": as_json(noticed),
    }


def _percentiles(histogram: Histogram, *, with_max: bool = False) -> dict[str, float | None]:
    values = {f"p{percent}": _seconds(histogram.percentile(percent)) for percent in (50, 95, 99)}
    if with_max:
        values["max"] = _seconds(histogram.maximum_us if histogram.finite else None)
    return values


def _seconds(value_us: float | None) -> float | None:
    return None if value_us is None else round(value_us) / _MICRO


_TOLD = {
    "good": "got a good answer",
    "failed": "got none",
    "wrong": "got a wrong one",
    "degraded": "got a stand-in",
    "late": "got theirs too late",
}


_SPELLS_TOLD = 3
"""With more spells of trouble only their number is told."""


def sentence(title: str, variant: dict[str, Any]) -> str:
    """What a stakeholder should know of a variant, in one sentence with one denominator.

    It speaks of 1,000 customers, or of all of them where they are fewer.
    """
    n = variant["requests"]
    if not n:
        return f"{title}: no requests have ended yet."
    outcomes = variant["outcomes"]
    whole = min(n, 1000)
    shares = _apportioned([outcomes[key] for key in _TOLD], whole)
    parts = [
        f"{'fewer than 1' if not share else f'{share:,}'} {words}"
        for (key, words), share in zip(_TOLD.items(), shares, strict=True)
        if outcomes[key] and key != "good"
    ]
    good = f"{shares[0]:,} of {whole:,} customers {_TOLD['good']}"
    p95 = variant["answer_s"]["p95"]
    wait = (
        f"95 % had an answer within {p95:.1f} s" if p95 is not None else "more than 5 % never had an answer"
    )
    cost = variant["cost_usd_per_1000_good"]
    money = (
        f"1,000 good answers cost {usd(cost)}"
        if cost is not None
        else f"{usd(variant['cost_usd'])} bought no good answer"
    )
    told = f"{title}: {', '.join([good, *parts])}; {wait}; {money} (n = {n:,})."
    noticed = _noticed(variant["detection"])
    return f"{told} {noticed}" if noticed else told


def _noticed(detection: dict[str, Any]) -> str:
    """Who noticed trouble, when, and what it had cost by then; empty without trouble."""
    spells = detection["spells"]
    if not spells:
        return ""
    customers = detection["bad_requests"]
    lost = f"{customers:,} {'customer' if customers == 1 else 'customers'}, {usd(detection['cost_usd'])}"
    if detection["unnoticed"] == len(spells):
        return f"Nobody noticed the {'trouble' if len(spells) == 1 else f'{len(spells)} troubles'}: {lost}."
    if len(spells) == 1:
        return f"Trouble was noticed {_by_whom(spells[0])}: {lost} until then."
    if len(spells) <= _SPELLS_TOLD:
        whom = ", then ".join(map(_by_whom, spells))
        return f"{len(spells)} troubles were noticed {whom}: {lost} until then."
    by = [spell["noticed_by"] for spell in spells]
    counts = (
        ("an alert", by.count("alert")),
        ("customers", by.count("customer")),
        ("nobody", by.count(None)),
    )
    whom = ", ".join(f"{count} by {who}" for who, count in counts if count)
    return f"{len(spells)} troubles were noticed, {whom}: {lost} until then."


def _by_whom(spell: dict[str, Any]) -> str:
    if spell["noticed_by"] is None:
        return "by nobody"
    who = "an alert" if spell["noticed_by"] == "alert" else "complaints"
    return f"after {in_minutes(spell['time_to_detect_s'])} by {who}"


def in_minutes(seconds: float) -> str:
    """A length of time in words: "12 s", "4 min 10 s"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes and rest else f"{minutes} min" if minutes else f"{rest} s"


def usd(amount: float) -> str:
    """An amount of money, with as many decimals as it takes to see two digits of it."""
    if amount and abs(amount) < 0.01:
        return f"${amount:.{1 - floor(log10(abs(amount)))}f}"
    return f"${amount:,.2f}"


def _apportioned(counts: Sequence[int], whole: int) -> list[int]:
    """Whole shares of `whole` in proportion to `counts`, adding up to it: by largest remainder (Hamilton)."""
    total = sum(counts)
    shares = [count * whole // total for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda index: -(counts[index] * whole % total))
    for index in by_remainder[: whole - sum(shares)]:
        shares[index] += 1
    return shares
