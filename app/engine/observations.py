"""Resuming a live variant's lifecycles, and writing each resume down as plain data.

An observation is one resume: its sequence, the one `now`, the request's number, what was delivered (all that
the lifecycle can see of it), and the commands that came back until it waited again. The live driver writes
them, the replay reads them and resumes through the same code, so that both use the same words.

Delivered, in the log's column `outcome`; each names its `variant` by index:

    {"came": "request", "intended_us", "cache_key", "input_tokens", "max_tokens", "unaskable", "asked"}
    {"came": "attempt", "error", "retry_after_us", "first_us", "cost_pico", "billed", "input_tokens", "output_tokens",
     "failed_checks"}
    {"came": "flight", "flight"}            a flight that it waited for has landed
    {"came": "time"}                        it has waited long enough
    {"came": "end"}                         the run is over
    {"came": "branch"}                      a branch begins
    {"came": "change", "set", "value"}      a switch is flipped; it concerns no request, and its number says nothing

A branch's observations name it by "branch", its place among the request's; "cancelled" says that it is to leave off.

Asked for, in the column `command` as {"asked": [...]}:

    {"do": "attempt", "target", "retry", "hedge", "started_us", "first_by_us", "until_us"}
    {"do": "wait", "flights", "until_us"}
    {"do": "sleep", "until_us"}
    {"do": "resolve", "flight"}
    {"do": "branch", "branch"}              let it begin
    {"do": "cancel", "branch"}
    {"do": "finish", "served_by", "error", "reason", "cache"}

"asked" is what safeguards of the input see of the question (`input_layer.Asked`); records without such safeguards may lack
it, and records without a rate limit what was billed of an attempt. Flights are numbered in the order in which they are
first waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any

from app.engine.draws import Draws
from app.inputs.treatment import Treatment
from app.safeguards import base, errors
from app.safeguards.commands import (
    Answer,
    Attempt,
    Cancel,
    Command,
    Flight,
    Outcome,
    Resolve,
    Result,
    Sleep,
    Spawn,
    WaitAny,
)
from app.safeguards.errors import RUN_ENDED, CallError
from app.safeguards.input_layer import Asked, InputLayer
from app.safeguards.pipeline import Pipeline, Workshop
from app.safeguards.request import Branch, Request
from app.scenario.model import Scenario
from app.sessions.vocabulary import CACHE, SERVED_BY

Plain = dict[str, Any]
Observe = Callable[[int, int, Mapping[str, Any], Mapping[str, Any]], object]
"""Takes an observation: now (µs), request number, command, outcome. `RunWriter.observe` is one."""

_PRIMARY, _FALLBACK = SERVED_BY.index("primary"), SERVED_BY.index("fallback")
_NOBODY = SERVED_BY.index("nobody")
_SHAPES: dict[str, dict[str, tuple[type, ...]]] = {
    "request": {
        "intended_us": (int,),
        "cache_key": (int,),
        "input_tokens": (int,),
        "max_tokens": (int,),
        "unaskable": (bool,),
    },
    "attempt": {
        "error": (str, NoneType),
        "retry_after_us": (int, NoneType),
        "first_us": (int, NoneType),
        "cost_pico": (int,),
        "failed_checks": (list,),
    },
    "flight": {"flight": (int,)},
    "time": {},
    "end": {},
    "branch": {},
    "change": {"set": (str,)},
}
_OPTIONAL: dict[str, type] = {"branch": int, "cancelled": bool, "billed": bool}
_ASKED = {"prompt": str, "tokens": int, "problem": str, "unaskable": bool, "steps": int, "versions": dict}
_ERRORS = {error.name: error for error in vars(errors).values() if isinstance(error, CallError)}


@dataclass(slots=True)
class Step:
    """What came of one resume: `asked` in plain data; what it waits for, or its result when it is done.

    `landed` are the flights it resolved on the way, with their numbers, its own included if it is a branch that is done.
    `spawned` and `cancelled` are branches to begin and to cancel.
    """

    asked: list[Plain]
    waiting: Command | None = None
    result: Result | None = None
    landed: tuple[tuple[int, Flight], ...] = ()
    spawned: tuple[Branch, ...] = ()
    cancelled: tuple[Branch, ...] = ()


class Resumer:
    """Resumes lifecycles of one variant, whose clock has been set, and knows the numbers of its flights."""

    def __init__(self) -> None:
        self._flights = 0

    def resume(self, request: Request, outcome: Outcome) -> Step:
        """Send a lifecycle what it waited for, and go on until it waits again or is done."""
        assert request.life is not None
        send = request.life.send
        step = Step([])
        try:
            while True:
                command = send(outcome)
                outcome = None
                if isinstance(command, Resolve):
                    for flight in command.flights:
                        self._land(step, flight)
                elif isinstance(command, Spawn):
                    step.asked.append({"do": "branch", "branch": command.branch.place})
                    step.spawned += (command.branch,)
                elif isinstance(command, Cancel):
                    step.asked.append({"do": "cancel", "branch": command.branch.place})
                    step.cancelled += (command.branch,)
                else:
                    step.asked.append(self._plain(command))
                    step.waiting = command
                    return step
        except StopIteration as stop:
            step.asked.append(finish(request, stop.value))
            if isinstance(request, Branch):
                request.flight.result = stop.value
                self._land(step, request.flight)
            step.result = stop.value
            return step

    def _land(self, step: Step, flight: Flight) -> None:
        number = self.number(flight)
        step.asked.append({"do": "resolve", "flight": number})
        step.landed += ((number, flight),)

    def number(self, flight: Flight) -> int:
        """The flight's number, given when it is first asked for."""
        if flight.number < 0:
            flight.number = self._flights
            self._flights += 1
        return flight.number

    def _plain(self, command: Attempt | Sleep | WaitAny) -> Plain:
        if isinstance(command, Attempt):
            return {
                "do": "attempt",
                "target": command.target,
                "retry": command.retry,
                "hedge": command.hedge,
                "started_us": command.started_us,
                "first_by_us": command.first_by_us,
                "until_us": command.until_us,
            }
        if isinstance(command, Sleep):
            return {"do": "sleep", "until_us": command.until_us}
        flights = [self.number(flight) for flight in command.flights]
        return {"do": "wait", "flights": flights, "until_us": command.until_us}


def end(request: Request) -> Result:
    """The run is over: the lifecycle is dropped, and the request has no answer."""
    assert request.life is not None
    request.life.close()
    return Result.failure(RUN_ENDED)


def finish(request: Request, result: Result) -> Plain:
    """How a request ended, as data."""
    return {
        "do": "finish",
        "served_by": SERVED_BY[_NOBODY if result.answer is None else result.served_by],
        "error": None if result.error is None else result.error.name,
        "reason": request.reason,
        "cache": CACHE[request.cache].partition("_")[0],  # what it put out is not about the request
    }


@dataclass
class AskedBefore:
    """A question of which only is known what safeguards see."""

    prompt_name: str
    tokens: int
    problem: str
    unaskable: bool
    steps: int
    versions: Mapping[Treatment, Asked]


def asked_data(asked: Asked, pipeline: Pipeline) -> Plain:
    """What the pipeline's safeguards can see of a question, its versions by the steps of treatment that made them."""
    versions = {}
    if asked.versions:
        versions = {
            str(len(layer.treatment.steps)): asked_data(asked.versions[layer.treatment], pipeline)
            for layer in pipeline.layers
            if isinstance(layer, InputLayer) and layer.treatment in asked.versions
        }
    return {
        "prompt": asked.prompt_name,
        "tokens": asked.tokens,
        "problem": asked.problem,
        "unaskable": asked.unaskable,
        "steps": asked.steps,
        "versions": versions,
    }


def asked_of(data: Mapping[str, Any], pipeline: Pipeline) -> AskedBefore:
    """The question that `asked_data` wrote down."""
    versions = {
        layer.treatment: asked_of(data["versions"][steps], pipeline)
        for layer in pipeline.layers
        if isinstance(layer, InputLayer) and (steps := str(len(layer.treatment.steps))) in data["versions"]
    }
    return AskedBefore(
        data["prompt"], data["tokens"], data["problem"], data["unaskable"], data["steps"], versions
    )


def request_data(request: Request, pipeline: Pipeline, *, unaskable: bool) -> Plain:
    """All that a lifecycle can see of a request. Its cache key must be an integer, as the plan's are."""
    assert isinstance(request.cache_key, int)
    return {
        "came": "request",
        "intended_us": request.intended_us,
        "cache_key": request.cache_key,
        "input_tokens": request.input_tokens,
        "max_tokens": request.max_tokens,
        "unaskable": unaskable,
        "asked": asked_data(request.question, pipeline),
    }


def request_of(number: int, data: Mapping[str, Any], pipeline: Pipeline) -> Request:
    """The request that `request_data` wrote down; of its question it has what safeguards see."""
    asked = asked_of(data["asked"], pipeline) if "asked" in data else _UNKNOWN
    sizes = (data["input_tokens"], data["max_tokens"])
    return Request().begun((number, data["intended_us"], asked, data["cache_key"], *sizes, 0))


_UNKNOWN = AskedBefore("", 0, "", False, 0, {})


def attempt_data(attempt: Attempt) -> Plain:
    """All that a lifecycle can see of an attempt that is over."""
    return {
        "came": "attempt",
        "error": None if attempt.error is None else attempt.error.name,
        "retry_after_us": attempt.retry_after_us,
        "first_us": attempt.first_us,
        "cost_pico": attempt.cost_pico,
        "billed": attempt.billed,
        "input_tokens": attempt.input_tokens,
        "output_tokens": attempt.output_tokens,
        "failed_checks": [] if attempt.answer is None else sorted(attempt.answer.failed_checks),
    }


def tell(attempt: Attempt, data: Mapping[str, Any]) -> None:
    """Let the attempt end as `attempt_data` wrote it down."""
    error = data["error"]
    answer = None if error else Answer("real", failed_checks=frozenset(data["failed_checks"]))
    conclude(attempt, answer, _ERRORS[error] if error else None)
    attempt.retry_after_us = data["retry_after_us"]
    attempt.first_us = data["first_us"]
    attempt.cost_pico = data["cost_pico"]
    attempt.billed = data.get("billed", False)
    attempt.input_tokens = data.get("input_tokens", 0)
    attempt.output_tokens = data.get("output_tokens", 0)


def fault_in(data: Mapping[str, Any], variants: int) -> str:
    """What is wrong with the data of what was delivered, in a run of so many variants; empty if nothing."""
    shape = _SHAPES.get(str(data.get("came")))
    if shape is None:
        return "it does not say what came"
    for name, kinds in {"variant": (int,), **shape}.items():
        if name not in data or not isinstance(data[name], kinds):
            return f"'{name}' is missing or wrong"
    if not 0 <= data["variant"] < variants:
        return "there is no such variant"
    if data["came"] == "request" and "asked" in data and not _is_asked(data["asked"]):
        return "'asked' is wrong"
    for name, kind in _OPTIONAL.items():
        if not isinstance(data.get(name, kind()), kind):
            return f"'{name}' is wrong"
    if data.get("error") is not None and data["error"] not in _ERRORS:
        return f"'{data['error']}' is no known error"
    return ""


def _is_asked(data: object) -> bool:
    return (
        isinstance(data, dict)
        and all(isinstance(data.get(name), kind) for name, kind in _ASKED.items())
        and all(map(_is_asked, data["versions"].values()))
    )


def conclude(attempt: Attempt, answer: Answer | None, error: CallError | None) -> None:
    """Give the attempt its answer or its error, and say who it is from: target 0 is the primary."""
    attempt.answer = answer
    attempt.error = error
    if answer is not None:
        attempt.served_by = _PRIMARY if attempt.target == 0 else _FALLBACK


def surroundings_of(scenario: Scenario, draws: Draws) -> base.World:
    """What the variants' safeguards may know of the run."""
    targets = scenario.targets
    return base.World(
        tuple(targets),
        tuple(target.model for target in targets.values()),
        tuple(target.tariff() for target in targets.values()),
        draws,
        tuple(target.limits() for target in targets.values()),
    )


def pipeline_of(scenario: Scenario, variant: str) -> Pipeline:
    """A fresh pipeline of the variant. Raises UserError where the scenario cannot be carried out."""
    surroundings = surroundings_of(scenario, Draws(scenario.seed))
    return Workshop().build(scenario.variants[variant].safeguards, surroundings)
