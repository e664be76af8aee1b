"""Small scenarios through the real engine: two prompts, five rows, exact sizes and prices, one worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from app.engine.simulation import Simulation
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs, prepare_inputs
from app.scenario.files import ScenarioFile
from tests.harness import Names, Ran, opened, run, simulation_of

_PROMPTS = {"ask": "Answer this: {{ question }}", "sort": "Sort this: {{ question }} (plan {{ plan }})"}
_DATA = """question,plan
Where is my order 4711 of 2026-01-08?,small
"The zip broke, and I want my money back.",large
How do I change my address?,small
"It cost 12.50 EUR, and it is still not here.",large
Please cancel all of it,small
"""

_HEAD = """
title = "A small run"
seed = {seed}
duration_s = {duration_s}
drain_s = 200
patience_s = 30
[traffic]
arrivals = "{arrivals}"
rate_per_s = {rate_per_s}
repeat_rate = {repeat_rate}
[tokens]
input_tokens = 100
output_tokens = 10
output_sigma = 0
max_tokens = 20
[targets.primary]
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }}
quality = 1
{primary}
"""

TOKEN_PICO = 1_000_000
"""What a token costs."""

CONSTANT = 'service = "constant"\nservice_s = 1'
"""A target that takes 1 s for everything."""


class Small:
    """Runs of small scenarios, on prompts and data of their own."""

    def __init__(self, folder: Path, worker: BoundedWorker) -> None:
        self._prompts = folder / "prompts"
        self._prompts.mkdir()
        for name, text in _PROMPTS.items():
            (self._prompts / f"{name}.j2").write_text(text, encoding="utf-8")
        self._data = folder / "data.csv"
        self._data.write_text(_DATA, encoding="utf-8")
        self.worker = worker

    def run(self, file: ScenarioFile) -> Ran:
        """Run to the end."""
        return run(file, worker=self.worker, prompts=self._prompts, data=self._data)

    def inputs(self, file: ScenarioFile) -> Inputs:
        """What a run takes."""
        return prepare_inputs(file, self.worker, prompts=self._prompts, data=self._data)

    def begin(self, file: ScenarioFile) -> AbstractContextManager[tuple[Simulation, Names]]:
        """A run that has not begun."""
        return simulation_of(file, worker=self.worker, prompts=self._prompts, data=self._data)


def scenario(
    tables: str = "",
    *,
    seed: int = 1,
    duration_s: float = 10,
    arrivals: str = "constant",
    rate_per_s: float = 1,
    repeat_rate: float = 0,
    primary: str = CONSTANT,
    settings: tuple[str, ...] = (),
) -> ScenarioFile:
    """A small scenario: `tables` go on behind the primary target; without variants there is one, `bare`.

    By default requests 0, 1, 2, ... arrive at 1 s, 2 s, 3 s, ... and take a second each.
    """
    head = _HEAD.format(
        seed=seed,
        duration_s=duration_s,
        arrivals=arrivals,
        rate_per_s=rate_per_s,
        repeat_rate=repeat_rate,
        primary=primary,
    )
    variants = "" if "[variants" in tables else "\n[variants.bare]\n"
    return opened(head + tables + variants, settings)


@contextmanager
def small_runs(folder: Path) -> Iterator[Small]:
    """A place for small runs, and the worker they share."""
    with BoundedWorker() as worker:
        yield Small(folder, worker)
