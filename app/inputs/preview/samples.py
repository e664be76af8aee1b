"""Single rows as a run would ask about them: rendered, in each kind of mess, with tokens and what a request costs.

The mess is made by the run's own question book with the run's own draws, so that what is shown for a row is what that
row comes as. Rendering happens in the bounded worker; a hostile template costs two seconds, never more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import NormalDist
from typing import cast

from app.engine.draws import Draws
from app.engine.questions import QuestionBook
from app.errors import UserError
from app.faults.base import KINDS, Fault, MessFault
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.mess import MESS_KINDS, MessKind
from app.inputs.preparation import load_job, render_job
from app.inputs.preview.reading import Preview
from app.inputs.tokens import estimate_tokens
from app.providers.prices import PICO_PER_USD
from app.providers.profile import Target, Tokens
from app.scenario.model import Scenario

Check = Callable[[], None]
"""Is called between two rows; what it raises ends the work."""


@dataclass(frozen=True)
class Cost:
    """What one call to a target costs on average. `usd` is None where no price is known; `fits` tells whether prompt and
    longest answer fit the model's context: a call that does not is refused, and costs nothing."""

    target: str
    usd: float | None
    fits: bool


@dataclass(frozen=True)
class Rendered:
    """A prompt filled with a row.

    messages        (role, text) pairs; none where it cannot be rendered, and `error` says why
    tokens          the text's estimated size
    counted_tokens  what a run counts on average: the scenario's own number, where it has one, and not the text
    costs           by target, in the scenario's order
    """

    messages: tuple[tuple[str, str], ...]
    error: str
    tokens: int
    counted_tokens: int
    costs: tuple[Cost, ...]


@dataclass(frozen=True)
class Sample:
    """A row in a prompt: places of both from 0, the row's number in its file, its values, and the rendered prompt."""

    prompt: int
    row: int
    number: int
    original: dict[str, object]
    rendered: Rendered


@dataclass(frozen=True)
class MessChoice:
    """A kind of mess: as a fault of the scenario's, or (`in_scenario` False) as it is when first switched on."""

    kind: str
    title: str
    about: str
    in_scenario: bool


@dataclass(frozen=True)
class MessSample:
    """A row before and after a kind of mess, and the prompt made of it.

    changed       the columns that differ, in order; none where this mess cannot apply to this row
    extra_tokens  by how much the prompt grows (negative: shrinks)
    strikes       whether the fault's rules about prompts and rows let it strike here
    """

    choice: MessChoice
    original: dict[str, object]
    mutated: dict[str, object]
    changed: tuple[str, ...]
    strikes: bool
    rendered: Rendered
    extra_tokens: int


def render_samples(
    preview: Preview, prompt: int, rows: Sequence[int], check: Check = lambda: None
) -> list[Sample]:
    """Usable `rows` (places from 0) in the prompt at place `prompt`. What cannot be rendered says why."""
    inputs = preview.inputs
    pricing = _Pricing(inputs.scenario)
    samples = []
    with BoundedWorker() as worker:
        worker.run([load_job([inputs.prompts[prompt]])])
        for row in rows:
            check()
            values = inputs.row(row)
            answer = worker.run([render_job(inputs.prompts[prompt], values, inputs.columns)])[0]
            rendered = pricing.of(answer.get("messages", ()), answer.get("error", ""))
            samples.append(Sample(prompt, row, inputs.row_number(row), values, rendered))
    return samples


def mess_choices(preview: Preview) -> tuple[MessChoice, ...]:
    """The kinds of mess that can be shown: the scenario's faults first, then all kinds that it has not."""
    scenario = preview.inputs.scenario
    own = {fault.id for fault in scenario.faults}
    return tuple(
        MessChoice(
            fault.kind,
            fault.label or fault.kind.replace("_", " ").capitalize(),
            MESS_KINDS[cast("MessKind", fault.kind)],
            fault.id in own,
        )
        for fault in _mess_faults(scenario)
    )


def mess_samples(preview: Preview, prompt: int, row: int, check: Check = lambda: None) -> list[MessSample]:
    """A usable row in every kind of mess, in the order of `mess_choices`."""
    inputs = preview.inputs
    scenario = inputs.scenario
    faults = _mess_faults(scenario)
    pricing = _Pricing(scenario)
    draws = Draws(scenario.seed)
    samples = []
    with BoundedWorker() as worker:
        book = QuestionBook(inputs, draws, worker)
        # No question is asked: this tells the book which mess there is.
        book.prepare([], FaultSet(faults, draws, [True] * len(faults)))
        original = inputs.row(row)
        clean = pricing.rendered(book.messages((prompt, row, 0)))
        for place, (fault, choice) in enumerate(zip(faults, mess_choices(preview), strict=True)):
            check()
            key = (prompt, row, 1 << place)
            mutated = book.messy_row(key)
            rendered = pricing.rendered(book.messages(key), extra_to=clean.tokens)
            samples.append(
                MessSample(
                    choice,
                    original,
                    mutated,
                    tuple(
                        column
                        for column in dict.fromkeys([*original, *mutated])
                        if column not in mutated or original.get(column, _ABSENT) != mutated[column]
                    ),
                    book.concerns(fault, prompt, row),
                    rendered,
                    rendered.tokens - clean.tokens,
                )
            )
    return samples


_ABSENT = object()


def mean_output_tokens(tokens: Tokens) -> float:
    """The mean length of an answer, in tokens: of a lognormal with median m and sigma s, cut off at M = `max_tokens`.

    E[min(X, M)] = m exp(s²/2) Φ((ln(M/m) - s²)/s) + M (1 - Φ(ln(M/m)/s)), the limited expected value of the lognormal
    (Klugman, Panjer, Willmot: "Loss Models", appendix A).
    """
    median, sigma, bound = tokens.output_tokens, tokens.output_sigma, tokens.max_tokens
    if sigma == 0:
        return min(median, float(bound))
    below = NormalDist().cdf
    reach = log(bound / median)
    return median * exp(sigma**2 / 2) * below((reach - sigma**2) / sigma) + bound * (1 - below(reach / sigma))


class _Pricing:
    """Sizes and prices rendered prompts as the scenario's simulated targets would."""

    def __init__(self, scenario: Scenario) -> None:
        self._tokens = scenario.tokens
        self._targets = scenario.targets
        self._output = round(mean_output_tokens(scenario.tokens))

    def rendered(self, messages: list[list[str]] | str, extra_to: int | None = None) -> Rendered:
        """Of messages, or of why there are none; `extra_to` is the size of the prompt without its mess."""
        if isinstance(messages, str):
            return self.of((), messages, extra_to)
        return self.of(messages, "", extra_to)

    def of(self, messages: Sequence[Sequence[str]], error: str, extra_to: int | None = None) -> Rendered:
        tokens = sum(estimate_tokens(text) for _, text in messages)
        counted = self._counted(tokens, 0 if extra_to is None else max(0, tokens - extra_to))
        return Rendered(
            tuple((role, text) for role, text in messages),
            error,
            tokens,
            counted,
            () if error else tuple(self._cost(name, each, counted) for name, each in self._targets.items()),
        )

    def _counted(self, tokens: int, extra: int) -> int:
        given = self._tokens.input_tokens
        if given is None:
            return max(1, tokens)
        return max(1, round(given * exp(self._tokens.input_sigma**2 / 2))) + extra

    def _cost(self, name: str, target: Target, tokens: int) -> Cost:
        fits = tokens + self._tokens.max_tokens <= target.context_tokens
        try:
            tariff = target.tariff()
        except UserError:
            return Cost(name, None, fits)
        return Cost(name, tariff.cost_pico(tokens, self._output) / PICO_PER_USD, fits)


def _mess_faults(scenario: Scenario) -> list[Fault]:
    """The scenario's mess faults, and one of each kind that it has not. Duplicates change no row."""
    own = [fault for fault in scenario.faults if isinstance(fault, MessFault) and fault.kind != "duplicate"]
    there = {fault.kind for fault in own}
    return [*own, *(KINDS[kind](kind=kind, rate=1.0) for kind in MESS_KINDS if kind not in there)]
