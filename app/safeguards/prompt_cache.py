"""Prompt cache: the provider keeps the stable beginning of a prompt, and bills it at another price.

That beginning is what stands before the first variable. A call that finds it warm pays `read_factor` of the input price
for it; one that does not writes it at `write_factor`, and it is warm from that call's first token on, for `ttl_s` after
each use. Each target keeps its own (`app.providers.prompt_cache`), so a fallback finds it cold. There is nothing to decide
here, and so no hook: the settings tell the simulated provider what the variant asks of it, and a budget what a call may
cost at the most. Prices of real calls do not know of it yet.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.safeguards.base import Layer, Safeguard, TargetTariff, Tariff, World, register
from app.scenario.numbers import Duration, Number, TokenCount, Whole


@register
class PromptCache(Safeguard):
    """Has the provider keep the stable beginning of each prompt."""

    kind: Literal["prompt_cache"] = "prompt_cache"
    read_factor: Number | None = Field(default=None, ge=0, le=10)
    """Price of a token that is found warm, as a share of the input price. When left out: the published price's, where
    the target's price is looked up by its model; else 0.1."""
    write_factor: Number | None = Field(default=None, ge=0, le=10)
    """Price of a token that is written. When left out: the published price's, as above; else 1.25."""
    ttl_s: Duration = 300
    """How long it stays warm after each use."""
    min_tokens: TokenCount = 1024
    """A shorter beginning is not kept."""
    prefix_tokens: Whole | None = None
    """Size of the stable beginning of all prompts; estimated from each prompt's text when left out. Give it where
    `tokens.input_tokens` has the prompts larger than their text."""

    def layer(self, world: World) -> Layer:
        """The layer that tells the settings."""
        return PromptCacheLayer(self, world.tariffs)


class PromptCacheLayer(Layer):
    """Holds the settings for the provider, and for budgets the highest prices that can come of them, by target."""

    def __init__(self, settings: PromptCache, tariffs: tuple[TargetTariff, ...]) -> None:
        super().__init__(settings)
        self.settings = settings
        self.tariffs: tuple[Tariff, ...] = tuple(
            tariff.at_most(settings.read_factor, settings.write_factor) for tariff in tariffs
        )
