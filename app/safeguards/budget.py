"""Budget: a bound on what a variant may spend in a run.

Before each call its highest possible price is reserved (the prompt and `max_tokens` of answer); afterwards what it cost
is settled. So the budget is never overspent, and calls under way are never forgotten.
"""

from __future__ import annotations

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

    def layer(self, world: World) -> Layer:
        """The layer that keeps the ledger."""
        return BudgetLayer(self, world.tariffs)


class Ledger:
    """What is spent and what is set aside, in picodollars."""

    def __init__(self) -> None:
        self.spent_pico = 0
        self.reserved_pico = 0


class BudgetLayer(Layer):
    """Reserves on the way in, settles on the way out."""

    def __init__(self, settings: Budget, tariffs: tuple[Tariff, ...]) -> None:
        super().__init__(settings)
        self.limit_pico = round(settings.per_run_usd * USD_PICO)
        self.refusal = {"stop": BUDGET_STOP, "cheaper_model": BUDGET_CHEAPER, "canned": BUDGET_CANNED}[settings.on_exceeded]
        self.tariffs = tariffs
        self.ledger = Ledger()

    def adopt(self, earlier: Layer) -> None:
        """Money spent stays spent."""
        if isinstance(earlier, BudgetLayer):
            self.ledger = earlier.ledger

    def enter(self, request: Request, now: int) -> Inward:
        """Set aside what the call may cost at the most."""
        most = self.tariffs[request.target].cost_pico(request.input_tokens, request.max_tokens)
        ledger = self.ledger
        if ledger.spent_pico + ledger.reserved_pico + most > self.limit_pico:
            return Result.failure(self.refusal)
        ledger.reserved_pico += most
        request.reserved_pico = most
        return None

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Book what the call did cost."""
        self.ledger.reserved_pico -= request.reserved_pico
        self.ledger.spent_pico += result.cost_pico
        return None

    failed = answered
