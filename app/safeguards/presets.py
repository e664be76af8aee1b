"""The two presets. The prototype is no straw man: it is what an official SDK does unasked."""

from __future__ import annotations

from app.safeguards.answer_check import AnswerCheck
from app.safeguards.attempt_timeout import AttemptTimeout
from app.safeguards.base import Safeguard
from app.safeguards.breaker import Breaker
from app.safeguards.budget import Budget
from app.safeguards.cache import Cache
from app.safeguards.canned import Canned
from app.safeguards.deadline import Deadline
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from app.safeguards.retry_budget import RetryBudget

PROTOTYPE: tuple[Safeguard, ...] = (
    Retry(max_retries=2, base_s=0.5, cap_s=8, jitter="sdk", max_retry_after_s=120, retry_on="sdk"),
    AttemptTimeout(attempt_s=600, first_token_s=600, between_tokens_s=600),
)

SAFEGUARDED: tuple[Safeguard, ...] = (
    Deadline(total_s=30),
    Cache(),
    Fallback(),
    Retry(max_retry_after_s=1),
    RetryBudget(),
    Breaker(),
    Budget(per_run_usd=100),
    AttemptTimeout(),
    AnswerCheck(),
    Canned(),
)

USUAL_ORDER = (
    "monitoring",
    "deadline",
    "input_check",
    "prompt_trim",
    "cache",
    "load_shedding",
    "fallback",
    "hedge",
    "retry",
    "retry_budget",
    "breaker",
    "budget",
    "adaptive_throttle",
    "rate_limit",
    "concurrency",
    "prompt_cache",
    "attempt_timeout",
    "answer_check",
    "hand_off",
    "canned",
)
"""Where a kind has its place, outermost first, when it is put into a list that lacks it."""

PRESETS = {"prototype": PROTOTYPE, "safeguarded": SAFEGUARDED}
TITLES = {"prototype": "Prototype", "safeguarded": "With safeguards"}
