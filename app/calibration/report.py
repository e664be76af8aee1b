"""A calibration as values to be shown: quantities with measured and fitted percentiles side by side, and all of it as JSON.

`words` says them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.calibration.calibration import Calibration
from app.calibration.doubts import doubts
from app.calibration.empirical import quantile, quantile_95
from app.calibration.fitting import Fitted, Ratio
from app.calibration.saving import found, settings
from app.providers.prices import PICO_PER_USD

SHARES = (0.1, 0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Row:
    """A percentile: measured with its 95 % interval (None where too few calls say), and fitted (None without a fit)."""

    share: float
    measured: float | None
    low: float | None
    high: float | None
    fitted: float | None


@dataclass(frozen=True)
class Quantity:
    """A quantity with a `title` and `unit`. `by_profile` tells that it is not fitted by itself: what stands beside it
    follows from the fits of the others."""

    key: str
    title: str
    unit: str
    fitted: Fitted
    by_profile: bool
    rows: tuple[Row, ...]


def quantities(calibration: Calibration) -> list[Quantity]:
    """Time to the first token, tokens of an answer, time to the end of an answer."""
    fits = calibration.fits
    return [
        _quantity("first_token_s", "First token", "s", fits.first_token),
        _quantity("output_tokens", "Answer", "tokens", fits.output),
        _whole(calibration),
    ]


def as_json(calibration: Calibration) -> dict[str, Any]:
    """All of it as plain values; every number is finite."""
    prepared, fits, course = calibration.prepared, calibration.fits, calibration.prepared.course
    return {
        "scenario": prepared.order.file.name,
        "target": prepared.target,
        "origin": prepared.origin,
        "api": course.endpoint.api,
        "model": course.endpoint.model,
        "date": calibration.on.isoformat(),
        "calls": {
            "planned": len(course.questions),
            "made": fits.calls,
            "answered": fits.answered,
            "given_up": fits.given_up,
            "without_usage": fits.estimated,
        },
        "ended_early": calibration.measurement.ended_early or None,
        "concurrency": course.concurrency,
        "patience_s": course.patience_s,
        "max_tokens": course.max_tokens,
        "cost_usd": calibration.measurement.cost_pico / PICO_PER_USD,
        "cap_usd": course.cap_pico / PICO_PER_USD,
        "estimate_usd": prepared.estimate_pico / PICO_PER_USD,
        **{each.key: _fitted_json(each) for each in quantities(calibration)},
        "tokens_per_s": _ratio_json(fits.tokens_per_s),
        "piece_gap_s": {
            f"p{100 * share:.0f}": float(np.quantile(fits.gaps_s, share)) if len(fits.gaps_s) else None
            for share in (0.5, 0.9, 0.95, 0.99)
        },
        "tokens_per_piece": fits.tokens_a_piece,
        "input_tokens_per_estimated": _ratio_json(fits.input_factor),
        "limits": {
            kind: {"limit": limit.limit, "remaining": limit.remaining} for kind, limit in fits.limits.items()
        },
        "errors": {each.kind: {"count": each.count, "rate_95": list(each.interval)} for each in fits.errors},
        "settings": {each.path: each.value for each in found(calibration)},
        "assumptions": {
            path.removeprefix("assumptions."): value
            for path, value in settings(calibration)
            if path.startswith("assumptions.")
        },
        "doubts": doubts(calibration),
    }


def _quantity(key: str, title: str, unit: str, fitted: Fitted) -> Quantity:
    rows = [_row(fitted, share) for share in SHARES]
    return Quantity(key, title, unit, fitted, False, tuple(rows))


def _row(fitted: Fitted, share: float) -> Row:
    low, high = quantile_95(fitted.sample, share) if fitted.sample.count else (None, None)
    return Row(
        share,
        quantile(fitted.sample, share),
        low,
        high,
        None if fitted.fit is None else fitted.fit.quantile(share),
    )


def _whole(calibration: Calibration) -> Quantity:
    """The time to the end of an answer, beside what the profile makes of it: it is not fitted by itself, unless answers came
    in one piece."""
    fits = calibration.fits
    key, title = "whole_s", "Whole answer"
    if fits.in_one_piece:
        return _quantity(key, title, "s", fits.whole)
    predicted = fits.predicted_s
    rows = []
    for share in SHARES:
        row = _row(fits.whole, share)
        drawn = float(np.quantile(predicted, share)) if len(predicted) else None
        rows.append(Row(share, row.measured, row.low, row.high, drawn))
    return Quantity(key, title, "s", fits.whole, True, tuple(rows))


def _fitted_json(quantity: Quantity) -> dict[str, Any]:
    fitted = quantity.fitted
    fit, good = (None, None) if quantity.by_profile else (fitted.fit, fitted.goodness)
    return {
        "median": None if fit is None else fit.median,
        "median_95": None if fit is None else list(fit.median_95),
        "sigma": None if fit is None else fit.sigma,
        "sigma_95": None if fit is None else list(fit.sigma_95),
        "ks_distance": None if good is None else good.distance,
        "ks_chance": None if good is None else good.chance,
        "values": len(fitted.sample.values),
        "censored": len(fitted.sample.at_least),
        "quantiles": {
            f"p{100 * row.share:.0f}": {
                "measured": row.measured,
                "low": row.low,
                "high": row.high,
                "fitted": row.fitted,
            }
            for row in quantity.rows
        },
    }


def _ratio_json(ratio: Ratio | None) -> dict[str, Any] | None:
    if ratio is None:
        return None
    return {
        "value": ratio.value,
        "interval_95": None if ratio.interval is None else list(ratio.interval),
        "calls": ratio.calls,
    }
