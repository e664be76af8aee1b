"""The same scenario in both worlds: the virtual one, and real calls to a server on loopback with faults on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.engine.draws import Draws
from app.engine.live import Taken
from app.engine.questions import QuestionBook
from app.engine.rows import RowMaker
from app.engine.simulation import Simulation
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs, prepare_inputs
from app.providers.address import Api
from app.providers.calls import open_transport
from app.providers.endpoint import Endpoint
from app.safeguards.commands import Attempt
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from app.sessions.records import ObservationRecord
from tests.engine.live_runs import GOOD
from tests.engine.live_stage import Stage
from tests.engine.loopback import Play, serving, speaks
from tests.harness import Names

USAGE = (120, 9)
BASE = """
title = "Wire"
seed = 5
duration_s = 60
drain_s = 60
patience_s = 30
[prompts]
path = "sample:prompts"
only = ["triage"]
[traffic]
rate_per_s = 200
[tokens]
max_tokens = 50
[targets.primary]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }
first_token_s = 0.01
tokens_per_s = 1000
quality = 1
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
first_token_s = 0.01
tokens_per_s = 1000
quality = 1
[[checks]]
kind = "json_schema"
id = "answer_format"
schema = { type = "object", required = ["intent"] }
"""


@dataclass(frozen=True)
class Ended:
    """How an attempt ended, as both worlds can tell it."""

    number: int
    target: int
    retry: int
    hits: int
    error: str
    status: int
    billed: bool
    retry_after_us: int | None
    correct: bool
    failed_checks: frozenset[str]


@dataclass(frozen=True)
class Made:
    """What came of a run: its attempts in order, their costs (picodollars), and of a live one what else there is."""

    scenario: Scenario
    ended: list[Ended]
    costs: list[int]
    observations: list[ObservationRecord]
    heard: int
    texts: list[str]
    log: list[tuple[int, str]]


class _Rows(RowMaker):
    """Keeps the attempts themselves."""

    def __init__(self) -> None:
        super().__init__(0, Names(), lambda bits: 1)
        self.kept: list[Attempt] = []

    def attempt(self, attempt: Attempt) -> Any:
        self.kept.append(attempt)
        return super().attempt(attempt)


class WireRig:
    """Runs the first requests of a scenario's first variant in either world."""

    def __init__(self, worker: BoundedWorker, folder: Path) -> None:
        self._worker = worker
        self._folder = folder
        self._inputs: dict[str, Inputs] = {}

    def _prepared(self, text: str) -> Inputs:
        # Reading prompts anew for every fault would take longer than the calls.
        plain = text.partition("[[faults]]")[0]
        scenario = parse_scenario(text, self._folder / "wire.toml").scenario
        if plain not in self._inputs:
            self._inputs[plain] = prepare_inputs(
                parse_scenario(text, self._folder / "wire.toml"), self._worker
            )
        inputs = self._inputs[plain]
        return replace(inputs, scenario=inputs.scenario.model_copy(update={"faults": scenario.faults}))

    def virtual(self, text: str, requests: int) -> Made:
        """In the virtual world."""
        inputs = self._prepared(f"{BASE}{text}")
        traffic = inputs.scenario.traffic.model_copy(update={"max_requests": requests})
        scenario = inputs.scenario.model_copy(update={"traffic": traffic})
        inputs = replace(inputs, scenario=scenario)
        draws = Draws(scenario.seed)
        book = QuestionBook(inputs, draws, self._worker)
        simulation = Simulation(scenario, book, draws, Names(), lambda variant: variant << 40)
        rows = _Rows()
        simulation.worlds[0]._rows = rows
        while not simulation.done:
            simulation.advance(simulation.horizon_us())
        simulation.finish()
        return _made(scenario, rows.kept, [], 0, simulation.worlds[0].take_faults())

    def live(self, text: str, requests: int, api: Api, play: Play | None = None) -> Made:
        """With real calls. The server answers well unless told otherwise."""
        inputs = self._prepared(f"{BASE}{text}")
        scenario = inputs.scenario
        variant = next(iter(scenario.variants))
        stage = Stage(inputs, self._worker, variant, requests)
        observations: list[ObservationRecord] = []

        def observe(now: int, number: int, command: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
            observations.append(ObservationRecord(len(observations), now, number, command, outcome))

        async def run() -> tuple[int, Taken]:
            answer = play or speaks(api, GOOD, usage=USAGE)
            async with serving(lambda n: answer) as server, open_transport() as transport:
                url = server.base_url.removesuffix("/v1") if api == "anthropic-messages" else server.base_url
                endpoints = {name: Endpoint(url, "a-model", api=api) for name in scenario.targets}
                world = stage.world(endpoints, transport, observe)
                async with asyncio.timeout(30):
                    await stage.play(world)
                left = {str(task.get_coro()) for task in asyncio.all_tasks()}
                assert not [each for each in left if "_receive" in each or "_make" in each]
                return len(server.heard), world.take()

        heard, taken = asyncio.run(run())
        attempts = [ended.attempt for ended in taken.attempts]
        return _made(scenario, attempts, observations, heard, taken.faults)


def _made(
    scenario: Scenario,
    kept: list[Attempt],
    observations: list[ObservationRecord],
    heard: int,
    log: list[tuple[int, str]],
) -> Made:
    attempts = sorted(kept, key=lambda each: (each.request.number, each.sequence))
    return Made(
        scenario,
        [_ended(each) for each in attempts],
        [each.cost_pico for each in attempts],
        observations,
        heard,
        ["" if each.answer is None else each.answer.text for each in attempts],
        log,
    )


def _ended(attempt: Attempt) -> Ended:
    answer = attempt.answer
    return Ended(
        attempt.request.number,
        attempt.target,
        attempt.retry,
        attempt.hits,
        "" if attempt.error is None else attempt.error.name,
        attempt.status,
        attempt.billed,
        attempt.retry_after_us,
        answer is not None and answer.correct,
        frozenset() if answer is None else answer.failed_checks,
    )


@contextmanager
def wire_rig(folder: Path) -> Iterator[WireRig]:
    """A rig with a worker of its own."""
    with BoundedWorker() as worker:
        yield WireRig(worker, folder)


def fault(kind: str, **settings: object) -> str:
    """A fault as a scenario has it; it always strikes unless told."""
    told = {"kind": f'"{kind}"', "rate": 1, **settings}
    return "[[faults]]\n" + "\n".join(f"{name} = {value}" for name, value in told.items()) + "\n"
