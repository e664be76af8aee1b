"""From measured calls to the profile of a target: what fits, how well, and how sure it is. No I/O.

Answered calls and those that were given up (as values that are at least so large) are fitted; calls that failed are counted
and enter no fit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from app.analysis.intervals import wilson
from app.calibration.goodness import Goodness, goodness
from app.calibration.lognormal import Floats, Interval, Lognormal, Sample, fit_lognormal, t_97_5
from app.calibration.measuring import Measured
from app.engine.draws import Draws
from app.providers.wires.limits import RateLimit

LEAST_ANSWERED = 5
"""Fewer answers are fitted nothing to."""
_PREDICTED = 10_000
"""So many answers of the fitted profile are drawn to see how long they take."""


@dataclass(frozen=True)
class Fitted:
    """A quantity of calls, as measured and as fitted. Without a fit there were too few values seen to their end."""

    sample: Sample
    fit: Lognormal | None
    goodness: Goodness | None


@dataclass(frozen=True)
class Ratio:
    """A ratio of sums over calls, with its 95 % interval (None for a single call), and how it spreads from call to call."""

    value: float
    interval: Interval | None
    calls: int
    p10: float
    p90: float


@dataclass(frozen=True)
class ErrorRate:
    """How many of `calls` failed in one way, and the 95 % interval of the rate behind it (Wilson's)."""

    kind: str
    count: int
    calls: int
    interval: Interval


@dataclass(frozen=True)
class Fits:
    """All that was measured of a target.

    first_token     seconds to the first token
    output          tokens of an answer, as the provider counts them
    whole           seconds to the end of an answer; its `fit` counts only where answers came `in_one_piece`
    predicted_s     times to the end of an answer by the fitted profile, drawn from it; shape (n,), empty without a profile
    tokens_per_s    after the first token
    gaps_s          seconds between pieces of answers, in order of size
    tokens_a_piece  None where no answer came in pieces
    input_factor    the provider's input tokens to one of the estimate; None where it did not tell
    errors          by kind, the most frequent first
    limits          what the answers' headers told last
    """

    calls: int
    answered: int
    given_up: int
    estimated: int
    max_tokens: int
    first_token: Fitted
    output: Fitted
    whole: Fitted
    predicted_s: Floats
    tokens_per_s: Ratio | None
    gaps_s: Floats
    tokens_a_piece: float | None
    input_factor: Ratio | None
    input_tokens: float
    errors: tuple[ErrorRate, ...]
    limits: Mapping[str, RateLimit]

    @property
    def in_one_piece(self) -> bool:
        """Whether answers came whole, so that there is no rate of tokens."""
        return self.tokens_per_s is None

    @property
    def enough(self) -> bool:
        """Whether there is a profile at all."""
        fitted = self.whole if self.in_one_piece else self.first_token
        return self.answered >= LEAST_ANSWERED and fitted.fit is not None


def fit_calls(calls: Sequence[Measured], max_tokens: int, draws: Draws) -> Fits:
    """What the calls tell; each asked for at most `max_tokens`. What chance is needed for is keyed."""
    answered = [call for call in calls if call.answered]
    followed = [call for call in calls if call.answered or call.given_up]
    first_token = _fitted(_first_tokens(followed), draws, "calibration.first_token")
    output = _fitted(_outputs(followed, max_tokens), draws, "calibration.output")
    whole = _fitted(_wholes(followed), draws, "calibration.whole")
    speed = _speed(answered)
    counted = [call for call in answered if not call.estimated]
    pieces = [call for call in answered if call.piece_gaps_s]
    gaps = np.sort(np.array([gap for call in pieces for gap in call.piece_gaps_s], dtype=np.float64))
    piece_count = sum(len(call.piece_gaps_s) + 1 for call in pieces)
    inputs = [call.input_tokens for call in counted]
    return Fits(
        calls=len(calls),
        answered=len(answered),
        given_up=sum(call.given_up for call in calls),
        estimated=sum(call.estimated for call in answered),
        max_tokens=max_tokens,
        first_token=first_token,
        output=output,
        whole=whole,
        predicted_s=_predicted(first_token.fit, output, speed, max_tokens, draws),
        tokens_per_s=speed,
        gaps_s=gaps,
        tokens_a_piece=sum(call.output_tokens for call in pieces) / piece_count if pieces else None,
        input_factor=_ratio(inputs, [call.asked.tokens for call in counted]),
        input_tokens=float(np.median(inputs)) if inputs else 0.0,
        errors=_errors(calls),
        limits=next((call.limits for call in reversed(calls) if call.limits), {}),
    )


def _first_tokens(followed: Sequence[Measured]) -> Sample:
    seen = [call.first_s for call in followed if call.first_s is not None]
    return _sample(seen, [call.followed_s for call in followed if call.first_s is None and call.given_up])


def _wholes(followed: Sequence[Measured]) -> Sample:
    seen = [call.followed_s for call in followed if call.answered]
    return _sample(seen, [call.followed_s for call in followed if call.given_up])


def _outputs(followed: Sequence[Measured], max_tokens: int) -> Sample:
    """An answer that was cut off at the bound would have been longer, and so would one that was given up."""
    seen, beyond = [], []
    for call in followed:
        cut_off = call.finish == "length" or call.output_tokens >= max_tokens
        if call.answered and not cut_off:
            seen.append(max(1, call.output_tokens))
        elif call.answered:
            beyond.append(max(1, min(call.output_tokens, max_tokens)))
        elif call.first_s is not None:
            beyond.append(max(1, call.output_tokens))
    return _sample(seen, beyond, whole=True)


def _sample(seen: Sequence[float], beyond: Sequence[float], *, whole: bool = False) -> Sample:
    least = 1e-6  # a clock's tick; nothing takes no time
    return Sample(
        np.maximum(np.array(seen, dtype=np.float64), least),
        np.maximum(np.array(beyond, dtype=np.float64), least),
        whole,
    )


def _fitted(sample: Sample, draws: Draws, purpose: str) -> Fitted:
    fit = fit_lognormal(sample) if sample.count >= LEAST_ANSWERED else None
    return Fitted(sample, fit, None if fit is None else goodness(sample, fit, draws, purpose))


def _speed(answered: Sequence[Measured]) -> Ratio | None:
    """Tokens after the first over the time they took: long answers count more, as they take more of the time."""
    streamed = [
        (call.output_tokens - 1, call.followed_s - call.first_s)
        for call in answered
        if call.first_s is not None and call.output_tokens > 1 and call.piece_gaps_s
    ]
    if 2 * len(streamed) <= len(answered):
        return None
    return _ratio([tokens for tokens, _ in streamed], [span_s for _, span_s in streamed])


def _ratio(upper: Sequence[float], lower: Sequence[float]) -> Ratio | None:
    """The ratio of the sums, with the interval by linearisation (W. Cochran, "Sampling Techniques", 1977, section 6.5)."""
    if not lower or sum(lower) <= 0:
        return None
    over, under = np.array(upper, dtype=np.float64), np.array(lower, dtype=np.float64)
    value, n = float(over.sum() / under.sum()), len(under)
    each = over / np.maximum(under, 1e-9)
    interval = None
    if n > 1:
        rest = over - value * under
        stderr = sqrt(n / (n - 1) * float(rest @ rest)) / float(under.sum())
        half = t_97_5(n - 1) * stderr
        interval = max(0.0, value - half), value + half
    return Ratio(value, interval, n, float(np.quantile(each, 0.1)), float(np.quantile(each, 0.9)))


def _errors(calls: Sequence[Measured]) -> tuple[ErrorRate, ...]:
    n = len(calls)
    counts = Counter(call.error for call in calls if call.error and call.error != "run_ended")
    return tuple(ErrorRate(kind, k, n, wilson(k, n)) for kind, k in counts.most_common())


def _predicted(
    first: Lognormal | None, output: Fitted, speed: Ratio | None, max_tokens: int, draws: Draws
) -> Floats:
    """Times to the end of an answer as the simulated provider would draw them (`engine.attempt_plans`)."""
    if first is None or speed is None or not output.sample.count:
        return np.array([], dtype=np.float64)
    sizes = np.full(_PREDICTED, float(max_tokens))
    if output.fit is not None:
        z = draws.normal_block("calibration.predicted.output", None, 0, _PREDICTED)
        drawn = np.rint(output.fit.median * np.exp(output.fit.sigma * z))
        sizes = np.minimum(np.maximum(drawn, 1), max_tokens)
    z = draws.normal_block("calibration.predicted.first_token", None, 0, _PREDICTED)
    first_s = first.median * np.exp(first.sigma * z)
    return np.sort(first_s + (sizes - 1) / speed.value)
