"""What a call costs: prices assumed by the user or taken from the list of genai-prices, as exact integers.

It turns tokens into picodollars (1 USD = 10**12). It is not about what is billed (cancelled calls, hedges),
which is the provider's to say, and not about counting tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, NamedTuple

from pydantic import AfterValidator, Field

from app.errors import UserError
from app.scenario.base import Settings
from app.scenario.numbers import Number

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

PICO_PER_USD = 10**12
ASSUMED_READ_FACTOR = 0.1
ASSUMED_WRITE_FACTOR = 1.25
"""What a provider's prompt cache asks for a token, as shares of the input price, where no price is listed. Assumed, after
Anthropic's prices for prompts kept for five minutes, August 2025."""
_PICO_PER_USD_PER_MILLION = PICO_PER_USD // 1_000_000
_ADVICE = "Write input_usd_per_million_tokens and output_usd_per_million_tokens for it instead."


class Band(NamedTuple):
    """The prices of all tokens of a call that has more than `above_input_tokens` input tokens."""

    above_input_tokens: int
    input_pico: int
    """Per input token."""
    output_pico: int
    """Per output token."""
    call_pico: int = 0
    """Per call, whatever its length."""
    read_pico: int | None = None
    """Per input token that the provider's prompt cache holds; None where no price is known."""
    write_pico: int | None = None
    """Per input token that is written to the provider's prompt cache; None where no price is known."""


@dataclass(frozen=True)
class Tariff:
    """What a model costs. `bands` rise by `above_input_tokens` and the first starts at 0.

    `flat` tells that `input_pico` and `output_pico`, picodollars per token, are all there is to it; else they
    are those of the first band, and only `cost_pico` knows what a call costs.
    """

    bands: tuple[Band, ...]
    source: str
    """Where the price is from, or "assumed"."""
    as_of: date | None
    """The day the price holds for, where known."""
    input_pico: int = field(init=False)
    output_pico: int = field(init=False)
    flat: bool = field(init=False)

    def __post_init__(self) -> None:
        first = self.bands[0]
        object.__setattr__(self, "input_pico", first.input_pico)
        object.__setattr__(self, "output_pico", first.output_pico)
        object.__setattr__(self, "flat", len(self.bands) == 1 and first.call_pico == 0)

    def cost_pico(self, input_tokens: int, output_tokens: int) -> int:
        """The price of one call in picodollars. Past a threshold all its tokens cost more, output too."""
        if self.flat:
            return input_tokens * self.input_pico + output_tokens * self.output_pico
        band = self.band(input_tokens)
        return input_tokens * band.input_pico + output_tokens * band.output_pico + band.call_pico

    def band(self, input_tokens: int) -> Band:
        """The prices of a call with so many input tokens."""
        band = self.bands[0]
        for higher in self.bands[1:]:
            if input_tokens <= higher.above_input_tokens:
                break
            band = higher
        return band

    def at_most(self, read_factor: float | None, write_factor: float | None) -> AtMost:
        """What a call costs at the most if the provider keeps beginnings of prompts at these shares of the input price;
        where they are None, at the listed ones."""
        return AtMost(self, read_factor, write_factor)

    def times(self, factor: float) -> Tariff:
        """The tariff at so many times the price, to the nearest picodollar per token."""
        bands = tuple(
            Band(
                band.above_input_tokens,
                round(band.input_pico * factor),
                round(band.output_pico * factor),
                round(band.call_pico * factor),
                None if band.read_pico is None else round(band.read_pico * factor),
                None if band.write_pico is None else round(band.write_pico * factor),
            )
            for band in self.bands
        )
        return Tariff(bands, self.source, self.as_of)


@dataclass(frozen=True)
class WithPrefix:
    """A tariff that bills the first `prefix_tokens` of a prompt as the provider's prompt cache has them: read if they are
    `warm`, else written. `factor` is their share of the input price; when None, it is as `tariff` has it, or assumed.
    """

    tariff: Tariff
    prefix_tokens: int
    warm: bool
    factor: float | None

    def cost_pico(self, input_tokens: int, output_tokens: int) -> int:
        """The price of one call in picodollars."""
        band = self.tariff.band(input_tokens)
        extra_pico = _cached_pico(band, self.warm, self.factor) - band.input_pico
        prefix_tokens = min(self.prefix_tokens, input_tokens)
        return self.tariff.cost_pico(input_tokens, output_tokens) + prefix_tokens * extra_pico


@dataclass(frozen=True)
class AtMost:
    """The most that a prompt cache can make of a call: all of its prompt is billed at the dearest of the prices that any
    part of it may have."""

    tariff: Tariff
    read_factor: float | None
    write_factor: float | None

    def cost_pico(self, input_tokens: int, output_tokens: int) -> int:
        """An upper bound on the price of one call in picodollars."""
        band = self.tariff.band(input_tokens)
        read_pico = _cached_pico(band, True, self.read_factor)
        write_pico = _cached_pico(band, False, self.write_factor)
        extra_pico = max(band.input_pico, read_pico, write_pico) - band.input_pico
        return self.tariff.cost_pico(input_tokens, output_tokens) + input_tokens * extra_pico

    def at_most(self, read_factor: float | None, write_factor: float | None) -> AtMost:
        """The same bound with other factors."""
        return AtMost(self.tariff, read_factor, write_factor)


def _cached_pico(band: Band, warm: bool, factor: float | None) -> int:
    """The price of a token that is read from the prompt cache or written to it, in picodollars."""
    listed = band.read_pico if warm else band.write_pico
    if factor is None and listed is not None:
        return listed
    if factor is None:
        factor = ASSUMED_READ_FACTOR if warm else ASSUMED_WRITE_FACTOR
    return round(band.input_pico * factor)


def _whole_pico(usd_per_million_tokens: float) -> float:
    # The shortest decimal that reads as this float is what the user wrote: 0.15, not 0.1499999999999999944
    if Decimal(repr(usd_per_million_tokens)) * _PICO_PER_USD_PER_MILLION % 1:
        raise ValueError("a price per million tokens has at most six decimals, so that money stays exact")
    return usd_per_million_tokens


UsdPerMillionTokens = Annotated[Number, Field(ge=0, le=1_000_000), AfterValidator(_whole_pico)]


class Price(Settings):
    """A model's price as a scenario spells it out."""

    input_usd_per_million_tokens: UsdPerMillionTokens
    """US dollars for a million input tokens."""
    output_usd_per_million_tokens: UsdPerMillionTokens
    """US dollars for a million output tokens."""
    source: str = Field(default="assumed", min_length=1)
    """Where the price is from, or "assumed"."""
    as_of: date | None = None
    """The day on which the source said so."""

    def tariff(self) -> Tariff:
        """The same price in picodollars per token."""
        input_pico = _pico(Decimal(repr(self.input_usd_per_million_tokens)))
        output_pico = _pico(Decimal(repr(self.output_usd_per_million_tokens)))
        return Tariff((Band(0, input_pico, output_pico),), self.source, self.as_of)


def price_for(model: str, provider: str | None = None, *, on: date | None = None) -> Tariff:
    """The listed price of a model on a day (today by default), at noon UTC where it varies over the day.

    The list is the one that comes with genai-prices; nothing is downloaded. Lists and prices change: a run
    that has to be repeated to the bit keeps the tariff it got. Raises UserError for a model or provider that
    is not listed, or is without a price per input and output token: an unknown price is never 0.
    """
    return _listed(model, provider, on or datetime.now(UTC).date())


@lru_cache(maxsize=1024)
def _listed(model: str, provider: str | None, on: date) -> Tariff:
    # Imported here because it takes 0.7 s and most scenarios spell their prices out.
    from genai_prices import Usage, __version__, calc_price

    try:
        # No usage: what is wanted are the rates. Pricing each call there would manage about 4,000 a second.
        found = calc_price(
            Usage(input_tokens=0, output_tokens=0),
            model,
            provider_id=provider,
            genai_request_timestamp=datetime.combine(on, time(12), UTC),
        )
    except LookupError:
        raise _unknown(model, provider) from None
    prices = found.model_price
    listed_name = f"{found.provider.id}/{found.model.id}"
    # Speech, image and embedding models are listed by other units; half the price of a call would mislead.
    if prices.input_mtok is None or prices.output_mtok is None:
        raise UserError(
            f"no price known for {model!r} per input and output token",
            where=f"genai-prices {__version__}, {listed_name}",
            do=_ADVICE,
        )
    tables = prices.input_mtok, prices.output_mtok, prices.requests_kcount or Decimal(0)
    cached = (prices.cache_read_mtok or Decimal(0), prices.cache_write_mtok or Decimal(0))
    starts = {0}.union(*(_starts(table) for table in (*tables, *cached)))
    bands = tuple(
        Band(
            start,
            _pico(_at(prices.input_mtok, start)),
            _pico(_at(prices.output_mtok, start)),
            # Listed per 1,000 calls; 1 USD per 1,000 is 10**9 picodollars each, as against 10**6 per million.
            _pico(_at(tables[2], start) * 1000),
            *_cached(prices, start),
        )
        for start in sorted(starts)
    )
    return Tariff(bands, f"genai-prices {__version__}: {listed_name}", on)


def _cached(prices: ModelPrice, start: int) -> tuple[int, int]:
    """The prices of a token read from the prompt cache and of one written to it: where none is listed, it is billed as any
    other."""
    input_pico = _pico(_at(prices.input_mtok or Decimal(0), start))
    read, write = prices.cache_read_mtok, prices.cache_write_mtok
    return (
        input_pico if read is None else _pico(_at(read, start)),
        input_pico if write is None else _pico(_at(write, start)),
    )


def _starts(price: Decimal | TieredPrices) -> set[int]:
    return set() if isinstance(price, Decimal) else {tier.start for tier in price.tiers}


def _at(price: Decimal | TieredPrices, start: int) -> Decimal:
    """The price of calls just above `start` input tokens; tiers are listed in rising order."""
    if isinstance(price, Decimal):
        return price
    reached = price.base
    for tier in price.tiers:
        if tier.start <= start:
            reached = tier.price
    return reached


def _pico(usd_per_million_tokens: Decimal) -> int:
    """Picodollars per token, to the nearest: a few listed prices carry binary noise (1.0399999999999998)."""
    return round(usd_per_million_tokens * _PICO_PER_USD_PER_MILLION)


def _unknown(model: str, provider: str | None) -> UserError:
    """Says which names come near, or that only the provider has to be named too."""
    from genai_prices.data_snapshot import find_provider_by_id, get_snapshot

    listed = get_snapshot().providers
    if provider is not None:
        known = find_provider_by_id(listed, provider)
        if known is None:
            ids = [each.id for each in listed]
            near = ", ".join(get_close_matches(provider.lower(), ids, n=3) or ids)
            what = f"no price known for {model!r}: there is no price list of a provider {provider!r}"
            return UserError(what, do=f"Provider names: {near}. {_ADVICE}")
        listed = [known]
    of_provider = "" if provider is None else f" at {provider!r}"
    what = f"no price known for {model!r}{of_provider}"
    sellers = [each.id for each in listed if each.find_model(model) is not None]
    if sellers:
        return UserError(f"{what} without its provider", do=f"Name one that sells it: {', '.join(sellers)}.")
    names = {each.id.lower(): each.id for seller in listed for each in seller.models}
    near = ", ".join(names[name] for name in get_close_matches(model.lower(), names, n=3))
    return UserError(what, do=f"Did you mean {near}? {_ADVICE}" if near else _ADVICE)
