"""A calibration in words: what is printed and shown in the window. It decides nothing."""

from __future__ import annotations

import numpy as np

from app.analysis.summary import usd
from app.calibration.calibration import Calibration, Prepared
from app.calibration.fitting import Ratio
from app.calibration.report import Quantity, Row
from app.providers.prices import PICO_PER_USD


def announcement(prepared: Prepared) -> list[str]:
    """What will be done once somebody agrees: where to, how often, and for how much at the most."""
    course = prepared.course
    endpoint = course.endpoint
    key = "with its key" if endpoint.key else "without a key"
    at_once = "one at a time" if course.concurrency == 1 else f"{course.concurrency} at a time"
    return [
        f"REAL CALLS to {prepared.origin} as {endpoint.model} ({endpoint.api}, {key}): your prompts and rows go there.",
        f"{len(course.questions):,} calls, {at_once}. Estimate {money(prepared.estimate_pico)} "
        f"(price: {course.tariff.source}), cap {money(course.cap_pico)}.",
    ]


def headline(calibration: Calibration) -> str:
    """What was calibrated, on how many calls."""
    prepared, fits = calibration.prepared, calibration.fits
    given_up = f", {fits.given_up:,} given up" if fits.given_up else ""
    return (
        f"{prepared.target}: {prepared.course.endpoint.model} at {prepared.origin}, {fits.calls:,} calls, "
        f"{fits.answered:,} answered{given_up}"
    )


def figures(calibration: Calibration) -> list[tuple[str, str]]:
    """What else was measured, as (title, value)."""
    fits = calibration.fits
    told = []
    if fits.tokens_per_s is not None:
        told.append(("Tokens a second after the first", ratio_told(fits.tokens_per_s)))
    if len(fits.gaps_s):
        p50, p95 = (float(np.quantile(fits.gaps_s, share)) for share in (0.5, 0.95))
        told.append(
            (
                "Between pieces of an answer",
                f"p50 {p50 * 1000:.3g} ms, p95 {p95 * 1000:.3g} ms, longest {fits.gaps_s[-1] * 1000:.3g} ms; "
                f"{fits.tokens_a_piece or 0:.2g} tokens a piece",
            )
        )
    if fits.input_factor is not None:
        told.append(("Input tokens to one of the estimate", ratio_told(fits.input_factor)))
    for kind, limit in fits.limits.items():
        if limit.limit is not None:
            left = "" if limit.remaining is None else f", {limit.remaining:,} left at the end"
            told.append((f"Limit on {kind}", f"{limit.limit:,}{left}"))
    for each in fits.errors:
        low, high = (f"{100 * bound:.3g} %" for bound in each.interval)
        told.append((f"Failed: {each.kind}", f"{each.count:,} of {each.calls:,} (95 %: {low} to {high})"))
    if not fits.errors:
        told.append(("Failed", f"none of {fits.calls:,}"))
    told.append(
        (
            "Cost",
            f"{money(calibration.measurement.cost_pico)}, cap {money(calibration.prepared.course.cap_pico)}",
        )
    )
    return told


def cells(row: Row) -> tuple[str, str, str, str]:
    """A percentile as the cells of a table: its name, measured, interval, fitted."""
    return f"p{100 * row.share:.0f}", number(row.measured), interval_told(row), number(row.fitted)


def fit_told(quantity: Quantity) -> str:
    """What fits a quantity, and how well."""
    fitted = quantity.fitted
    if quantity.by_profile:
        return "fitted is what the profile makes of it: first token, then the other tokens"
    fit = fitted.fit
    if fit is None:
        return "not fitted: too few values were seen to their end"
    told = (
        f"lognormal: median {number(fit.median)} (95 %: {number(fit.median_95[0])} to {number(fit.median_95[1])}), "
        f"sigma {fit.sigma:.2f} ({fit.sigma_95[0]:.2f} to {fit.sigma_95[1]:.2f})"
    )
    beyond = len(fitted.sample.at_least)
    if beyond:
        told += f"; {beyond:,} of {fitted.sample.count:,} known only to be at least so large"
    good = fitted.goodness
    if good is None:
        return f"{told}; all values are the same"
    return f"{told}; Kolmogorov-Smirnov distance {good.distance:.2f}, by chance alone in {100 * good.chance:.0f} %"


def interval_told(row: Row) -> str:
    """The interval of a measured percentile; open on a side where too few calls bound it."""
    if row.low is None and row.high is None:
        return "–"
    low = "…" if row.low is None else number(row.low)
    return f"{low} to {'…' if row.high is None else number(row.high)}"


def ratio_told(ratio: Ratio) -> str:
    """A ratio, its interval, and how it spreads."""
    if ratio.interval is None:
        return number(ratio.value)
    low, high = ratio.interval
    return (
        f"{number(ratio.value)} (95 %: {number(low)} to {number(high)}); "
        f"from call to call p10 {number(ratio.p10)}, p90 {number(ratio.p90)}"
    )


def number(value: float | None) -> str:
    """A value with three digits; a dash where there is none."""
    return "–" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def money(pico: int) -> str:
    """An amount given in picodollars."""
    return usd(pico / PICO_PER_USD)
