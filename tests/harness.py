"""Runs scenarios in tests without a log: the real engine, and its rows with names instead of codes."""

from __future__ import annotations

import atexit
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.engine.draws import Draws
from app.engine.questions import QuestionBook
from app.engine.rows import Row
from app.engine.simulation import Simulation
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs, prepare_inputs
from app.scenario.files import ScenarioFile, open_scenario, parse_scenario
from app.sessions.vocabulary import ATTEMPT_COLUMNS, CACHE, OUTCOMES, REQUEST_COLUMNS, SERVED_BY, parts_of

SHARED_WORKER = BoundedWorker()
"""For tests that need one and do nothing to it: starting a process each time costs more than most of them do. It starts
when it is first asked, and `conftest` ends it after each module. It holds one scenario's prompts at a time."""
atexit.register(SHARED_WORKER.close)


class Names(dict[str, int]):
    """Codes for texts, given as they come."""

    def __missing__(self, text: str) -> int:
        code = self[text] = len(self) + 1
        return code


@dataclass(frozen=True)
class Ran:
    """A finished simulation and what it logged, by variant."""

    simulation: Simulation
    names: Mapping[str, int]
    faults: Mapping[str, Counter[str]]
    _read: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False, compare=False)

    def requests(self, variant: str) -> list[dict[str, Any]]:
        """Requests in order of number; codes are read back as words."""
        if variant not in self._read:
            self._read[variant] = self._requests(variant)
        return self._read[variant]

    def _requests(self, variant: str) -> list[dict[str, Any]]:
        words = {code: text for text, code in self.names.items()} | {0: ""}
        requests = []
        for row in sorted(self._world(variant).request_rows, key=lambda each: each[0] or 0):
            request: dict[str, Any] = dict(zip(REQUEST_COLUMNS, row, strict=True))
            request["number"] = parts_of(request["key"]).number
            request["served_by"] = SERVED_BY[request["served_by"]]
            request["outcome"] = OUTCOMES[request["outcome"]]
            request["cache"] = CACHE[request["cache"]]
            for name in ("reason", "faults", "mess"):
                request[name] = words[request.pop(f"{name}_name")]
            requests.append(request)
        return requests

    def attempts(self, variant: str) -> list[dict[str, Any]]:
        """Attempts in order of request and start."""
        words = {code: text for text, code in self.names.items()} | {0: ""}
        attempts = []
        for row in sorted(self._world(variant).attempt_rows, key=lambda each: each[0] or 0):
            attempt: dict[str, Any] = dict(zip(ATTEMPT_COLUMNS, row, strict=True))
            attempt["number"], attempt["sequence"] = parts_of(attempt["key"])[2:]
            attempt["error"] = words[attempt.pop("error_name")]
            attempt["fault"] = words[attempt.pop("fault_name")]
            attempt["reason"] = words[attempt.pop("reason_name")]
            attempts.append(attempt)
        return attempts

    def rows(self, variant: str) -> tuple[list[Row], list[Row]]:
        """The bare rows: requests and attempts."""
        world = self._world(variant)
        return list(world.request_rows), list(world.attempt_rows)

    def share(self, variant: str, begin_s: float, end_s: float, **wanted: str) -> float:
        """Share of the requests that were meant to arrive in [begin_s, end_s) with these values."""
        there = [r for r in self.requests(variant) if begin_s * 1e6 <= r["intended_us"] < end_s * 1e6]
        return sum(all(r[name] == value for name, value in wanted.items()) for r in there) / len(there)

    def _world(self, variant: str) -> Any:
        return next(world for world in self.simulation.worlds if world.name == variant)


@contextmanager
def simulation_of(
    file: ScenarioFile, *, worker: BoundedWorker | None = None, **inputs: Any
) -> Iterator[tuple[Simulation, Names]]:
    """A simulation of the scenario that has not begun; on a `worker` of the test's own, or the shared one."""
    ready = worker or SHARED_WORKER
    yield _simulation(prepare_inputs(file, ready, **inputs), ready)


def run(scenario: str | ScenarioFile, settings: Sequence[str] = (), **inputs: Any) -> Ran:
    """Run a scenario (a ready-made one's name, a file, or text with line breaks) to its end."""
    file = scenario if isinstance(scenario, ScenarioFile) else opened(scenario, settings)
    with simulation_of(file, **inputs) as (simulation, names):
        return _ran(simulation, names)


def run_seeds(scenario: str | ScenarioFile, seeds: Sequence[int], settings: Sequence[str] = ()) -> list[Ran]:
    """Run a scenario once with each seed; its inputs are read once."""
    file = scenario if isinstance(scenario, ScenarioFile) else opened(scenario, settings)
    inputs = prepare_inputs(file, SHARED_WORKER)
    seeded = [replace(inputs, scenario=inputs.scenario.model_copy(update={"seed": seed})) for seed in seeds]
    return [_ran(*_simulation(each, SHARED_WORKER)) for each in seeded]


def _simulation(inputs: Inputs, worker: BoundedWorker) -> tuple[Simulation, Names]:
    draws = Draws(inputs.scenario.seed)
    names = Names()
    book = QuestionBook(inputs, draws, worker)
    return Simulation(inputs.scenario, book, draws, names, lambda variant: variant << 40), names


def _ran(simulation: Simulation, names: Names) -> Ran:
    while not simulation.done:
        simulation.advance(simulation.horizon_us())
    simulation.finish()
    faults = {world.name: Counter(kind for _, kind in world.take_faults()) for world in simulation.worlds}
    return Ran(simulation, names, faults)


def opened(scenario: str, settings: Sequence[str] = ()) -> ScenarioFile:
    """A scenario file from a name, a path or its text."""
    if "\n" in scenario:
        return parse_scenario(scenario, Path("scenario.toml").resolve(), settings)
    return open_scenario(scenario, settings)
