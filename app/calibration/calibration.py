"""One calibration from order to result: what is to be asked and may cost is known before the first call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from app.calibration.fitting import Fits, fit_calls
from app.calibration.measuring import Course, Halt, Measurement, Progress, measure
from app.calibration.questions import choose
from app.engine.draws import Draws
from app.engine.real_calls import endpoint_of
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.providers.keys import KeySource
from app.providers.prices import PICO_PER_USD, Tariff
from app.scenario.files import ScenarioFile

CALLS = 30
MAX_CALLS = 1_000
MAX_CONCURRENCY = 64
_LEAST_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Order:
    """What somebody wants calibrated: a target of a scenario (its first, unless named), with at most so many US dollars.

    `prompts`, `data` and `columns` stand in for the scenario's own.
    """

    file: ScenarioFile
    max_usd: float
    target: str = ""
    calls: int = CALLS
    concurrency: int = 1
    prompts: Path | None = None
    data: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Prepared:
    """What will be done once somebody says yes. `estimate_pico` is what it will cost if answers are as long as the scenario
    has them, `greatest_pico` what it could cost without the cap."""

    order: Order
    target: str
    course: Course
    notices: tuple[str, ...]
    estimate_pico: int
    greatest_pico: int

    @property
    def origin(self) -> str:
        """Scheme, host and port of the calls."""
        return self.course.endpoint.origin


@dataclass(frozen=True)
class Calibration:
    """What came of it, on the day `on`."""

    prepared: Prepared
    measurement: Measurement
    fits: Fits
    on: date


def prepare(order: Order, keys: KeySource) -> Prepared:
    """Choose what will be asked, and reckon what it may cost; nothing is sent.

    Raises UserError for a target without endpoint, model or price, for numbers out of bounds, and for inputs that cannot be
    used.
    """
    scenario = order.file.scenario
    target = order.target or next(iter(scenario.targets))
    if target not in scenario.targets:
        there = ", ".join(scenario.targets)
        raise UserError(f"there is no target '{target}'", where=order.file.name, do=f"There is {there}.")
    endpoint = endpoint_of(scenario, target, keys)
    _check(order)
    draws = Draws(scenario.seed)
    with BoundedWorker() as worker:
        inputs = prepare_inputs(
            order.file, worker, prompts=order.prompts, data=order.data, columns=dict(order.columns)
        )
        questions = choose(inputs, worker, draws, order.calls)
    tokens = scenario.tokens
    tariff = scenario.targets[target].tariff()
    course = Course(
        endpoint=endpoint,
        tariff=tariff,
        questions=questions,
        max_tokens=tokens.max_tokens,
        cap_pico=round(order.max_usd * PICO_PER_USD),
        concurrency=order.concurrency,
        patience_s=max(_LEAST_PATIENCE_S, scenario.patience_s),
    )
    expected = min(tokens.max_tokens, max(1, round(tokens.output_tokens)))
    prepared = Prepared(
        order=order,
        target=target,
        course=course,
        notices=inputs.notices,
        estimate_pico=sum(tariff.cost_pico(asked.tokens, expected) for asked in questions),
        greatest_pico=sum(course.most_pico(asked) for asked in questions),
    )
    _check_cap(prepared, tariff)
    return prepared


def calibrate(prepared: Prepared, tell: Callable[[Progress], None], halt: Halt) -> Calibration:
    """Make the calls and fit what they took; what was measured until `halt` is fitted all the same."""
    measurement = measure(prepared.course, tell, halt)
    draws = Draws(prepared.order.file.scenario.seed)
    fits = fit_calls(measurement.calls, prepared.course.max_tokens, draws)
    return Calibration(prepared, measurement, fits, datetime.now(UTC).date())


def _check(order: Order) -> None:
    if not 1 <= order.calls <= MAX_CALLS:
        raise UserError(f"{order.calls} calls", where="calls", do=f"Give a number from 1 to {MAX_CALLS:,}.")
    if not 1 <= order.concurrency <= MAX_CONCURRENCY:
        raise UserError(
            f"{order.concurrency} calls at a time",
            where="concurrency",
            do=f"Give a number from 1 to {MAX_CONCURRENCY}.",
        )
    if not 0 <= order.max_usd <= 1_000_000:
        raise UserError(
            f"{order.max_usd:g} US dollars are no cap", where="cap", do="Give an amount in US dollars."
        )


def _check_cap(prepared: Prepared, tariff: Tariff) -> None:
    """Raise UserError if not even the first call fits under the cap."""
    course = prepared.course
    first_pico = course.most_pico(course.questions[0])
    if first_pico > course.cap_pico:
        raise UserError(
            f"the first call may cost {first_pico / PICO_PER_USD:.2g} US dollars, which is above the cap",
            where="cap",
            do=f"Give more. All calls are estimated at {prepared.estimate_pico / PICO_PER_USD:.2g} US dollars "
            f"(price: {tariff.source}).",
        )
