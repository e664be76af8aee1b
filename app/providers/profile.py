"""What a simulated target is like: its speed, its capacity, its limits, its price, and how often it is right.

Every number here is an assumption about somebody's service; the scenario's `[assumptions]` say where each comes from.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.providers.address import Address
from app.providers.prices import Price, Tariff, price_for
from app.providers.quota import Limits
from app.scenario.base import Settings
from app.scenario.numbers import (
    LEAST_S,
    Count,
    Duration,
    MedianTokens,
    Number,
    PerMinute,
    Seconds,
    Share,
    Sigma,
    TokenCount,
)

QUALITY_BY_MESS = {
    "null_text": 0.2,
    "mojibake": 0.9,
    "typos": 0.95,
    "far_too_long": 0.75,
    "mixed_formats": 0.85,
    "off_topic": 0.4,
    "empty_field": 0.2,
    "swapped_columns": 0.8,
    "stray_characters": 0.97,
    "html_left_in": 0.95,
    "shouting": 0.98,
    "emoji": 0.98,
    "mixed_language": 0.9,
    "cut_off": 0.6,
    "personal_data": 0.97,
    "prompt_injection": 0.7,
    "naughty_strings": 0.3,
}
"""How much of a model's quality is left when a question comes in a mess. Assumed; nobody has measured your model."""

_ServiceTime = Annotated[Number, Field(ge=LEAST_S, lt=86_400)]


class Tokens(Settings):
    """How long prompts and answers are, in tokens: lognormal, given by median and sigma of the logarithm."""

    input_tokens: MedianTokens | None = None
    """Median of the whole prompt; when left out, the rendered prompt is estimated."""
    input_sigma: Sigma = 0
    output_tokens: MedianTokens = 150
    output_sigma: Sigma = 0.4
    max_tokens: TokenCount = 300
    """The bound asked for in each call; the model is assumed to keep within it by being brief."""


class Target(Settings):
    """One target: a model at a provider."""

    model: str = ""
    """Name of the model; without `price`, its published price is looked up by it."""
    price: Price | None = None
    price_as_of: date | None = None
    """The day whose published price counts; today's, when left out."""
    endpoint: Address | None = None
    """Where real calls to it go, as `model`; a simulated run makes none."""

    service: Literal["tokens", "lognormal", "exponential", "constant", "trace"] = "tokens"
    """tokens: first token, then `tokens_per_s`; the others draw the whole service time from `service_s`."""
    first_token_s: Duration = 0.6
    first_token_sigma: Sigma = 0.45
    tokens_per_s: Number = Field(default=70, ge=0.001, le=1e9)
    service_s: Duration = 1
    """Median (lognormal), mean (exponential) or value (constant) of the service time."""
    service_sigma: Sigma = 0.5
    trace_s: list[_ServiceTime] = Field(default_factory=list, max_length=100_000)
    """Service times to draw from, each as likely (trace)."""
    slowdown: Number = Field(default=0, ge=0, le=1000)
    """Service takes (1 + slowdown * busy share of the slots) times longer; fixed when service starts."""

    slots: Count = 1000
    """Calls served at once; the others queue, first in, first out."""
    on_cancel: Literal["stop", "finish"] = "stop"
    """What the server does with a call whose client has left: stop at once, or finish and bill it."""
    drop_expired: bool = False
    """Whether queued calls whose client has left are dropped, when `on_cancel` is finish."""
    context_tokens: TokenCount = 128_000

    rpm: PerMinute | None = None
    tpm: PerMinute | None = None
    """Requests and tokens per minute. A call reserves its prompt and `max_tokens`, and gives back what it did not use."""
    max_concurrency: Count | None = None
    """Calls at once, those that queue included; one more is turned away with a 429 that tells no time."""
    quota_burst_s: Number = Field(default=10, gt=0, le=86_400)
    """The quota's buckets hold this many seconds' worth."""
    rejected_use_quota: bool = False
    """Whether a call turned away by a limit uses quota."""
    limit_reply_s: Seconds = 0.05

    quality: Share = 0.97
    """Share of right answers to clean questions."""
    quality_by_mess: dict[str, Share] = Field(default_factory=lambda: dict(QUALITY_BY_MESS))
    """Factor on `quality` for each kind of mess in the question; several multiply."""
    quality_when_trimmed: Share = 0.9
    """Factor on `quality` where a safeguard has left out a part of the question. Assumed."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.service == "trace" and not self.trace_s:
            raise ValueError("service = 'trace' needs 'trace_s'")
        if self.price is None and not self.model:
            raise ValueError("give a 'price', or the 'model' whose published price is to be used")
        return self

    def limits(self) -> Limits:
        """What its provider lets through."""
        return Limits(self.rpm, self.tpm, self.quota_burst_s, self.max_concurrency)

    @property
    def at_once(self) -> int:
        """How many calls it serves at once, with what its limits let in."""
        return min(self.slots, self.slots if self.max_concurrency is None else self.max_concurrency)

    def tariff(self) -> Tariff:
        """What its calls cost. Raises UserError where no price is known for the model."""
        return price_for(self.model, on=self.price_as_of) if self.price is None else self.price.tariff()
