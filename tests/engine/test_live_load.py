"""Runs of real calls against the clock: a server that stands still, and five hundred streams at once.

What is measured is compared with what theory says of the server, whose times are known.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.analysis.summary import summary
from app.engine.control import Control
from app.engine.real_calls import RealCalls
from app.engine.run import Listener, Order, Progress, run_scenario
from app.scenario.files import parse_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.engine.loopback import CutError, Play, answered, chunk, serving

SCENARIO = """
title = "Load"
seed = 5
duration_s = {duration_s}
drain_s = 20
patience_s = 20
[prompts]
path = "sample:prompts"
only = ["triage"]
[traffic]
arrivals = "constant"
rate_per_s = {rate_per_s}
max_requests = {requests}
[tokens]
max_tokens = 50
[targets.primary]
model = "a-model"
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }}
endpoint = {{ base_url = "{base_url}" }}
[variants.bare]
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = 20
first_token_s = 20
"""


class Ran:
    """A run as the log has it."""

    def __init__(self, folder: Path, base_url: str, requests: int, rate_per_s: float) -> None:
        duration_s = requests / rate_per_s + 1
        text = SCENARIO.format(
            base_url=base_url, duration_s=duration_s, rate_per_s=rate_per_s, requests=requests
        )
        self._order = Order(parse_scenario(text, folder / "load.toml"), real=RealCalls(10))
        self._path = folder / "log.db"
        self.notices: list[str] = []

    def sail(self, progress: Callable[[Progress], None] = lambda _progress: None) -> None:
        """Run it, and read what the log has."""
        with SessionLog.open(self._path) as log:
            listener = Listener(progress=progress, notice=self.notices.append)
            self.id = run_scenario(self._order, log, Control(), listener)
            columns = "number, intended_s, started_s, first_token_s, finished_s, outcome"
            found = log.db.query(f"select {columns} from requests where run_id = {self.id} order by number")
            self.requests: list[dict[str, Any]] = list(found)
            self.summary = summary(RunReader(log, self.id))


# -- a server that stands still --------------------------------------------------------------------------

SERVICE_S = 0.2
FREEZE_S = 3.0
FROZEN_FROM_S = 10.0


@contextmanager
def steady_server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own that answers each call `SERVICE_S` after it came; and its base URL."""
    command = [sys.executable, "-m", "tests.benchmarks.wire.server", str(SERVICE_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.communicate()


def latency_s(asked_s: float, frozen_s: float, thawed_s: float) -> float:
    """How long an answer takes that is asked for at `asked_s`, from a server that stands still from `frozen_s` on."""
    if asked_s >= thawed_s or asked_s + SERVICE_S < frozen_s:
        return SERVICE_S
    if asked_s < frozen_s:  # its time passed while the server stood still
        return max(SERVICE_S, thawed_s - asked_s)
    return thawed_s - asked_s + SERVICE_S


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be made to stand still here")
def test_a_server_that_stands_still_is_seen_as_customers_see_it(tmp_path: Path) -> None:
    signalled: list[float] = []
    told: list[tuple[float, float]] = []
    with steady_server() as (server, base_url):

        def progress(now: Progress) -> None:
            told.append((time.monotonic(), now.virtual_us / 1e6))
            if not signalled and now.virtual_us >= FROZEN_FROM_S * 1e6:
                os.kill(server.pid, signal.SIGSTOP)
                signalled.append(time.monotonic())
            elif len(signalled) == 1 and time.monotonic() >= signalled[0] + FREEZE_S:
                os.kill(server.pid, signal.SIGCONT)
                signalled.append(time.monotonic())

        ran = Ran(tmp_path, base_url, 1500, 50)
        ran.sail(progress)
    zero_s = min(at_s - clock_s for at_s, clock_s in told)  # the freshest word of the run's clock
    frozen_s, thawed_s = (at_s - zero_s for at_s in signalled)
    assert len(ran.requests) == 1500
    assert {each["outcome"] for each in ran.requests} == {"good"}, "nothing is dropped"
    if any("could not keep up" in each for each in ran.notices):
        pytest.skip("this machine is too busy to tell its own delays from the server's, and the run says so")
    expected = sorted(
        each["started_s"] - each["intended_s"] + latency_s(each["started_s"], frozen_s, thawed_s)
        for each in ran.requests
    )
    p95 = ran.summary["variants"]["bare"]["answer_s"]["p95"]
    assert p95 == pytest.approx(expected[1425 - 1], rel=0.1)
    assert p95 > 1, "the stall is in it, and not only the calls that were under way"


# -- five hundred streams --------------------------------------------------------------------------------

STREAMS = 500
GAP_S = 0.3


class _Gate:
    """Lets streams go on when all have begun, `GAP_S` later."""

    def __init__(self) -> None:
        self.begun = 0
        self.open = asyncio.Event()

    def play(self, _n: int) -> Play:
        async def play(writer: asyncio.StreamWriter) -> None:
            whole = answered("It is on its way.", usage=(20, 6))
            begins, ends = whole[: len(chunk("It is on"))], whole[len(chunk("It is on")) :]
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + begins)
            self.begun += 1
            if self.begun == STREAMS:
                asyncio.get_running_loop().call_later(GAP_S, self.open.set)
            await self.open.wait()
            writer.write(ends)
            raise CutError

        return play


@contextmanager
def gated_server() -> Iterator[str]:
    """The base URL of a server in a thread of its own, where streams wait for each other."""
    ready = threading.Event()
    found: list[tuple[asyncio.AbstractEventLoop, asyncio.Event, str]] = []

    async def serve() -> None:
        over = asyncio.Event()
        async with serving(_Gate().play) as server:
            found.append((asyncio.get_running_loop(), over, server.base_url))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    loop, over, base_url = found[0]
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files cannot be counted here")
def test_five_hundred_streams_at_once_all_complete_and_leave_nothing_behind(tmp_path: Path) -> None:
    files = len(os.listdir("/proc/self/fd"))
    with gated_server() as base_url:
        ran = Ran(tmp_path, base_url, STREAMS, 1000)
        ran.sail()
    assert len(os.listdir("/proc/self/fd")) == files
    assert [each["outcome"] for each in ran.requests] == ["good"] * STREAMS
    first_s = [each["first_token_s"] for each in ran.requests]
    last_begun_s = max(each["started_s"] for each in ran.requests)
    assert min(each["finished_s"] for each in ran.requests) > last_begun_s, "all were open at once"
    for each in ran.requests:
        assert each["intended_s"] <= each["started_s"] < each["first_token_s"]
        assert each["finished_s"] - each["first_token_s"] >= GAP_S * 0.9
    assert sorted(first_s)[STREAMS // 2] < min(each["finished_s"] for each in ran.requests)
