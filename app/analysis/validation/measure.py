"""Runs the small scenarios of the known results through the real engine; hands out their rows as arrays."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from app.engine.draws import Draws
from app.engine.questions import QuestionBook
from app.engine.simulation import Simulation
from app.engine.world import World
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.providers.simulated import SimulatedProvider
from app.scenario.files import parse_scenario
from app.sessions.flat_rows import FlatRows
from app.sessions.vocabulary import ATTEMPT_COLUMNS, OUTCOMES, REQUEST_COLUMNS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_SCENARIO = """
title = "A known result"
seed = {seed}
duration_s = {duration_s}
drain_s = 86400
[prompts]
path = "ask.j2"
[data]
path = "rows.csv"
[tokens]
input_tokens = 1
output_sigma = 0
[targets.primary]
quality = 1
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }}
"""


@dataclass(frozen=True)
class Rows:
    """What the variant logged: the columns that count here, by name, in order of request and then of attempt."""

    requests: dict[str, Ints]
    attempts: dict[str, Ints]

    @property
    def answered(self) -> Bools:
        """Which requests got an answer."""
        got: Bools = self.requests["outcome"] != OUTCOMES.index("failed")
        return got


def measure(
    tables: str,
    *,
    seed: int,
    duration_s: float,
    rows: int = 1,
    provider: type[SimulatedProvider] = SimulatedProvider,
) -> Rows:
    """Run a scenario of one variant, `bare`, on data of so many `rows`. `tables` go on in the target's."""
    text = _SCENARIO.format(seed=seed, duration_s=duration_s) + tables
    with TemporaryDirectory(prefix="seatrial-") as name, BoundedWorker() as worker:
        folder = Path(name)
        (folder / "ask.j2").write_text("{{ question }}", encoding="utf-8")
        data = "question,number\n" + "".join(f"question {n},{n}\n" for n in range(rows))
        (folder / "rows.csv").write_text(data, encoding="utf-8")
        inputs = prepare_inputs(parse_scenario(text, folder / "known.toml"), worker)
        draws = Draws(seed)
        names: dict[str, int] = defaultdict(count(1).__next__)
        questions = QuestionBook(inputs, draws, worker)
        simulation = Simulation(
            inputs.scenario, questions, draws, names, lambda _variant: 0, provider=provider
        )
        world = _ended(simulation)
    return Rows(
        _columns(
            world.request_rows,
            REQUEST_COLUMNS,
            ("intended_us", "finished_us", "outcome", "attempts", "cache"),
        ),
        _columns(
            world.attempt_rows,
            ATTEMPT_COLUMNS,
            ("started_us", "queued_us", "finished_us", "status", "hedge", "billed"),
        ),
    )


def _ended(simulation: Simulation) -> World:
    while not simulation.done:
        simulation.advance(simulation.horizon_us())
    simulation.finish()
    return simulation.worlds[0]


def _columns(rows: FlatRows, names: tuple[str, ...], wanted: tuple[str, ...]) -> dict[str, Ints]:
    order = np.argsort(rows.column(names.index("key")))
    return {name: np.array(rows.column(names.index(name)), dtype=np.int64)[order] for name in wanted}
