"""Small scenarios for stability: one target of 20 slots and calls of a second, one variant `bare`, an outage."""

from __future__ import annotations

from app.scenario.files import ScenarioFile
from tests.engine.small import scenario

CONSTANT = 'service = "constant"\nservice_s = 1\n'
LOGNORMAL = 'service = "lognormal"\nservice_s = 1\nservice_sigma = 0.5\n'
EXPONENTIAL = 'service = "exponential"\nservice_s = 1\n'
BUDGET = '[[variants.bare.safeguards]]\nkind = "retry_budget"\nratio = 0.2\nmin_per_s = 1\nmax_tokens = 10\n'
BREAKER = '[[variants.bare.safeguards]]\nkind = "breaker"\nwindow_s = 10\nmin_calls = 10\n'
TIMEOUT_S = 5
OUTAGE = (40, 60)
DURATION_S = 300


def overload(
    rate_per_s: float = 10,
    retries: int = 2,
    *,
    service: str = CONSTANT,
    more: str = "",
    target: str = "",
    on_cancel: str = "finish",
    mode: str = "freeze",
    seed: int = 1,
    arrivals: str = "constant",
) -> ScenarioFile:
    """A client with retries and a timeout of 5 s, a target that stands still from 40 to 60 s."""
    tables = f"""
slots = 20
on_cancel = "{on_cancel}"
{target}
[[faults]]
kind = "outage"
label = "Out"
from_s = {OUTAGE[0]}
to_s = {OUTAGE[1]}
outage_mode = "{mode}"
[[variants.bare.safeguards]]
kind = "retry"
max_retries = {retries}
base_s = 0.2
jitter = "full"
{more}
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = {TIMEOUT_S}
first_token_s = {TIMEOUT_S}
"""
    return scenario(
        tables, seed=seed, duration_s=DURATION_S, arrivals=arrivals, rate_per_s=rate_per_s, primary=service
    )
