"""`python -m tests.benchmarks.wire.ours URL CALLS [RATE_PER_S]`: a run of real calls with safeguards and a session log.

Without a rate as many users as other clients have connections ask in a closed loop, each as soon as the answer is there
(but for a millisecond, the least that a user may think). With a rate requests come at even gaps, and what is measured is how
late each is sent.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import app.engine.live_run  # noqa: F401 (a run imports it when it needs it, and that is not what is measured)
from app.engine.control import Control
from app.engine.draws import Draws
from app.engine.plan import Plan
from app.engine.questions import QuestionBook
from app.engine.real_calls import RealCalls
from app.engine.run import Listener, Order, run_scenario
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.providers.wires import WIRES
from app.scenario.files import ScenarioFile, parse_scenario
from app.sessions.session_log import SessionLog
from tests.benchmarks.wire.measured import CONNECTIONS, Measured

SCENARIO = """
title = "Wire"
seed = 5
duration_s = {duration_s}
drain_s = 120
patience_s = 120
[prompts]
path = "sample:prompts"
only = ["triage"]
[traffic]
{arrivals}
max_requests = {calls}
[tokens]
max_tokens = 50
[targets.primary]
model = "a-model"
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }}
endpoint = {{ base_url = "{base_url}" }}
[targets.fallback]
model = "a-model"
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }}
endpoint = {{ base_url = "{base_url}" }}
[variants.safeguarded]
safeguards = [
  {{ kind = "deadline", total_s = 120 }},
  {{ kind = "fallback", targets = ["fallback"] }},
  {{ kind = "retry", max_retries = 2 }},
  {{ kind = "retry_budget" }},
  {{ kind = "breaker" }},
  {{ kind = "budget", per_run_usd = 1000 }},
  {{ kind = "concurrency", max_in_flight = {in_flight}, max_queue = 1000000, max_wait_s = 120 }},
  {{ kind = "attempt_timeout", attempt_s = 30, first_token_s = 30 }},
  {{ kind = "answer_check" }},
  {{ kind = "canned", text = "Later." }},
]
"""
CLOSED = """arrivals = "closed"
users = {{ count = {users}, think_s = 0.001, think = "constant" }}"""
OPEN = """arrivals = "constant"
rate_per_s = {rate_per_s}"""
LONG_ENOUGH_S = 3600


def body() -> bytes:
    """What the first call says, for others to say the same."""
    with BoundedWorker() as worker:
        inputs = prepare_inputs(_scenario("http://127.0.0.1:1/v1", 1, None), worker)
        draws = Draws(inputs.scenario.seed)
        book = QuestionBook(inputs, draws, worker)
        plan = Plan(inputs.scenario, draws, book, FaultSet((), draws, []))
        planned = plan.next_at(0)
        assert planned is not None
        (asked,) = book.asked([planned[2]])
        assert not isinstance(asked, str)
        return json.dumps(WIRES["openai-chat"].body("a-model", asked, 50)).encode()


def call(url: str, calls: int, rate_per_s: float | None) -> Measured:
    """So many requests, each with its lifecycle and its rows."""
    began: list[float] = []

    def start(_run_id: int) -> None:
        began.extend((process_time(), perf_counter()))

    file = _scenario(url.removesuffix("/chat/completions"), calls, rate_per_s)
    with TemporaryDirectory() as folder, SessionLog.open(Path(folder) / "log.db") as log:
        run_id = run_scenario(Order(file, real=RealCalls(1e6)), log, Control(), Listener(started=start))
        cpu_s, wall_s = process_time() - began[0], perf_counter() - began[1]
        outcomes = log.db.execute("select outcome from requests where run_id = ?", [run_id]).fetchall()
        late = log.db.execute(
            "select started_s - intended_s from requests where run_id = ? order by number", [run_id]
        ).fetchall()
    late_s = [float(each) for (each,) in late] if rate_per_s else []
    return Measured(len(outcomes), sum(each == "good" for (each,) in outcomes), cpu_s, wall_s, late_s)


def _scenario(base_url: str, calls: int, rate_per_s: float | None) -> ScenarioFile:
    closed = rate_per_s is None
    text = SCENARIO.format(
        base_url=base_url,
        calls=calls,
        arrivals=CLOSED.format(users=CONNECTIONS) if closed else OPEN.format(rate_per_s=rate_per_s),
        duration_s=LONG_ENOUGH_S if rate_per_s is None else calls / rate_per_s + 1,
        in_flight=CONNECTIONS if closed else 1_000_000,
    )
    return parse_scenario(text, Path("wire.toml"))


if __name__ == "__main__":
    call(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else None).tell()
