"""A calibration as settings of its scenario, each with its source and date. No file is written here."""

from __future__ import annotations

from dataclasses import dataclass

from app.calibration.calibration import Calibration
from app.calibration.fitting import Fits, Ratio
from app.calibration.lognormal import Interval, Lognormal
from app.scenario.files import changed_text

Value = float | int | str


@dataclass(frozen=True)
class Found:
    """A setting as it was measured: a dotted path, its value, and what `[assumptions]` says of it."""

    path: str
    value: Value
    source: str


def found(calibration: Calibration) -> list[Found]:
    """What the calibration sets; nothing where too few calls were answered.

    Lengths of answers belong to the whole scenario, and are set by its first target alone.
    """
    fits = calibration.fits
    if not fits.enough:
        return []
    by = source(calibration)
    table = f"targets.{calibration.prepared.target}"
    made = [Found(f"{table}.{key}", value, f"{by}{more}") for key, value, more in _speeds(fits)]
    if is_primary(calibration):
        made += [Found(f"tokens.{key}", value, f"{by}{more}") for key, value, more in _lengths(fits)]
    for key, kind in (("rpm", "requests"), ("tpm", "tokens")):
        limit = fits.limits.get(kind)
        if limit is not None and limit.limit:
            made.append(Found(f"{table}.{key}", limit.limit, f"{by}; from the headers of its answers"))
    return made


def settings(calibration: Calibration) -> list[tuple[str, Value]]:
    """Everything to set in the scenario, as (dotted path, value): what was found, and what `[assumptions]` says of it and of
    what a calibration cannot tell."""
    made = found(calibration)
    if not made:
        return []
    scenario = calibration.prepared.order.file.scenario
    target = calibration.prepared.target
    service = "lognormal" if calibration.fits.in_one_piece else "tokens"
    result: list[tuple[str, Value]] = []
    if scenario.targets[target].service != service:
        result.append((f"targets.{target}.service", service))
    result += [(each.path, each.value) for each in made]
    result += [(f"assumptions.{each.path}", each.source) for each in made]
    slots = f"targets.{target}.slots"
    if slots not in scenario.assumptions:
        result.append((f"assumptions.{slots}", f"assumed; {not_measured(calibration)}"))
    factor = calibration.fits.input_factor
    if is_primary(calibration) and factor is not None and scenario.tokens.input_tokens is None:
        told = f"estimated from the text; {source(calibration)} found {factor.value:.3g} tokens to one of the estimate"
        result.append(("assumptions.tokens.input_tokens", told))
    return result


def calibrated_text(calibration: Calibration, text: str) -> str:
    """The scenario's text with the target as it was measured, its comments kept."""
    return changed_text(text, settings(calibration))


def source(calibration: Calibration) -> str:
    """Where its numbers are from, and of which day."""
    course, fits = calibration.prepared.course, calibration.fits
    return (
        f"calibrated against {course.endpoint.origin} model {course.endpoint.model}, {fits.calls:,} calls, "
        f"{calibration.on.isoformat()}"
    )


def not_measured(calibration: Calibration) -> str:
    """What the calls cannot tell: how many the provider serves at once."""
    most = calibration.prepared.course.concurrency
    how = "one at a time" if most == 1 else f"at most {most} at a time"
    return f"the calls of the calibration were made {how}, which does not measure capacity"


def is_primary(calibration: Calibration) -> bool:
    """Whether it is the scenario's first target."""
    return calibration.prepared.target == next(iter(calibration.prepared.order.file.scenario.targets))


def _speeds(fits: Fits) -> list[tuple[str, Value, str]]:
    if fits.in_one_piece:
        assert fits.whole.fit is not None
        return _lognormal("service_s", "service_sigma", fits.whole.fit)
    assert fits.first_token.fit is not None
    assert fits.tokens_per_s is not None
    return [
        *_lognormal("first_token_s", "first_token_sigma", fits.first_token.fit),
        ("tokens_per_s", rounded(fits.tokens_per_s.value), _of_ratio(fits.tokens_per_s)),
    ]


def _lengths(fits: Fits) -> list[tuple[str, Value, str]]:
    if fits.output.fit is not None:
        return _lognormal("output_tokens", "output_sigma", fits.output.fit)
    if len(fits.output.sample.at_least):
        bound = f"; answers reached max_tokens ({fits.max_tokens}), and would be longer"
        return [("output_tokens", float(fits.max_tokens), bound), ("output_sigma", 0.0, bound)]
    return []


def _lognormal(median: str, sigma: str, fit: Lognormal) -> list[tuple[str, Value, str]]:
    spread = min(rounded(fit.sigma), 3.0)  # a scenario takes no more
    return [(median, rounded(fit.median), _within(fit.median_95)), (sigma, spread, _within(fit.sigma_95))]


def _of_ratio(ratio: Ratio) -> str:
    return "" if ratio.interval is None else _within(ratio.interval)


def _within(interval: Interval) -> str:
    return f"; 95 % interval {interval[0]:.3g} to {interval[1]:.3g}"


def rounded(value: float) -> float:
    """With four digits, which is more than any calibration knows."""
    return float(f"{value:.4g}")
