"""What the cards turn beside faults: the provider's limits for load, sizes and prices for cost.

Numbers of a scenario and where they stand at each severity; setting them is not done here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.faults.card_table import INPUT_FACTOR, LIMIT_SHARE, OUTPUT_FACTOR, PRICE_FACTOR, Card, Severity
from app.scenario.model import Scenario
from app.traffic.settings import LEVELS

_USUAL_INPUT_TOKENS = 700
"""Where a scenario estimates its prompts from their text. Assumed."""


@dataclass(frozen=True)
class Knob:
    """A number other than a fault's that a card turns: a limit, a size, a price. None: without limit.

    `idle` is its value while the card is off.
    """

    path: str
    title: str
    unit: str
    now: float | None
    idle: float | None
    whole: bool


def knobs(card: Card, scenario: Scenario, original: Scenario) -> list[Knob]:
    """The numbers that the card turns beside its faults: limits for load, sizes and prices for cost."""
    if card.id == "load":
        return [
            Knob(
                f"targets.{name}.{key}",
                f"{name}: {words} a minute",
                "",
                getattr(target, key),
                None,
                whole=True,
            )
            for name, target in scenario.targets.items()
            for key, words in (("rpm", "requests"), ("tpm", "tokens"))
        ]
    return list(_cost_knobs(scenario, original)) if card.id == "cost" else []


def turned(card: Card, severity: Severity, original: Scenario) -> dict[str, float]:
    """Where the card's knobs stand at this severity, by path; the others stand idle."""
    if card.id == "load":
        return dict(_limits(severity, original))
    if card.id != "cost":
        return {}
    found = {}
    for knob in _cost_knobs(original, original):
        assert knob.idle is not None
        if knob.path == "tokens.input_tokens":
            # More than half of the smallest context window would fail for another reason than its cost.
            most = min(target.context_tokens for target in original.targets.values()) / 2
            found[knob.path] = float(round(max(knob.idle, min(knob.idle * INPUT_FACTOR[severity], most))))
        elif knob.path == "tokens.output_tokens":
            found[knob.path] = float(round(knob.idle * OUTPUT_FACTOR[severity]))
        else:
            found[knob.path] = round(knob.idle * PRICE_FACTOR[severity], 6)
    return found


def _limits(severity: Severity, original: Scenario) -> Iterator[tuple[str, float]]:
    """Limits of every target in proportion to what the scenario offers on average, in requests and in tokens."""
    duration_us = np.array([round(original.duration_s * 1e6)], dtype=np.int64)
    # A trace's own rate is in its file: limits are then as for a pilot.
    profile = original.traffic.profile(trace_per_s=LEVELS["pilot"].rate_per_s)
    offered_per_s = float(profile.integral(duration_us)[0]) / original.duration_s
    rpm = max(1.0, float(round(offered_per_s * 60 * LIMIT_SHARE[severity])))
    tokens = original.tokens
    size = (tokens.input_tokens or _USUAL_INPUT_TOKENS) + tokens.output_tokens
    for name in original.targets:
        yield f"targets.{name}.rpm", rpm
        yield f"targets.{name}.tpm", max(1000.0, float(round(rpm * size, -3)))


def _cost_knobs(scenario: Scenario, original: Scenario) -> Iterator[Knob]:
    """Sizes, and the prices that the scenario spells out: a published price is not the user's to turn."""
    then = original.tokens
    if then.input_tokens is not None:
        now = scenario.tokens.input_tokens
        yield Knob("tokens.input_tokens", "Prompt, median", "tokens", now, then.input_tokens, whole=True)
    output = scenario.tokens.output_tokens
    yield Knob("tokens.output_tokens", "Answer, median", "tokens", output, then.output_tokens, whole=True)
    for name, target in original.targets.items():
        price = scenario.targets[name].price if name in scenario.targets else None
        if target.price is None or price is None:
            continue
        for key, words in _PRICES:
            yield Knob(
                f"targets.{name}.price.{key}",
                f"{name}: {words}",
                "$ a million tokens",
                getattr(price, key),
                getattr(target.price, key),
                whole=False,
            )


_PRICES: Sequence[tuple[str, str]] = (
    ("input_usd_per_million_tokens", "price of prompts"),
    ("output_usd_per_million_tokens", "price of answers"),
)
