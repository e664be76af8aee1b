"""Budget: a bound on what a variant may spend in a run.

Before each call its highest possible price is reserved (the prompt and `max_tokens` of answer); afterwards what it cost
is settled. So the budget is never overspent, and calls under way are never forgotten. A budget that is listed further out
than a retry or a fallback reserves for all the calls that these may make.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from app.safeguards.base import USD_PICO, Inward, Layer, Outward, Safeguard, Tariff, World, register
from app.safeguards.commands import Result
from app.safeguards.errors import BUDGET_CANNED, BUDGET_CHEAPER, BUDGET_STOP
from app.safeguards.request import Request


@register
class Budget(Safeguard):
    """Bounds the money spent per run."""

    kind: Literal["budget"] = "budget"
    per_run_usd: float = Field(ge=0)
    on_exceeded: Literal["stop", "cheaper_model", "canned"] = "canned"
    """stop: no answer; canned: a canned one, where the pipeline has it; cheaper_model: as canned, but before that the
    last part of the budget is kept for the cheapest target."""
    cheaper_from: float = Field(default=0.8, ge=0, le=1)
    """The share of the budget from which on only the cheapest target is called (cheaper_model)."""

    def layer(self, world: World) -> Layer:
        """The layer that keeps the ledger."""
        return BudgetLayer(self, world.tariffs)


class Ledger:
    """What is spent and what is set aside, in picodollars; and at which prices, which may change while the run goes."""

    def __init__(self, tariffs: tuple[Tariff, ...]) -> None:
        self.tariffs = tariffs
        self.spent_pico = 0
        self.reserved_pico = 0


class BudgetLayer(Layer):
    """Reserves on the way in, settles on the way out. The memo holds what is reserved, and the number of attempts before."""

    def __init__(self, settings: Budget, tariffs: tuple[Tariff, ...]) -> None:
        super().__init__(settings)
        self.limit_pico = round(settings.per_run_usd * USD_PICO)
        self.refusal = BUDGET_STOP if settings.on_exceeded == "stop" else BUDGET_CANNED
        self.dear_limit_pico: int | None = None
        """What may be spent before the dearer targets are refused."""
        if settings.on_exceeded == "cheaper_model":
            self.dear_limit_pico = round(settings.per_run_usd * settings.cheaper_from * USD_PICO)
        self.ledger = Ledger(tariffs)
        self.calls_inside = 1
        self.targets_inside: tuple[int, ...] = ()

    def adopt(self, earlier: Layer) -> None:
        """Money spent stays spent."""
        if isinstance(earlier, BudgetLayer):
            earlier.ledger.tariffs = self.ledger.tariffs
            self.ledger = earlier.ledger

    def meet(self, others: Sequence[Layer]) -> None:
        """Find out how many calls, and to which targets, the layers further in may make."""
        for layer in others[self.slot + 1 :]:
            self.calls_inside *= layer.calls
            self.targets_inside += layer.leads_to

    def enter(self, request: Request, now: int) -> Inward:
        """Set aside what the call may cost at the most."""
        ledger = self.ledger
        tariffs, prompt, answer = ledger.tariffs, request.input_tokens, request.max_tokens
        price_pico = most = tariffs[request.target].cost_pico(prompt, answer)
        if self.calls_inside > 1:
            most = self.calls_inside * max(
                [most, *(tariffs[each].cost_pico(prompt, answer) for each in self.targets_inside)]
            )
        then_pico = ledger.spent_pico + ledger.reserved_pico + most
        if (
            self.dear_limit_pico is not None
            and then_pico > self.dear_limit_pico
            and any(tariff.cost_pico(prompt, answer) < price_pico for tariff in tariffs)
        ):
            return Result.failure(BUDGET_CHEAPER)
        if then_pico > self.limit_pico:
            return Result.failure(self.refusal)
        ledger.reserved_pico += most
        request.memo[self.slot] = (most, len(request.attempts))
        return None

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Book what the calls did cost, whatever became of them."""
        ledger = self.ledger
        reserved_pico, first = request.memo[self.slot]
        ledger.reserved_pico -= reserved_pico
        for attempt in request.attempts_since(first):
            ledger.spent_pico += attempt.cost_pico
        return None

    failed = answered
