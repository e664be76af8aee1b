"""What a simulated target is like: its speed, its capacity, its limits, its price, and how often it is right.

Every number here is an assumption about somebody's service; the scenario's `[assumptions]` say where each comes from.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from app.providers.address import Address
from app.providers.prices import Price, Tariff, price_for
from app.providers.quota import Limits
from app.scenario.base import Settings

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


class Tokens(Settings):
    """How long prompts and answers are, in tokens: lognormal, given by median and sigma of the logarithm."""

    input_tokens: float | None = Field(default=None, gt=0)
    """Median of the whole prompt; when left out, the rendered prompt is estimated."""
    input_sigma: float = Field(default=0, ge=0, le=3)
    output_tokens: float = Field(default=150, gt=0)
    output_sigma: float = Field(default=0.4, ge=0, le=3)
    max_tokens: int = Field(default=300, ge=1)
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
    first_token_s: float = Field(default=0.6, gt=0)
    first_token_sigma: float = Field(default=0.45, ge=0, le=3)
    tokens_per_s: float = Field(default=70, gt=0)
    service_s: float = Field(default=1, gt=0)
    """Median (lognormal), mean (exponential) or value (constant) of the service time."""
    service_sigma: float = Field(default=0.5, ge=0, le=3)
    trace_s: list[float] = Field(default_factory=list)
    """Service times to draw from, each as likely (trace)."""
    slowdown: float = Field(default=0, ge=0)
    """Service takes (1 + slowdown * busy share of the slots) times longer; fixed when service starts."""

    slots: int = Field(default=1000, ge=1)
    """Calls served at once; the others queue, first in, first out."""
    on_cancel: Literal["stop", "finish"] = "stop"
    """What the server does with a call whose client has left: stop at once, or finish and bill it."""
    drop_expired: bool = False
    """Whether queued calls whose client has left are dropped, when `on_cancel` is finish."""
    context_tokens: int = Field(default=128_000, ge=1)

    rpm: float | None = Field(default=None, gt=0)
    tpm: float | None = Field(default=None, gt=0)
    """Requests and tokens per minute. A call reserves its prompt and `max_tokens`, and gives back what it did not use."""
    quota_burst_s: float = Field(default=10, gt=0, le=86_400)
    """The quota's buckets hold this many seconds' worth."""
    rejected_use_quota: bool = False
    """Whether a call turned away by a limit uses quota."""
    limit_reply_s: float = Field(default=0.05, ge=0)

    quality: float = Field(default=0.97, ge=0, le=1)
    """Share of right answers to clean questions."""
    quality_by_mess: dict[str, float] = Field(default_factory=lambda: dict(QUALITY_BY_MESS))
    """Factor on `quality` for each kind of mess in the question; several multiply."""
    quality_when_trimmed: float = Field(default=0.9, ge=0, le=1)
    """Factor on `quality` where a safeguard has left out a part of the question. Assumed."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.service == "trace" and not self.trace_s:
            raise ValueError("service = 'trace' needs 'trace_s'")
        if any(not 0 < seconds < 86_400 for seconds in self.trace_s):
            raise ValueError("'trace_s' must hold times above 0 and below a day")
        if any(not 0 <= factor <= 1 for factor in self.quality_by_mess.values()):
            raise ValueError("'quality_by_mess' must hold factors from 0 to 1")
        if self.price is None and not self.model:
            raise ValueError("give a 'price', or the 'model' whose published price is to be used")
        return self

    def limits(self) -> Limits:
        """What its provider lets through."""
        return Limits(self.rpm, self.tpm, self.quota_burst_s)

    def tariff(self) -> Tariff:
        """What its calls cost. Raises UserError where no price is known for the model."""
        return price_for(self.model, on=self.price_as_of) if self.price is None else self.price.tariff()
