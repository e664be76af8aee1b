"""What a run of real calls will ask and cost, before the first call: requests x tokens x price, by variant.

Two figures each. *Expected*: every request is answered by one call to the first target, with prompts as they are rendered
and answers as long as `[tokens]` says. *Most*: every request makes every call that its retries, hedges and fallbacks
allow, each with the longest prompt, an answer of `max_tokens`, and the dearest price among the targets. It makes no call
itself, and is no bound: that is the cap.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, prod

import numpy as np

from app.analysis.stability.service import service_of
from app.engine.draws import Draws
from app.engine.observations import pipeline_of
from app.engine.plan import FIRST_BLOCK, Plan
from app.engine.questions import QuestionBook
from app.errors import UserError
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs
from app.providers.prices import PICO_PER_USD, Tariff, price_for
from app.safeguards.request import PlannedRequest
from app.scenario.edit import with_setting
from app.scenario.model import Change, Scenario, variant_title
from app.traffic.arrivals import Arrivals
from app.traffic.settings import microseconds

_COUNTED = 1_000_000
"""Requests up to which they are counted; further ones are the integral of the rate."""
_COUNTED_AT_ONCE = 65_536


@dataclass(frozen=True)
class VariantEstimate:
    """A variant's share. Money in US dollars."""

    name: str
    title: str
    most_calls_per_request: int
    expected_usd: float
    most_usd: float


@dataclass(frozen=True)
class Estimate:
    """A whole run: `requests` is what each variant is asked. Money in US dollars, of all variants together.

    `input_tokens` and `output_tokens` are a call's mean, `most_input_tokens` and `max_tokens` its greatest.
    `assumptions` are sentences, and so are `doubts`: prices under which neither this nor a cap holds.
    """

    requests: int
    input_tokens: float
    output_tokens: float
    most_input_tokens: int
    max_tokens: int
    variants: tuple[VariantEstimate, ...]
    expected_usd: float
    most_usd: float
    assumptions: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    bounded: bool = True
    """Whether `requests` is all that is asked: in a closed loop quicker answers make for more."""

    @property
    def most_calls(self) -> int:
        """Calls of all variants together, at the most."""
        return self.requests * sum(variant.most_calls_per_request for variant in self.variants)


def estimate(inputs: Inputs, worker: BoundedWorker) -> Estimate:
    """What a run of these inputs with real calls asks and costs.

    Renders the first thousand or so of its questions. Raises UserError where a target has no known price.
    """
    began = inputs.scenario
    draws = Draws(began.seed)
    sample = _sample(inputs, QuestionBook(inputs, draws, worker), draws)
    requests = offered(inputs, draws)
    # A prompt that cannot be rendered is not asked.
    sizes = [0 if planned[2].unaskable else planned[2].tokens for planned in sample] or [0]
    every = [began, *_changed(began)]
    max_tokens = max([scenario.tokens.max_tokens for scenario in every] + [planned[5] for planned in sample])
    output_tokens = min(_mean_output(inputs), float(max_tokens))
    tariffs = _tariffs(began)
    mean_pico = sum(tariffs[0].cost_pico(size, round(output_tokens)) if size else 0 for size in sizes) / len(
        sizes
    )
    variants = tuple(
        VariantEstimate(
            name,
            variant_title(name, variant),
            calls := max(_calls(scenario, name)[0] for scenario in every),
            requests * mean_pico / PICO_PER_USD,
            requests
            * calls
            * max(
                tariffs[target].cost_pico(max(sizes), max_tokens)
                for scenario in every
                for target in _calls(scenario, name)[1]
            )
            / PICO_PER_USD,
        )
        for name, variant in began.variants.items()
    )
    return Estimate(
        requests,
        sum(sizes) / len(sizes),
        output_tokens,
        max(sizes),
        max_tokens,
        variants,
        sum(variant.expected_usd for variant in variants),
        sum(variant.most_usd for variant in variants),
        _assumptions(began, tariffs, len(sample), requests),
        price_doubts(began),
        bounded=began.traffic.users is None,
    )


def offered(inputs: Inputs, draws: Draws) -> int:
    """How many requests arrive in the run, with the scenario's own changes on the way: those of this seed, counted up to a
    million, beyond that the integral of the rate. Of a closed loop, as many as there are if answers take as long as the
    simulated provider's."""
    scenario = inputs.scenario
    if scenario.traffic.users is not None:
        return _asked_by_users(scenario)
    arrivals = Arrivals(draws, scenario.traffic, inputs.trace)
    for change, changed in zip(_planned(scenario), _changed(scenario), strict=True):
        arrivals.change(microseconds(change.at_s), changed.traffic)
        scenario = changed
    end_us = microseconds(scenario.duration_s)
    arrivals.reach(end_us)
    count, most = 0, scenario.traffic.max_requests
    while count < _COUNTED and (most is None or count < most):
        block = arrivals.next_block(_COUNTED_AT_ONCE)
        before_end = int(np.searchsorted(block, end_us, side="left"))
        count += before_end
        if before_end < len(block):
            return count if most is None else min(count, most)
    expected = round(float(arrivals.profile.integral(np.array([end_us]))[0]))
    return max(count, expected) if most is None else min(max(count, expected), most)


def _asked_by_users(scenario: Scenario) -> int:
    """Requests of a closed loop by the interactive response time law: each user asks once in a think time and an answer (P.
    Denning, J. Buzen, "The operational analysis of queueing network models", Computing Surveys 10, 1978)."""
    asked = began_s = 0.0
    stretches = [scenario, *_changed(scenario)]
    ends_s = [*(change.at_s for change in _planned(scenario)), stretches[-1].duration_s]
    for end_s, stretch in zip(ends_s, stretches, strict=True):
        users = stretch.traffic.users
        assert users is not None
        asked += users.count * (end_s - began_s) / (users.think_s + _answer_s(stretch))
        began_s = end_s
    most = scenario.traffic.max_requests
    return round(asked) if most is None else min(round(asked), most)


def _answer_s(scenario: Scenario) -> float:
    """How long the first target's answers take in the simulation, with nobody waiting for a slot."""
    return service_of(next(iter(scenario.targets.values())), scenario.tokens).mean_s


def _sample(inputs: Inputs, questions: QuestionBook, draws: Draws) -> list[PlannedRequest]:
    """The run's first requests, a block of them, with the mess in their questions."""
    scenario = inputs.scenario
    faults = FaultSet(scenario.faults, draws, [True] * len(scenario.faults))
    plan = Plan(scenario, draws, questions, faults)
    if plan.closed:
        asked = (plan.next_at(0) for _ in range(FIRST_BLOCK))
        return [planned for planned in asked if planned is not None]
    return plan.take(min(plan.horizon_us(), microseconds(scenario.duration_s) - 1))


def _mean_output(inputs: Inputs) -> float:
    if inputs.trace is not None and inputs.trace.output_tokens is not None:
        return float(inputs.trace.output_tokens.mean())
    tokens = inputs.scenario.tokens
    return tokens.output_tokens * exp(tokens.output_sigma**2 / 2)  # the mean of a lognormal, from its median


def _tariffs(scenario: Scenario) -> list[Tariff]:
    tariffs = []
    for name, target in scenario.targets.items():
        try:
            tariffs.append(target.tariff())
        except UserError as error:
            raise UserError(error.what, where=f"targets.{name}.price", do=error.do) from None
    return tariffs


def _planned(scenario: Scenario) -> list[Change]:
    """The scenario's own changes, as far as they come before its end, in order."""
    return [
        each
        for each in sorted(scenario.changes, key=lambda each: each.at_s)
        if each.at_s < scenario.duration_s
    ]


def _changed(scenario: Scenario) -> list[Scenario]:
    """The scenario after each of its own changes."""
    found = []
    for change in _planned(scenario):
        scenario = with_setting(scenario, change.set, change.value)
        found.append(scenario)
    return found


def _calls(scenario: Scenario, variant: str) -> tuple[int, set[int]]:
    """How many calls a request of the variant makes at the most, and to which targets."""
    layers = pipeline_of(scenario, variant).layers
    return prod(layer.calls for layer in layers), {0}.union(*(layer.leads_to for layer in layers))


def _assumptions(scenario: Scenario, tariffs: list[Tariff], sampled: int, requests: int) -> tuple[str, ...]:
    prices = [
        f"{name}: {target.model or 'no model named'}, ${_per_million(tariff.input_pico)} and "
        f"${_per_million(tariff.output_pico)} per million input and output tokens ({tariff.source})"
        for (name, target), tariff in zip(scenario.targets.items(), tariffs, strict=True)
    ]
    users = scenario.traffic.users
    return (
        f"Requests as they arrive with seed {scenario.seed}, unless traffic is changed while it runs."
        if users is None
        else f"Requests of {users.count:,} users who think for {users.think_s:g} s and wait {_answer_s(scenario):.1f} s for "
        "an answer, as in the simulation: the faster the real answers are, the more is asked.",
        f"Prompts as the first {min(sampled, requests):,} requests have them, in estimated tokens.",
        "Expected: one call to the first target a request, answered at the length that [tokens] gives; nothing is saved "
        "by caches, nothing is retried.",
        "Most: all retries, hedges and fallbacks, the longest of these prompts, answers of max_tokens, the dearest target.",
        *prices,
    )


def _per_million(pico: int) -> str:
    whole, _, decimals = f"{pico / 1_000_000:.6f}".rstrip("0").partition(".")
    return f"{whole}.{decimals:0<2}"


def price_doubts(scenario: Scenario) -> tuple[str, ...]:
    """What to say of prices that a scenario brings along, where they are none or lower than the published ones: what is
    spent is counted by them."""
    found = []
    for name, target in scenario.targets.items():
        if target.price is None:
            continue
        given = target.tariff()
        published = _published(target.model)
        if published is not None and (
            given.input_pico < published.input_pico or given.output_pico < published.output_pico
        ):
            found.append(
                f"{name}: the scenario's price for {target.model} is lower than the published one "
                f"({published.source}), so more may be spent than the cap says."
            )
        elif not given.input_pico or not given.output_pico:
            found.append(f"{name}: the scenario has it free of charge, so the cap cannot stop its calls.")
    return tuple(found)


def _published(model: str) -> Tariff | None:
    try:
        return price_for(model)
    except UserError:
        return None
