"""Prices: exact integers, the list's own numbers, and no price rather than a price of 0."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time

import pytest
from genai_prices import Usage, calc_price
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.errors import UserError
from app.providers.prices import PICO_PER_USD, Band, Price, Tariff, price_for

DAY = date(2026, 9, 1)
TIERED = Tariff((Band(0, 3, 10), Band(200_000, 6, 15), Band(1_000_000, 7, 20)), "assumed", None)
tokens = st.integers(0, 2_000_000)


def test_a_written_price_is_exact_to_the_picodollar() -> None:
    tariff = Price(input_usd_per_million_tokens=0.15, output_usd_per_million_tokens=0.6).tariff()
    assert (tariff.input_pico, tariff.output_pico, tariff.flat) == (150_000, 600_000, True)
    assert tariff.cost_pico(1_000_000, 1_000_000) == 750_000_000_000
    assert isinstance(tariff.cost_pico(1, 1), int)
    assert (tariff.source, tariff.as_of) == ("assumed", None)


def test_a_written_price_keeps_its_source_and_date() -> None:
    price = Price.model_validate(
        {
            "input_usd_per_million_tokens": 0.1,
            "output_usd_per_million_tokens": 0.4,
            "source": "offer of 3 May",
            "as_of": date(2026, 5, 3),
        }
    )
    assert (price.tariff().source, price.tariff().as_of) == ("offer of 3 May", date(2026, 5, 3))


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf"), 0.0000001, 2_000_000.0])
def test_a_price_that_money_cannot_hold_is_refused(wrong: float) -> None:
    with pytest.raises(ValidationError, match="output_usd_per_million_tokens"):
        Price(input_usd_per_million_tokens=1.0, output_usd_per_million_tokens=wrong)


@given(micro_usd=st.integers(0, 10**9), input_tokens=tokens, output_tokens=tokens)
def test_six_decimals_never_lose_a_picodollar(micro_usd: int, input_tokens: int, output_tokens: int) -> None:
    dollars = micro_usd / 1_000_000
    tariff = Price(input_usd_per_million_tokens=dollars, output_usd_per_million_tokens=0.0).tariff()
    assert tariff.input_pico == micro_usd
    assert tariff.cost_pico(input_tokens, output_tokens) == input_tokens * micro_usd


@pytest.mark.parametrize(
    ("input_tokens", "expected"),
    [(0, 10), (200_000, 600_010), (200_001, 1_200_021), (1_000_000, 6_000_015), (1_000_001, 7_000_027)],
)
def test_past_a_threshold_every_token_of_the_call_costs_more(input_tokens: int, expected: int) -> None:
    assert not TIERED.flat
    assert TIERED.cost_pico(input_tokens, 1) == expected


def test_a_fee_per_call_makes_a_tariff_not_flat() -> None:
    tariff = Tariff((Band(0, 1, 1, call_pico=500),), "assumed", None)
    assert not tariff.flat
    assert tariff.cost_pico(0, 0) == 500


@given(input_tokens=tokens, output_tokens=tokens)
def test_more_tokens_never_cost_less(input_tokens: int, output_tokens: int) -> None:
    cost = TIERED.cost_pico(input_tokens, output_tokens)
    assert cost <= TIERED.cost_pico(input_tokens + 1, output_tokens)
    assert cost <= TIERED.cost_pico(input_tokens, output_tokens + 1)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o-mini", "openai"),
        ("mistral-small-latest", None),
        ("deepseek-chat", "deepseek"),
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "google"),
        ("sonar", "perplexity"),
    ],
)
@pytest.mark.parametrize("usage", [(0, 0), (700, 150), (200_000, 300), (200_001, 300), (999_999, 1)])
def test_listed_prices_are_the_lists_own_numbers(
    model: str, provider: str | None, usage: tuple[int, int]
) -> None:
    theirs = calc_price(
        Usage(input_tokens=usage[0], output_tokens=usage[1]),
        model,
        provider_id=provider,
        genai_request_timestamp=datetime.combine(DAY, time(12), UTC),
    )
    assert price_for(model, provider, on=DAY).cost_pico(*usage) == theirs.total_price * PICO_PER_USD


def test_a_model_with_a_tier_costs_about_twice_as_much_one_token_later() -> None:
    tariff = price_for("gemini-2.5-pro", on=DAY)
    assert not tariff.flat
    assert tariff.cost_pico(200_000, 0) == 250_000_000_000
    assert tariff.cost_pico(200_001, 0) == 500_002_500_000


def test_a_listed_price_says_where_it_is_from_and_for_which_day() -> None:
    tariff = price_for("gpt-4o-mini", on=DAY)
    assert tariff.source.startswith("genai-prices ")
    assert tariff.source.endswith(": openai/gpt-4o-mini")
    assert tariff.as_of == DAY
    assert price_for("gpt-4o-mini").as_of is not None


def test_the_list_is_asked_once_per_model_and_day() -> None:
    assert price_for("gpt-4o-mini", on=DAY) is price_for("gpt-4o-mini", on=DAY)


@pytest.mark.parametrize(
    ("model", "provider", "advice"),
    [
        ("gpt-4o-mimi", None, "Did you mean gpt-4o-mini"),
        ("gpt-4oo", "openai", "Did you mean gpt-4o"),
        ("gpt-4o", "opnai", "Provider names: openai"),
        ("llama-3.3-70b-versatile", None, "Name one that sells it: groq"),
        ("qqqqqqqqqqqqqq", None, "Write input_usd_per_million_tokens"),
        ("", None, "Write input_usd_per_million_tokens"),
    ],
)
def test_an_unknown_model_is_an_error_that_helps_and_never_free(
    model: str, provider: str | None, advice: str
) -> None:
    with pytest.raises(UserError, match="no price known for") as caught:
        price_for(model, provider)
    assert caught.value.do.startswith(advice)


@pytest.mark.parametrize("model", ["text-embedding-3-small", "whisper-1"])
def test_a_model_that_is_not_sold_by_input_and_output_token_has_no_price_here(model: str) -> None:
    with pytest.raises(UserError, match="per input and output token"):
        price_for(model, "openai")


def test_the_price_list_is_not_loaded_before_it_is_asked() -> None:
    code = "import sys, app.providers.prices; sys.exit('genai_prices' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
