"""Budget: a bound on what a variant may spend in a run, in a minute, and on one request.

Before each call its highest possible price is reserved (the prompt and `max_tokens` of answer); afterwards what it cost
is settled. So no bound is ever overspent, and calls under way are never forgotten. The minute slides: what was settled in
the last 60 s and what is reserved count. A budget that is listed further out than a retry or a fallback reserves for all
the calls that these may make.

A target that bills more than its list price is found out by the first bill: for a minute after the last such bill as many
times the list price is set aside for its calls. For the calls under way by then too little has been set aside, and a bound
may be overspent by what these cost more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal, Self

from pydantic import model_validator

from app.safeguards.base import MICRO, USD_PICO, Inward, Layer, Outward, Safeguard, Tariff, World, register
from app.safeguards.commands import Attempt, Result
from app.safeguards.errors import BUDGET_CANNED, BUDGET_CHEAPER, BUDGET_STOP, CallError
from app.safeguards.prompt_cache import PromptCacheLayer
from app.safeguards.request import Request
from app.scenario.numbers import Share, Usd

MINUTE_US: Final = 60 * MICRO


@register
class Budget(Safeguard):
    """Bounds the money spent per run, per minute and per request; at least one of the three."""

    kind: Literal["budget"] = "budget"
    per_run_usd: Usd | None = None
    per_minute_usd: Usd | None = None
    """In any 60 s."""
    per_request_usd: Usd | None = None
    """All calls of one request together."""
    on_exceeded: Literal["stop", "cheaper_model", "canned"] = "canned"
    """stop: no answer; canned: a canned one, where the pipeline has it; cheaper_model: as canned, but before that the
    last part of each bound is kept for the cheapest target."""
    cheaper_from: Share = 0.8
    """The share of a bound from which on only the cheapest target is called (cheaper_model)."""

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.per_run_usd is None and self.per_minute_usd is None and self.per_request_usd is None:
            raise ValueError("give at least one of 'per_run_usd', 'per_minute_usd' and 'per_request_usd'")
        return self

    def layer(self, world: World) -> Layer:
        """The layer that keeps the ledger."""
        return BudgetLayer(self, world.tariffs)


class Ledger:
    """What is spent and what is set aside, in picodollars; and at which prices, which may change while the run goes.

    `recent` holds what was settled lately, as (time in µs, picodollars), once somebody bounds the minute.
    """

    def __init__(self, tariffs: tuple[Tariff, ...]) -> None:
        self.tariffs = tariffs
        self.spent_pico = 0
        self.reserved_pico = 0
        self.reserved_for: dict[int, int] = {}
        """By request that a budget bounds: what is set aside for its calls under way; a hedge makes several at once."""
        self.recent: deque[tuple[int, int]] | None = None
        self.recent_pico = 0
        self.dear: dict[int, tuple[int, int, int]] = {}
        """Targets that bill more than their list price: a bill, what it should have been, until when (µs) this is minded."""

    def note_bill(self, attempt: Attempt, now: int) -> None:
        """See whether a call that was billed was dearer than it should be."""
        listed_pico = self.tariffs[attempt.target].cost_pico(attempt.input_tokens, attempt.output_tokens)
        billed_pico = attempt.cost_pico
        if billed_pico <= listed_pico or not listed_pico:
            return
        known = self.dear.get(attempt.target)
        if known is not None and now < known[2] and known[0] * listed_pico > billed_pico * known[1]:
            billed_pico, listed_pico, _ = known
        self.dear[attempt.target] = (billed_pico, listed_pico, now + MINUTE_US)

    def at_most(self, target: int, request: Request, now: int) -> int:
        """What a call to the target may cost at the most, by its list price and by what it billed lately."""
        most = self.tariffs[target].cost_pico(request.input_tokens, request.max_tokens)
        if self.dear:
            known = self.dear.get(target)
            if known is not None and now < known[2]:
                return -(-most * known[0] // known[1])
        return most

    def spent_lately(self, now: int) -> int:
        """What was settled in the 60 s up to `now`."""
        assert self.recent is not None
        horizon = now - MINUTE_US
        while self.recent and self.recent[0][0] <= horizon:
            self.recent_pico -= self.recent.popleft()[1]
        return self.recent_pico


class Bound:
    """One bound: the whole of it and what the dearer targets may have of it, in picodollars, and what to say beyond each."""

    def __init__(self, settings: Budget, limit_usd: float, of: str) -> None:
        self.limit_pico = round(limit_usd * USD_PICO)
        self.dear_pico: int | None = None
        if settings.on_exceeded == "cheaper_model":
            self.dear_pico = round(limit_usd * settings.cheaper_from * USD_PICO)
        self.free_pico = self.limit_pico if self.dear_pico is None else min(self.dear_pico, self.limit_pico)
        """So much may be spent on whatever target."""
        self.refusal = _of(of, BUDGET_STOP if settings.on_exceeded == "stop" else BUDGET_CANNED)
        self.dear_refusal = _of(of, BUDGET_CHEAPER)


class BudgetLayer(Layer):
    """Reserves on the way in, settles on the way out. The memo holds what is reserved, and the number of attempts before."""

    def __init__(self, settings: Budget, tariffs: tuple[Tariff, ...]) -> None:
        super().__init__(settings)

        def bound(limit_usd: float | None, of: str) -> Bound | None:
            return None if limit_usd is None else Bound(settings, limit_usd, of)

        self.of_run = bound(settings.per_run_usd, "")
        self.of_minute = bound(settings.per_minute_usd, "minute_")
        self.of_request = bound(settings.per_request_usd, "request_")
        self.unquestioned_pico = -1
        if self.of_run is not None and self.of_minute is None and self.of_request is None:
            self.unquestioned_pico = self.of_run.free_pico
        """Up to here the run's spending needs no further look."""
        self.ledger = Ledger(tariffs)
        self._note_minutes()
        self.calls_inside = 1
        self.targets_inside: tuple[int, ...] = ()

    def adopt(self, earlier: Layer) -> None:
        """Money spent stays spent; a minute that was not bounded before counts from now on."""
        if isinstance(earlier, BudgetLayer):
            earlier.ledger.tariffs = self.ledger.tariffs
            self.ledger = earlier.ledger
            self._note_minutes()

    def meet(self, others: Sequence[Layer]) -> None:
        """Find out how many calls, to which targets and at which prices the layers further in may make."""
        for layer in others[self.slot + 1 :]:
            self.calls_inside *= layer.calls
            self.targets_inside += layer.leads_to
        for layer in others:
            if isinstance(layer, PromptCacheLayer):
                self.ledger.tariffs = layer.tariffs

    def enter(self, request: Request, now: int) -> Inward:
        """Set aside what the call may cost at the most."""
        ledger = self.ledger
        if ledger.dear:
            most = ledger.at_most(request.target, request, now)
        else:
            most = ledger.tariffs[request.target].cost_pico(request.input_tokens, request.max_tokens)
        price_pico = most
        if self.calls_inside > 1:
            most = self._of_calls_inside(request, most, now)
        if ledger.spent_pico + ledger.reserved_pico + most > self.unquestioned_pico:
            refusal = self._refusal(request, now, most, price_pico)
            if refusal is not None:
                return Result.failure(refusal)
        ledger.reserved_pico += most
        if self.of_request is not None:
            ledger.reserved_for[request.number] = ledger.reserved_for.get(request.number, 0) + most
        request.memo[self.slot] = (most, len(request.attempts))
        return None

    def answered(self, request: Request, result: Result, now: int) -> Outward:
        """Book what the calls did cost, whatever became of them."""
        ledger = self.ledger
        reserved_pico, first = request.memo[self.slot]
        ledger.reserved_pico -= reserved_pico
        if self.of_request is not None:
            left_pico = ledger.reserved_for.pop(request.number, 0) - reserved_pico
            if left_pico > 0:
                ledger.reserved_for[request.number] = left_pico
        if len(request.attempts) == first + 1 and type(result) is Attempt:
            cost_pico = result.cost_pico  # of the one call since then, as is usual
            if cost_pico and result.tariff is not ledger.tariffs[result.target]:
                ledger.note_bill(result, now)
        else:
            cost_pico = 0
            for attempt in request.attempts_since(first):
                cost_pico += attempt.cost_pico
                if attempt.cost_pico:
                    ledger.note_bill(attempt, now)
        ledger.spent_pico += cost_pico
        if ledger.recent is not None and cost_pico:
            ledger.recent.append((now, cost_pico))
            ledger.recent_pico += cost_pico
        return None

    failed = answered

    def _of_calls_inside(self, request: Request, price_pico: int, now: int) -> int:
        """The highest possible price of all calls that the layers further in may make of one, whose price is
        `price_pico`."""
        others = [self.ledger.at_most(target, request, now) for target in self.targets_inside]
        return self.calls_inside * max([price_pico, *others])

    def _refusal(self, request: Request, now: int, most: int, price_pico: int) -> CallError | None:
        """Why not to make calls for `most`, the first of which costs `price_pico` at the most."""
        ledger = self.ledger
        then_pico = ledger.reserved_pico + most
        refusal = None
        if self.of_run is not None:
            refusal = self._beyond(self.of_run, ledger.spent_pico + then_pico, request, price_pico, now)
        if refusal is None and self.of_minute is not None:
            lately_pico = ledger.spent_lately(now)
            refusal = self._beyond(self.of_minute, lately_pico + then_pico, request, price_pico, now)
        if refusal is None and self.of_request is not None:
            had_pico = sum(attempt.cost_pico for attempt in request.attempts)
            had_pico += ledger.reserved_for.get(request.number, 0)
            refusal = self._beyond(self.of_request, had_pico + most, request, price_pico, now)
        return refusal

    def _beyond(
        self, bound: Bound, then_pico: int, request: Request, price_pico: int, now: int
    ) -> CallError | None:
        """What a bound says to a call of `price_pico` when its spending would be `then_pico` with it."""
        if then_pico <= bound.free_pico:
            return None
        if (
            bound.dear_pico is not None
            and then_pico > bound.dear_pico
            and any(
                self.ledger.at_most(target, request, now) < price_pico
                for target in range(len(self.ledger.tariffs))
            )
        ):
            return bound.dear_refusal
        return bound.refusal if then_pico > bound.limit_pico else None

    def _note_minutes(self) -> None:
        if self.of_minute is not None and self.ledger.recent is None:
            self.ledger.recent = deque()


def _of(bound: str, error: CallError) -> CallError:
    """The error under the name of its bound: the run's has none, as it was there first."""
    return replace(error, name=bound + error.name) if bound else error
