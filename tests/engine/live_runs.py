"""Runs a scenario's variant live against loopback servers, with a real session log, and reads that back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.engine.live_rows import LiveRows
from app.engine.run_record import Names
from app.inputs.preparation import prepare_inputs
from app.providers.calls import open_transport
from app.providers.endpoint import Endpoint
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.reader import RunReader
from app.sessions.records import AttemptRecord, ObservationRecord, RequestRecord
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import key_of
from app.sessions.writer import NewRun, NewVariant, RunWriter
from tests.engine.live_stage import Stage
from tests.engine.loopback import Heard, Play, serving
from tests.harness import SHARED_WORKER

Plain = Mapping[str, Any]
GOOD = '{"intent": "refund_request"}'
"""An answer that passes the scenario's runtime check."""

TRIAGE = """
[prompts]
path = "sample:prompts"
only = ["triage"]
[tokens]
max_tokens = 50
"""
"""What short scenarios of real calls ask."""

CHECKED = """
[[checks]]
kind = "json_schema"
id = "answer_format"
schema = { type = "object", required = ["intent"] }
"""

SCENARIO = (
    """
title = "Live"
seed = 5
duration_s = 60
drain_s = 5
patience_s = 5
"""
    + TRIAGE
    + CHECKED
    + """
[traffic]
rate_per_s = 100
repeat_rate = 0.3
[targets.primary]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
[variants.bare]
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = 1
first_token_s = 1
[variants.safe]
safeguards = [
  { kind = "deadline", total_s = 2 },
  { kind = "cache", ttl_s = 600 },
  { kind = "fallback", targets = ["fallback"] },
  { kind = "retry", max_retries = 2, base_s = 0.02, cap_s = 0.1, max_retry_after_s = 0.2 },
  { kind = "retry_budget", ratio = 0.2, min_per_s = 5, max_tokens = 20 },
  { kind = "breaker", window_s = 0.5, min_calls = 10, open_s = 0.3, half_open_calls = 2 },
  { kind = "budget", per_run_usd = 1 },
  { kind = "attempt_timeout", attempt_s = 0.3, first_token_s = 0.2 },
  { kind = "answer_check" },
  { kind = "canned", text = "Later." },
]
"""
)


@dataclass(frozen=True)
class Lived:
    """A live run as the log has it, and what its servers heard."""

    scenario: Scenario
    requests: list[RequestRecord]
    attempts: list[AttemptRecord]
    observations: list[ObservationRecord]
    heard: list[list[Heard]]


def live(
    folder: Path,
    variant: str,
    *scripts: Callable[[int], Play],
    requests: int = 1,
    text: str = SCENARIO,
    stop_after: int | None = None,
) -> Lived:
    """Serve the scenario's first `requests`, a server per target; cancelled after `stop_after` resumes."""
    file = parse_scenario(text, folder / "live.toml")
    with SessionLog.open(folder / "log.db") as log:
        stage = Stage(prepare_inputs(file, SHARED_WORKER), SHARED_WORKER, variant, requests)
        scenario = stage.scenario
        variants = tuple(NewVariant(name, name) for name in scenario.variants)
        new = NewRun("live", "Live", file.text, scenario.seed, "wall", 60, variants, tuple(scenario.targets))
        writer = RunWriter(log)
        run_id = writer.start(new)
        index = list(scenario.variants).index(variant)
        rows = LiveRows(key_of(run_id, index, 0), Names(writer))

        async def run() -> list[list[Heard]]:
            async with AsyncExitStack() as stack:
                servers = [await stack.enter_async_context(serving(script)) for script in scripts]
                transport = await stack.enter_async_context(open_transport())
                endpoints = {
                    name: Endpoint(server.base_url, f"{name}-model")
                    for name, server in zip(scenario.targets, servers, strict=False)
                }
                enough = asyncio.Event()

                def observe(now: int, number: int, command: Plain, outcome: Plain) -> None:
                    if writer.observe([(now, number, command, outcome)]) - 1 == stop_after:
                        enough.set()

                world = stage.world(endpoints, transport, observe)
                task = asyncio.create_task(stage.play(world))
                stopper = asyncio.create_task(enough.wait())
                await asyncio.wait([task, stopper], return_when=asyncio.FIRST_COMPLETED)
                stopper.cancel()
                task.cancel()
                await asyncio.wait([task, stopper])
                assert task.cancelled() == enough.is_set()
                if not enough.is_set():
                    task.result()
                taken = world.take()
                writer.add(
                    index,
                    request_rows(map(rows.request, taken.requests)),
                    attempt_rows(map(rows.attempt, taken.attempts)),
                )
                writer.end("finished", world.read_clock())
                left = {task for task in asyncio.all_tasks() if not _is_servers(task)}
                assert left == {asyncio.current_task()}
                return [server.heard for server in servers]

        heard = asyncio.run(run())
        reader = RunReader(log, run_id)
        finished = [found for n in range(requests) if (found := reader.request(variant, n))]
        return Lived(
            scenario,
            [request for request, _ in finished],
            [attempt for _, attempts in finished for attempt in attempts],
            reader.observations(limit=100_000),
            heard,
        )


def _is_servers(task: asyncio.Task[object]) -> bool:
    return "Loopback._serve" in str(task.get_coro())
