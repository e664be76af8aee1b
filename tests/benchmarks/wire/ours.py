"""`python -m tests.benchmarks.wire.ours URL CALLS [RATE_PER_S]`: the live driver with all safeguards and a session log.

Without a rate all calls are asked for at once, and `concurrency` lets so many be under way as other clients have
connections. With a rate they come at even gaps, and what is measured is how late each is sent.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from app.engine.desk import desk_for
from app.engine.draws import Draws
from app.engine.live import LiveWorld, first_arrivals
from app.engine.plan import Plan
from app.engine.questions import QuestionBook
from app.engine.rows import GOOD, RowMaker
from app.engine.run import seldom_collecting
from app.engine.wire_faults import WireFaults
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import Inputs, prepare_inputs
from app.providers.calls import open_transport
from app.providers.endpoint import Endpoint
from app.providers.wires import WIRES
from app.scenario.files import parse_scenario
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import ATTEMPT_COLUMNS, REQUEST_COLUMNS, key_of
from app.sessions.writer import FLUSH_AFTER_S, NewRun, NewVariant, RunWriter
from tests.benchmarks.wire.measured import CONNECTIONS, Measured
from tests.harness import Names

SCENARIO = """
title = "Wire"
seed = 5
duration_s = 3600
drain_s = 60
patience_s = 60
[prompts]
path = "sample:prompts"
only = ["triage"]
[traffic]
arrivals = "constant"
rate_per_s = {rate}
[tokens]
max_tokens = 50
[targets.primary]
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }}
[targets.fallback]
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }}
[variants.safeguarded]
safeguards = [
  {{ kind = "deadline", total_s = 60 }},
  {{ kind = "fallback", targets = ["fallback"] }},
  {{ kind = "retry", max_retries = 2 }},
  {{ kind = "retry_budget" }},
  {{ kind = "breaker" }},
  {{ kind = "budget", per_run_usd = 1000 }},
  {{ kind = "concurrency", max_in_flight = {connections}, max_queue = 1000000, max_wait_s = 60 }},
  {{ kind = "attempt_timeout", attempt_s = 30, first_token_s = 30 }},
  {{ kind = "answer_check" }},
  {{ kind = "canned", text = "Later." }},
]
"""
AT_ONCE_PER_S = 100_000
_STARTED = ATTEMPT_COLUMNS.index("started_us")
_INTENDED, _OUTCOME = REQUEST_COLUMNS.index("intended_us"), REQUEST_COLUMNS.index("outcome")


def body() -> bytes:
    """What the first call says, for others to say the same."""
    import json

    with BoundedWorker() as worker:
        inputs = _prepared(worker, 1)
        book = QuestionBook(inputs, Draws(inputs.scenario.seed), worker)
        asked = book.asked(next(iter(_plan(inputs, book, 1)))[2])
        assert not isinstance(asked, str)
        return json.dumps(WIRES["openai-chat"].body("a-model", asked, 50)).encode()


def call(url: str, calls: int, rate: float | None) -> Measured:
    """So many requests, each with its lifecycle and its rows."""
    with (
        TemporaryDirectory() as folder,
        SessionLog.open(Path(folder) / "log.db") as log,
        BoundedWorker() as worker,
    ):
        inputs = _prepared(worker, rate or AT_ONCE_PER_S)
        scenario = inputs.scenario
        draws = Draws(scenario.seed)
        book = QuestionBook(inputs, draws, worker)
        arrivals = _plan(inputs, book, calls)
        writer = RunWriter(log)
        new = NewRun("wire", "Wire", "", 1, "wall", 3600, (NewVariant("safeguarded", "s"),), ("p", "f"))
        run_id = writer.start(new)
        began: list[float] = []

        def observe(now: int, number: int, command: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
            if not began:
                began.extend((process_time(), perf_counter()))
            writer.observe(now, number, command, outcome)

        async def run() -> None:
            async with open_transport(max(CONNECTIONS, calls if rate else 0)) as transport:
                endpoint = Endpoint(url.removesuffix("/chat/completions"), "a-model")
                world = LiveWorld(
                    scenario,
                    "safeguarded",
                    {"primary": endpoint, "fallback": endpoint},
                    transport=transport,
                    desk=desk_for(inputs, book, worker),
                    observe=observe,
                    rows=RowMaker(key_of(run_id, 0, 0), Names(), lambda bits: 1),
                    faults=WireFaults(scenario, "safeguarded", draws),
                )
                task = asyncio.create_task(world.run(arrivals))
                while not task.done():
                    await asyncio.wait([task], timeout=FLUSH_AFTER_S)
                    writer.add(0, world.request_rows, world.attempt_rows)
                    requests.extend(world.request_rows)
                    attempts.extend(world.attempt_rows)
                    world.request_rows.clear()
                    world.attempt_rows.clear()
                    writer.flush(world.now_us)
                task.result()
                writer.end("finished", world.now_us)

        requests: list[tuple[int | None, ...]] = []
        attempts: list[tuple[int | None, ...]] = []
        with seldom_collecting():
            asyncio.run(run())
        cpu_s, wall_s = process_time() - began[0], perf_counter() - began[1]
        late_s = []
        if rate:
            intended = sorted(row[_INTENDED] or 0 for row in requests)
            started = sorted(row[_STARTED] or 0 for row in attempts)
            late_s = [(sent - meant) / 1e6 for meant, sent in zip(intended, started, strict=True)]
        return Measured(len(requests), sum(row[_OUTCOME] == GOOD for row in requests), cpu_s, wall_s, late_s)


def _prepared(worker: BoundedWorker, rate: float) -> Inputs:
    connections = CONNECTIONS if rate == AT_ONCE_PER_S else 1_000_000
    text = SCENARIO.format(rate=rate, connections=connections)
    return prepare_inputs(parse_scenario(text, Path("wire.toml")), worker)


def _plan(inputs: Inputs, book: QuestionBook, calls: int) -> list[Any]:
    scenario = inputs.scenario
    draws = Draws(scenario.seed)
    plan = Plan(scenario, draws, book, FaultSet(scenario.faults, draws, []))
    return first_arrivals(plan, 3600, calls)


if __name__ == "__main__":
    call(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else None).tell()
