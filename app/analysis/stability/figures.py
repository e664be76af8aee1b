"""The figures of a stability report in words: a title, a text and a formula for each, variants side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isinf

from app.analysis.stability.measured import WELL_SHARE
from app.analysis.stability.recovery import Recovery
from app.analysis.stability.report import StabilityReport, VariantReport

VERDICTS = {
    "recovers": "comes back from any outage",
    "may not recover": "may never come back",
    "overloaded": "is overloaded as it is",
}
_SOURCE = "Fluid model after Bronson et al., Metastable failures in distributed systems, HotOS 2021."


@dataclass(frozen=True)
class Figure:
    """A row: what it is, how it comes about, and its text for each variant. `part` is the heading that it stands under."""

    part: str
    title: str
    formula: str
    texts: tuple[str, ...]


def figures(report: StabilityReport) -> tuple[Figure, ...]:
    """All rows, in the order in which they are shown."""
    rows: list[Figure] = []

    def row(part: str, title: str, formula: str, text: Callable[[VariantReport], str]) -> None:
        rows.append(Figure(part, title, formula, tuple(text(each) for each in report.variants)))

    settings = "What the settings say of the primary"
    for title, formula, text in _SETTINGS:
        row(settings, title, formula, text)
    if any(each.assessment.left_out for each in report.variants):
        row(
            settings,
            "Left out",
            "Safeguards that are on and that this arithmetic leaves out: hedges add calls, limits of one's own and shedding "
            "keep calls back.",
            lambda v: ", ".join(v.assessment.left_out) or "–",
        )
    for place, expected in enumerate(report.variants[0].assessment.recoveries):
        row(
            settings,
            f"Back after: {expected.trigger.label}",
            f"{_RECOVERY} Here it lasts {expected.trigger.outage_s:g} s.",
            lambda v, place=place: _expected(v.assessment.recoveries[place]),  # type: ignore[misc]
        )
    if report.run_id is not None:
        run = f"What run {report.run_id} did"
        for title, formula, text in _RUN:
            row(run, title, formula, text)
        for place, incident in enumerate(report.variants[0].incidents):
            was = incident.measured
            row(
                run,
                f"Back after: {was.label} ({was.from_s:,.0f} to {was.to_s:,.0f} s)",
                _MEASURED,
                lambda v, place=place: _returned(v, place),  # type: ignore[misc]
            )
    return tuple(rows)


def verdict_of(report: VariantReport) -> str:
    """The answer in a sentence."""
    of = report.assessment
    left_out = f" Left out: {', '.join(of.left_out)}." if of.left_out else ""
    return f"{of.title}, {of.rate_per_s:,.3g} requests/s: {VERDICTS[of.verdict]}.{left_out}"


def _per_s(value: float | None) -> str:
    return "none" if value is None else "no bound" if isinf(value) else f"{value:,.2f} per s"


def _number(value: float | None) -> str:
    return "–" if value is None else "no bound" if isinf(value) else f"{value:,.2f}"


def _expected(recovery: Recovery) -> str:
    return "never" if recovery.after_s is None else f"{recovery.after_s:,.0f} s"


def _returned(report: VariantReport, place: int) -> str:
    incident = report.incidents[place]
    was = incident.measured
    if was.well_before is None:
        return "cannot be told"
    text = f"not in {was.watched_s:,.0f} s" if was.after_s is None else f"{was.after_s:,.0f} s"
    return text if incident.expected is None else f"{text} (expected: {_expected(incident.expected)})"


def _bound(report: VariantReport) -> str:
    of = report.assessment
    return f"{of.capacity_per_s:,.2f} per s ({of.bound_by})"


def _peak(report: VariantReport) -> str:
    of = report.assessment
    worse = f" ({of.verdict_at_peak})" if of.verdict_at_peak != of.verdict else ""
    return f"{_per_s(of.peak_per_s)}{worse}"


def _tipping(report: VariantReport) -> str:
    if report.assessment.verdict == "overloaded":
        return "needs none"
    tipping_s = report.assessment.tipping_s
    return "none does" if tipping_s is None else f"{tipping_s:,.1f} s"


_Row = tuple[str, str, Callable[[VariantReport], str]]

_SETTINGS: Sequence[_Row] = (
    (
        "At this load it",
        "Overloaded: more calls than capacity even when all is well. May never come back: the load is above the one in "
        f"'Recovers below', so that an outage that is long enough brings a storm that keeps itself up. {_SOURCE}",
        lambda v: VERDICTS[v.assessment.verdict],
    ),
    (
        "Offered load",
        "Requests per second: the traffic's rate, on average over the run or, while one goes on, now.",
        lambda v: _per_s(v.assessment.rate_per_s),
    ),
    (
        "… at its peak",
        "The highest rate of the run, and what becomes of the variant if that stayed, where it is worse.",
        _peak,
    ),
    (
        "Slots in use",
        "a = calls per second × mean service time, in erlangs (Little's law); of so many slots. Where the target slows "
        "down with its load: a = work × (1 + slowdown × a / slots).",
        lambda v: f"{_number(v.assessment.erlangs)} of {v.assessment.slots:,}",
    ),
    (
        "Utilisation ρ",
        "Slots in use / slots; where a limit binds, calls per second / capacity.",
        lambda v: _number(v.assessment.rho),
    ),
    (
        "Capacity of the slots",
        "μ = slots / (mean service time × (1 + slowdown)).",
        lambda v: _per_s(v.assessment.slots_per_s),
    ),
    ("… of the request limit", "rpm / 60.", lambda v: _per_s(v.assessment.rpm_per_s)),
    (
        "… of the token limit",
        "tpm / 60 / (mean prompt + mean answer tokens). Not known where prompts are as long as they are rendered.",
        lambda v: _per_s(v.assessment.tpm_per_s),
    ),
    ("Capacity", "The least of the three, and which it is: calls per second.", _bound),
    (
        "Calls per request, healthy",
        "Calls to the primary: (1 − share of repeated questions, with a cache) × (1 − qⁿ) / (1 − q), q being the share "
        "of calls that time out at an idle target. Faults are not counted.",
        lambda v: _number(v.assessment.attempts_healthy),
    ),
    (
        "… when all of them time out",
        "n = the product of (retries + 1) over all retry layers, as far as the deadline leaves time; with a retry budget "
        "at most 1 + min_per_s / requests per s.",
        lambda v: _number(v.assessment.attempts_failing),
    ),
    (
        "… with all targets failing",
        "The product of (retries + 1) over all retry layers, times the targets of the fallback chain.",
        lambda v: f"{v.assessment.calls_in_all:,}",
    ),
    (
        "Recovers below",
        "The load λ up to which retries cannot keep an overload up: λ × calls per request × work per call stays below "
        "the slots, however long calls wait. About capacity / n with plain retries that the target works on to the end; "
        "about (capacity − min_per_s) / (1 + ratio) with a retry budget; the capacity with a breaker, which lets only "
        "probes pass, or where a limit turns away what is too much; more than the capacity where a cache answers some. "
        f"{_SOURCE}",
        lambda v: _per_s(v.assessment.recoverable_per_s),
    ),
    (
        "Shortest outage that tips it",
        "The standstill D whose held-back calls, λ × Σ (D − start of call i), are more than is served in one timeout: "
        "(timeout − mean service) × μ.",
        _tipping,
    ),
)

_RECOVERY = (
    "(held-back calls − (timeout − service) × μ) / (μ − λ × calls per request), less the time by which the last retry of a "
    "request comes after its first call; with patience shorter than the timeout also what drains at μ − λ; with a breaker "
    "open_s and a timeout more, for its probes. Never, where the denominator is not positive. Of the primary alone: a "
    f"fallback may answer long before. {_SOURCE}"
)

_RUN: Sequence[_Row] = (
    (
        "Arrived",
        "Requests / seconds in which they arrived.",
        lambda v: _per_s(v.measured.arrived_per_s if v.measured else None),
    ),
    (
        "Attempts per request",
        "Calls to any target / requests.",
        lambda v: _number(v.measured.attempts_per_request if v.measured else None),
    ),
    (
        "… at the worst",
        "The most of any stretch of the run (10 s, or longer where few arrive), by intended arrival.",
        lambda v: _number(v.measured.most_attempts_per_request if v.measured else None),
    ),
    (
        "… at the end",
        "Of the last such stretch.",
        lambda v: _number(v.measured.last_attempts_per_request if v.measured else None),
    ),
)

_MEASURED = (
    "From the incident's end to the first moment from which on the requests of a whole window (10 s, or 20 requests) are "
    f"good at {WELL_SHARE:.0%} of the rate of the minute before the first incident. In brackets what the settings at its "
    "begin let one expect of the primary."
)
