"""What a calibration does not know, or does not fit, in sentences: nobody shall take thirty calls for more than they are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from app.calibration.calibration import Calibration
from app.calibration.empirical import calls_to_bound, quantile_95
from app.calibration.fitting import LEAST_ANSWERED, Fits
from app.calibration.saving import is_primary, not_measured

_UPPER = (0.9, 0.95, 0.99)
_FAR = 0.1
"""What is off by no more than this share is not worth a sentence."""


def doubts(calibration: Calibration) -> list[str]:
    """All doubts, the gravest first."""
    fits = calibration.fits
    told = []
    if calibration.measurement.ended_early:
        planned = len(calibration.prepared.course.questions)
        told.append(
            f"Only {fits.calls:,} of {planned:,} calls were made: {calibration.measurement.ended_early}."
        )
    if not fits.enough:
        told.append(
            f"Nothing can be fitted: {fits.answered:,} calls were answered, and it takes {LEAST_ANSWERED}."
        )
        return told
    return [*told, *_about_fits(fits), *_about_counting(calibration), *_about_limits(calibration)]


def _about_fits(fits: Fits) -> Iterator[str]:
    fitted = {"whole answer": fits.whole} if fits.in_one_piece else {"first token": fits.first_token}
    for title, each in (*fitted.items(), ("tokens of an answer", fits.output)):
        if each.goodness is not None and each.goodness.poor:
            yield (
                f"The {title} may be no lognormal: chance alone is as far off in {100 * each.goodness.chance:.1f} % "
                "of samples. Compare the percentiles."
            )
    if len(fits.predicted_s):
        for share in (0.5, 0.9):
            low, high = quantile_95(fits.whole.sample, share)
            drawn = float(np.quantile(fits.predicted_s, share))
            if (low is not None and drawn < low) or (high is not None and drawn > high):
                yield (
                    f"The profile's p{100 * share:.0f} of whole answers, {drawn:.3g} s, lies outside of what was measured: "
                    "the rate of tokens differs from call to call, or goes with the first token."
                )
    count = fits.whole.sample.count
    unbound = [share for share in _UPPER if calls_to_bound(share) > count]
    if unbound:
        names = ", ".join(f"p{100 * share:.0f}" for share in unbound)
        needed = ", ".join(f"{calls_to_bound(share):,}" for share in unbound)
        yield f"{count:,} calls do not bound {names} from above (it takes {needed}): there the fit is a guess."
    if fits.given_up:
        yield f"{fits.given_up:,} calls were given up; they count as at least as slow as that, and are not left out."
    if fits.in_one_piece:
        yield "Answers came in one piece, so that there is no rate of tokens: the whole time is fitted."


def _about_counting(calibration: Calibration) -> Iterator[str]:
    fits, asked = calibration.fits, calibration.prepared.course.questions
    if fits.estimated:
        yield (
            f"{fits.estimated:,} answers came without token counts: theirs are estimated, as are their costs and all that "
            "rests on them."
        )
    if fits.output.fit is None and len(fits.output.sample.at_least):
        yield f"Answers were cut off at max_tokens ({fits.max_tokens:,}): how long they would be is not known."
    factor, given = fits.input_factor, calibration.prepared.order.file.scenario.tokens.input_tokens
    if factor is not None and given is None and abs(factor.value - 1) > _FAR:
        way = "low" if factor.value > 1 else "high"
        yield (
            f"The provider counts {factor.value:.2f} input tokens to one of the estimate: where a simulated run estimates "
            f"them, prompts cost too {way}. tokens.input_tokens = {fits.input_tokens:.0f} would be the median."
        )
    if given is not None and fits.input_tokens and abs(given / fits.input_tokens - 1) > _FAR:
        yield (
            f"The scenario has prompts of {given:g} tokens at the median, and those asked had {fits.input_tokens:.0f}: "
            "how long prompts are stays as the scenario has it."
        )
    if len({(each.prompt, each.row) for each in asked}) < len(asked):
        yield "There are fewer questions than calls, so some were asked again: a provider may keep those, and be quicker."
    if not is_primary(calibration):
        yield "The lengths of answers are the whole scenario's, and stay as they are: this is not its first target."


def _about_limits(calibration: Calibration) -> Iterator[str]:
    limits = calibration.fits.limits
    if any(limits[kind].limit for kind in ("requests", "tokens") if kind in limits):
        yield "The headers do not say for how long a limit holds; it is taken to be a minute."
    if "tokens" not in limits and "input-tokens" in limits:
        yield "The provider limits input and output tokens apart, which no simulated target does: tpm stays as it is."
    opened, answered = calibration.prepared.course.concurrency, calibration.fits.answered
    if opened > _FAR * answered:
        yield f"{opened:,} of the calls opened a connection, which is in their times; a client in production seldom does."
    told = not_measured(calibration)
    yield f"{told[0].upper()}{told[1:]}: slots stays as it is, assumed."
