"""Real calls on loopback: the live driver with its lifecycle and log beside Locust's FastHttpUser and bare aiohttp.

All are as many users in a closed loop, send the same bytes to the same server, and read the same stream. Server and client
have a core each, where there are two; what counts is calls per second of the client's CPU time, since the machine may be
shared. Rounds alternate, and the median of each counts. Then arrivals at even gaps: how much later than intended a call is
sent, by the median of some rounds. Locust is run by uv in an environment of its own; without it there is no ratio to it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from tests.benchmarks.line import Line
from tests.benchmarks.wire.measured import CONNECTIONS, Measured
from tests.benchmarks.wire.ours import body

ROUNDS = 6
CALLS = 16_000
RATES_PER_S = (200, 500)
OPEN_LOOP_S = 8
OPEN_LOOP_ROUNDS = 3
SEND_ERROR_P99_MS = 5
LOCUST = ("uv", "run", "--quiet", "--no-project", "--with", "locust>=2.32,<3", "--python", "3.11", "python")


def lines() -> list[Line]:
    """Closed and open loop."""
    with server() as url, TemporaryDirectory() as folder:
        said = Path(folder) / "body.json"
        said.write_bytes(body())
        script = Path(__file__).with_name("wire") / "locust_users.py"
        clients: dict[str, list[str]] = {
            "ours": [*_module("ours"), url, str(CALLS)],
            "aiohttp": [*_module("bare"), url, str(said), str(CALLS)],
        }
        if _has_locust():
            clients["locust"] = [*LOCUST, str(script), url, str(said), str(CALLS), str(CONNECTIONS)]
        speeds: dict[str, list[float]] = {name: [] for name in clients}
        for _ in range(ROUNDS):
            for name, command in clients.items():
                measured = _measure(command)
                assert measured.good == measured.calls == CALLS, f"{name}: {measured}"
                speeds[name].append(measured.calls / measured.cpu_s)
        errors: dict[int, list[Measured]] = {rate: [] for rate in RATES_PER_S}
        for _ in range(OPEN_LOOP_ROUNDS):
            for rate, rounds in errors.items():
                rounds.append(_measure([*_module("ours"), url, str(rate * OPEN_LOOP_S), str(rate)]))
    middle = {name: median(each) for name, each in speeds.items()}
    told = {name: f"{speed:,.0f} calls a second of CPU time" for name, speed in middle.items()}
    against = middle.get("locust")
    return [
        Line("bare aiohttp", told["aiohttp"]),
        Line("Locust FastHttpUser", told.get("locust", "uv cannot get it here")),
        Line(
            "live driver, safeguards and log / bare aiohttp", told["ours"], middle["ours"] / middle["aiohttp"]
        ),
        Line(
            "live driver, safeguards and log / Locust",
            told["ours"],
            None if against is None else middle["ours"] / against,
            ">= 0.6",
        ),
        *(_send_error(rate, rounds) for rate, rounds in errors.items()),
    ]


def _send_error(rate: int, rounds: Sequence[Measured]) -> Line:
    assert all(each.good == each.calls == rate * OPEN_LOOP_S for each in rounds)
    percentiles_ms = [np.percentile(each.late_s, [50, 99]) * 1e3 for each in rounds]
    middle_ms, high_ms = np.median(percentiles_ms, axis=0).tolist()
    return Line(
        f"open loop, {rate} a second: sent after intended",
        f"p50 {middle_ms:.2f} ms, p99 {high_ms:.2f} ms",
        high_ms,
        f"<= {SEND_ERROR_P99_MS}",
    )


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"tests.benchmarks.wire.{name}"]


def _has_locust() -> bool:
    if shutil.which("uv") is None:
        return False
    return subprocess.run([*LOCUST, "-c", "import locust"], check=False, capture_output=True).returncode == 0


def _measure(command: Sequence[str]) -> Measured:
    # Warnings and the like go to standard error; the last line is what was measured.
    ran = subprocess.run(
        [*on_core(0), *command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return Measured(**json.loads(ran.stdout.splitlines()[-1]))


@contextmanager
def server() -> Iterator[str]:
    """The address of a running server."""
    with subprocess.Popen(
        [*on_core(1), *_module("server")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1/chat/completions"
        process.communicate()


def on_core(number: int) -> list[str]:
    """What pins a command to a core of its own; nothing where that cannot be done."""
    if not hasattr(os, "sched_getaffinity") or shutil.which("taskset") is None:
        return []
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[number % len(cores)])]
