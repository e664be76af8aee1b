"""What the faults that struck a call make of its plan: other times, another size, another price. Pure arithmetic."""

from __future__ import annotations

from functools import lru_cache

from app.engine.attempt_plans import MICRO, AttemptPlan
from app.faults.base import Injection
from app.providers.prices import Tariff

_MINUTE_US = 60 * MICRO

dearer = lru_cache(maxsize=64)(Tariff.times)
"""A tariff, so many times as dear."""


def altered(
    plan: AttemptPlan, injection: Injection, *, input_tokens: int, max_tokens: int, now: int, load: float
) -> AttemptPlan:
    """The plan under an injection, for a call that comes at `now` (µs) when there are `load` calls per slot."""
    first_us, service_us, output, luck, hits = plan
    if injection.answer is not None:
        kept = max_tokens if injection.to_the_limit else max(1, round(output * injection.keep_fraction))
        service_us = first_us + (service_us - first_us) * kept // output
        output = kept
    slower = slowness(injection, now, load)
    span_us = round((service_us - first_us) * (injection.token_factor * slower))
    first_us = round(first_us * (injection.first_token_factor * slower))
    first_us += round(input_tokens * injection.prompt_s_per_token * MICRO)
    span_us = max(span_us, round(output * injection.answer_s_per_token * MICRO))
    return first_us, first_us + span_us, output, luck, hits


def slowness(injection: Injection, now: int, load: float) -> float:
    """The factor on all times that the hour (`now`, µs) and the load (calls per slot) make."""
    slower = 1.0 + injection.load_slope * load
    if injection.ageing is not None:
        from_us, per_minute, most = injection.ageing
        slower *= min(most, 1.0 + per_minute * max(0, now - from_us) / _MINUTE_US)
    return slower
