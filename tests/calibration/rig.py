"""A calibration of a loopback server that answers by a script, and of a served scenario whose profile is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from app.calibration.calibration import Calibration, Order, calibrate, prepare
from app.calibration.measuring import Halt, Progress
from app.scenario.files import ScenarioFile, parse_scenario
from tests.engine.loopback import Loopback, Play, serving
from tests.serve.rig import BOUND_S, PROMPT, ROWS

SCENARIO = """
title = "To be calibrated"
seed = 4
[prompts]
path = "ask.j2"
[data]
path = "rows.csv"
[traffic]
rate_per_s = 5
[tokens]
output_tokens = 100
max_tokens = 300
[targets.primary]
model = "small-model"  # the one that we rent
slots = 20
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }
[targets.primary.endpoint]
base_url = "BASE"
[targets.fallback]
model = "other-model"
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
[targets.fallback.endpoint]
base_url = "BASE"
[variants.prototype]
preset = "prototype"
[assumptions]
patience_s = "a guess"
"""


def scenario_in(folder: Path, base_url: str, *settings: str) -> ScenarioFile:
    """The scenario with its prompts and rows in a folder; its calls go to `base_url`."""
    (folder / "ask.j2").write_text(PROMPT, encoding="utf-8")
    rows = "".join(f'"{question}",{intent}\n' for question, intent in ROWS.items())
    (folder / "rows.csv").write_text(f"question,intent\n{rows}", encoding="utf-8")
    path = folder / "own.toml"
    path.write_text(SCENARIO.replace("BASE", base_url), encoding="utf-8")
    return parse_scenario(path.read_text(encoding="utf-8"), path, settings)


def no_keys(_origin: str) -> None:
    """Nobody has a key."""


def calibrated(
    order: Order, tell: Callable[[Progress], None] = lambda _: None, halt: Halt | None = None
) -> Calibration:
    """What comes of an order."""
    return calibrate(prepare(order, no_keys), tell, halt or Halt())


@contextmanager
def loopback(script: Callable[[int], Play]) -> Iterator[Loopback]:
    """The server in a thread of its own, until the end of the block."""
    ready = Event()
    there: list[tuple[Loopback, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def life() -> None:
        async with serving(script) as server:
            over = asyncio.Event()
            there.append((server, asyncio.get_running_loop(), over))
            ready.set()
            await over.wait()

    thread = Thread(target=asyncio.run, args=(life(),))
    thread.start()
    try:
        assert ready.wait(BOUND_S)
        yield there[0][0]
    finally:
        _, loop, over = there[0]
        loop.call_soon_threadsafe(over.set)
        thread.join(BOUND_S)
    assert not thread.is_alive()
