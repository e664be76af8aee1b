"""What the six cards offer: the kinds of fault on each, and what mild, typical and severe mean for each card.

Numbers only (the words are in `kind_words`); `cards` turns them into settings of a scenario. All rates here are assumed:
they are meant to show a weakness within a run of a few minutes, not to forecast anybody's traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Severity = Literal["mild", "typical", "severe"]
SEVERITIES: Final[tuple[Severity, ...]] = ("mild", "typical", "severe")

Faults = Mapping[str, Mapping[str, Any]]
"""By kind: the settings of the card's fault of that kind."""


@dataclass(frozen=True)
class Card:
    """One of the six reasons prototypes fail. `faults(duration_s)` gives the faults of each severity.

    `primary_only` tells that they strike the primary target and no other.
    """

    id: str
    title: str
    reason: str
    kinds: tuple[str, ...] = ()
    faults: Callable[[float], Mapping[Severity, Faults]] | None = None
    primary_only: bool = False


def _rates(**by_severity: Mapping[str, float]) -> Callable[[float], Mapping[Severity, Faults]]:
    made: dict[Severity, Faults] = {
        severity: {kind: {"rate": rate} for kind, rate in by_severity[severity].items()}
        for severity in SEVERITIES
    }
    return lambda _duration_s: made


_ERRORS: Final = _rates(
    mild={"server_error": 0.01, "slow_first_token": 0.02, "malformed_json": 0.01},
    typical={
        "server_error": 0.03,
        "overloaded": 0.03,
        "hang": 0.01,
        "slow_first_token": 0.05,
        "malformed_json": 0.02,
        "truncated": 0.01,
        "empty": 0.01,
        "refusal": 0.01,
    },
    severe={
        "server_error": 0.08,
        "overloaded": 0.08,
        "hang": 0.04,
        "slow_first_token": 0.1,
        "malformed_json": 0.05,
        "truncated": 0.03,
        "empty": 0.02,
        "refusal": 0.03,
    },
)


def _fallback(duration_s: float) -> Mapping[Severity, Faults]:
    """Severe: the primary is also out, for a quarter of every fifth of the run."""
    period_s = _round(duration_s / 5)
    out = {"period_s": period_s, "bad_s": period_s / 4, "phase_s": period_s / 2}
    errors = _ERRORS(duration_s)
    return {**errors, "severe": {**errors["severe"], "outage": out}}


def _cost(duration_s: float) -> Mapping[Severity, Faults]:
    """Severe: now and then the account is empty until somebody pays."""
    broke = {
        "rate": 1.0,
        "mean_between_s": _round(duration_s / 3),
        "mean_duration_s": _round(duration_s / 15),
    }
    return {"mild": {}, "typical": {}, "severe": {"out_of_money": broke}}


def _unwatched(duration_s: float) -> Mapping[Severity, Faults]:
    def limping(between: float, lasts: float, error_share: float, factor: float) -> Faults:
        return {
            "brownout": {
                "mean_between_s": _round(duration_s / between),
                "mean_duration_s": _round(duration_s / lasts),
                "error_share": error_share,
                "factor": factor,
            }
        }

    return {
        "mild": limping(3, 30, 0.2, 3),
        "typical": limping(4, 15, 0.3, 4),
        "severe": limping(6, 10, 0.6, 6),
    }


def _round(seconds: float) -> float:
    return max(0.1, float(f"{seconds:.2g}"))


CARDS: Final[dict[str, Card]] = {
    card.id: card
    for card in (
        Card(
            "real_data",
            "Real data",
            "Nobody tried it on what customers really write.",
            (
                "typos",
                "mixed_formats",
                "missing_field",
                "null_text",
                "mojibake",
                "off_topic",
                "far_too_long",
                "duplicate",
                "empty_field",
                "swapped_columns",
                "stray_characters",
                "html_left_in",
                "shouting",
                "emoji",
                "mixed_language",
                "cut_off",
                "personal_data",
                "prompt_injection",
                "naughty_strings",
            ),
            _rates(
                mild={"typos": 0.05, "mixed_formats": 0.05, "missing_field": 0.01},
                typical={
                    "typos": 0.15,
                    "mixed_formats": 0.1,
                    "missing_field": 0.03,
                    "null_text": 0.03,
                    "mojibake": 0.05,
                    "off_topic": 0.03,
                    "far_too_long": 0.02,
                    "duplicate": 0.03,
                },
                severe={
                    "typos": 0.3,
                    "mixed_formats": 0.2,
                    "missing_field": 0.08,
                    "null_text": 0.08,
                    "mojibake": 0.15,
                    "off_topic": 0.08,
                    "far_too_long": 0.08,
                    "duplicate": 0.1,
                },
            ),
        ),
        Card(
            "load",
            "Load",
            "Nobody put load on it: the provider's limits turn customers away.",
            ("rate_limited", "token_limited", "request_too_large", "load_latency", "capacity_loss"),
            _rates(
                mild={"rate_limited": 0.005},
                typical={"rate_limited": 0.02},
                severe={"rate_limited": 0.08},
            ),
        ),
        Card(
            "fallback",
            "No fallback",
            "Nothing steps in when the model or its provider fails.",
            (
                "server_error",
                "overloaded",
                "hang",
                "outage",
                "slow_first_token",
                "malformed_json",
                "truncated",
                "empty",
                "refusal",
                "connection_refused",
                "dns_failure",
                "tls_failure",
                "connection_reset",
                "empty_response",
                "black_hole",
                "slow_bandwidth",
                "bad_gateway",
                "gateway_timeout",
                "overloaded_529",
                "unauthorized",
                "forbidden",
                "context_length",
                "content_policy",
                "slow_tokens",
                "cut_stream",
                "unfinished_stream",
                "error_in_stream",
                "malformed_chunk",
                "stall",
                "silence",
                "keep_alives",
                "no_usage",
                "content_filter",
                "wrong_schema",
                "prose_around_json",
                "wrong_language",
                "prompt_echo",
                "hallucinated_tool_call",
                "plausible_wrong",
            ),
            _fallback,
            primary_only=True,
        ),
        Card(
            "cost",
            "Cost",
            "Nobody controls what it costs: longer prompts, higher prices.",
            ("out_of_money", "price_rise", "cold_cache", "hits_max_tokens", "repetition_loop"),
            _cost,
        ),
        Card(
            "unwatched",
            "Unwatched",
            "Nobody is watching when the model starts to limp, unannounced.",
            ("brownout", "degradation"),
            _unwatched,
            primary_only=True,
        ),
        Card("overbuilt", "Overbuilt", "It was built out before anyone knew what is needed."),
    )
}
"""The six cards by id, in the order in which they are shown."""

LIMIT_SHARE: Final[dict[Severity, float]] = {"mild": 1.1, "typical": 0.75, "severe": 0.4}
"""The provider's limits as a share of the requests that the scenario offers on average."""
INPUT_FACTOR: Final[dict[Severity, float]] = {"mild": 1.5, "typical": 2.5, "severe": 5.0}
OUTPUT_FACTOR: Final[dict[Severity, float]] = {"mild": 1.0, "typical": 1.5, "severe": 2.0}
PRICE_FACTOR: Final[dict[Severity, float]] = {"mild": 1.25, "typical": 2.0, "severe": 4.0}
