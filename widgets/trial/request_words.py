"""How a request's times, errors and reasons are said to people, in the table and in the detail. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.faults.kind_words import KIND_WORDS

_MICRO: Final = 1_000_000

ERRORS: Final[dict[str, str]] = {
    "rate_limited": "too many requests for its limits",
    "insufficient_quota": "the account has no money left",
    "server_error": "the provider had an error",
    "overloaded": "the provider is overloaded or out",
    "context_length_exceeded": "the prompt is too long for the model",
    "request_too_large": "larger than its limits ever allow",
    "timeout": "no answer in time",
    "connection_lost": "the connection was lost",
    "connection_refused": "nobody answered at the provider's address",
    "dns_failure": "the provider's name could not be found",
    "tls_failure": "no secure connection could be made",
    "unauthorized": "the provider did not accept the key",
    "forbidden": "the account may not use the model",
    "content_policy": "the provider would not process the prompt",
    "rejected": "the provider refused the request",
    "unreadable_answer": "the answer could not be read",
    "bad_answer": "the answer did not pass its check",
    "breaker_open": "calls were held back by an open breaker",
    "deadline_exceeded": "the time for the request was up",
    "budget_exceeded": "the spend limit was reached",
    "budget_exceeded_cheaper": "the spend limit for this model was reached",
    "budget_exceeded_canned": "the spend limit was reached",
    "minute_budget_exceeded": "the spend limit for a minute was reached",
    "minute_budget_exceeded_cheaper": "the spend limit of a minute for this model was reached",
    "minute_budget_exceeded_canned": "the spend limit for a minute was reached",
    "request_budget_exceeded": "the spend limit for a request was reached",
    "request_budget_exceeded_cheaper": "the spend limit of a request for this model was reached",
    "request_budget_exceeded_canned": "the spend limit for a request was reached",
    "throttled": "calls were held back because the provider turned many away",
    "own_rate_limit": "the own rate limit had no room in time",
    "queue_full": "too many were waiting for a call",
    "queue_wait": "it waited too long for its turn to call",
    "cancelled": "another call answered first",
    "prompt_error": "the prompt could not be made from the row",
    "run_ended": "the run ended first",
    "spend_cap": "the cap on what real calls may cost was reached",
    "broken_off": "the answer broke off when it had begun to reach the customer",
}
"""What each name in `app.safeguards.errors` means."""

SERVERS: Final[dict[str, str]] = {
    "primary": "the primary model",
    "hedge": "a second call made to be safe",
    "fallback": "the fallback model",
    "cache": "the cache",
    "canned": "the canned answer",
    "human": "a person",
    "nobody": "nobody",
}
"""Who answered, by served_by."""

_STAND_INS: Final = {
    "fallback": "The fallback model was asked",
    "canned": "The canned answer stood in",
    "hand-off": "A person took it",
    "shared": "It waited for a request that asked the same, and shared its failure",
}
_SENTENCES: Final = {
    "retry budget empty": "It was not tried again: the retry budget was empty",
    "shed: the queue is too old": "It was turned away politely: the queue had grown old",
    "hand-off: nobody was free in time": "No person was free in time",
}
_CALLS: Final = {
    "hedge": "asked a second time, the answer being slow",
    "waited for a free place": "waited for its turn",
    "waited for the rate limit": "waited for room in the own rate limit",
}


def fault_names(ids: str, labels: Mapping[str, str]) -> str:
    """What people call the faults of `ids` (separated by commas): by their labels, else by their kind's title."""
    each_id = dict.fromkeys(each for each in ids.split(",") if each)
    return ", ".join(
        labels.get(each) or KIND_WORDS.get(each.removeprefix("card_"), (each,))[0] for each in each_id
    )


def clock(time_us: int) -> str:
    """A time since the run's start: `3:05.2`, `1:02:05.2`."""
    tenths = time_us // (_MICRO // 10)
    minutes, tenths = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    rest = f"{tenths // 10:02d}.{tenths % 10}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def length(seconds: float) -> str:
    """A length of time with three digits or so: `0.43 s`, `12.3 s`, `173 s`."""
    if 0 < seconds < 0.005:
        return "under 0.01 s"
    decimals = 2 if seconds < 10 else 1 if seconds < 100 else 0
    return f"{seconds:,.{decimals}f} s"


def error_words(name: str) -> str:
    """What went wrong, in words."""
    return ERRORS.get(name, name.replace("_", " "))


def reason_words(reason: str) -> str:
    """Why a request was served the way it was, as a sentence; empty where nothing had to be decided."""
    if not reason:
        return ""
    if reason in _SENTENCES:
        return f"{_SENTENCES[reason]}."
    stand_in, colon, name = reason.partition(": ")
    if colon and stand_in in _STAND_INS:
        return f"{_STAND_INS[stand_in]}: {error_words(name)}."
    said = error_words(reason)
    return f"{said[:1].upper()}{said[1:]}."


def call_reason_words(reason: str) -> str:
    """Why a call was made, in words; empty for a first one that did not have to wait."""
    return ", ".join(_call_reason(each) for each in reason.split(", ") if each)


def _call_reason(reason: str) -> str:
    made, colon, name = reason.partition(": ")
    if colon and made in ("retry", "fallback"):
        again = "tried again" if made == "retry" else "asked instead"
        return f"{again}, since {error_words(name)}"
    return _CALLS.get(reason, reason)
