"""The proxy on loopback: what it adds to a call, and how many calls it manages beside chaosllm and bare aiohttp.

One client asks in turn the upstream itself, the proxy without faults, and with faults, one call after the other, so that
all meet the same machine; what the proxy adds is the difference of their percentiles. Then several users ask each server
as fast as it goes, and what counts is calls per second of the server's CPU time. The proxy records, and passes calls on as
does the 30-line peer (`wire/relaying.py`); chaosllm has no upstream and makes its answers up, in one piece. It is run where
it is installed (`uv tool install --python 3.12 errorworks`), and without it there is no ratio to it.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.benchmarks.line import Line
from tests.benchmarks.live import on_core, server
from tests.cli.commands import command, environment

CALLS = 600
"""Calls of each plan, one after the other."""
BUSY_CALLS = 2_000
USERS = 16
ROUNDS = 3
KINDS = ("plain", "stream")
PATH = "/v1/chat/completions"
SCENARIO = """
title = "Passed on"
seed = 5
[traffic]
rate_per_s = 1
[targets.primary]
model = "a-model"
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 10 }
[variants.prototype]
preset = "prototype"
"""
FAULTS = """
[[faults]]
kind = "slow_tokens"
rate = 1
factor = 1.01
"""
"""Strikes every call, and what it asks for itself takes microseconds: what is left is the way through the faults."""

Process = subprocess.Popen[str]


def lines() -> list[Line]:
    """What it adds, and what it manages."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        upstream = stack.enter_context(server()).removesuffix(PATH)
        bare, bare_url = stack.enter_context(_relaying(upstream))
        quiet, quiet_url = stack.enter_context(_proxy(folder / "quiet", upstream))
        _, struck_url = stack.enter_context(_proxy(folder / "struck", upstream, FAULTS))
        alone = {"straight": upstream, "bare aiohttp": bare_url, "no faults": quiet_url, "faults": struck_url}
        told = _asked(CALLS, 1, {(name, kind): url for name, url in alone.items() for kind in KINDS})
        found = [
            _added(name, kind, told[name, kind], told["straight", kind], told["bare aiohttp", kind])
            for kind in KINDS
            for name in alone
            if name != "straight"
        ]
        busy = {"bare aiohttp": (bare, bare_url), "proxy": (quiet, quiet_url)}
        if shutil.which("chaosllm"):
            busy["chaosllm"] = stack.enter_context(_chaosllm(folder))
        best = {(name, kind): 0.0 for name in busy for kind in (KINDS[:1] if name == "chaosllm" else KINDS)}
        for _ in range(ROUNDS):
            for (name, kind), speed in best.items():
                best[name, kind] = max(speed, _speed(name, kind, *busy[name]))
    return [*found, *(_managed(kind, best) for kind in KINDS), *_beside_chaosllm(best)]


def _added(name: str, kind: str, told: Any, straight: Any, bare: Any) -> Line:
    """What is added to a call of a kind until its end, beside what the bare peer adds."""
    assert told["good"] == straight["good"] == CALLS, f"{name}, {kind}: {told['good']} of {CALLS}"
    first, whole, without = (
        np.percentile(each, [50, 99]) * 1e3
        for each in (told["first_s"], told["whole_s"], straight["whole_s"])
    )
    to_first = first - np.percentile(straight["first_s"], [50, 99]) * 1e3
    added = whole - without
    bare_ms = np.percentile(bare["whole_s"], 50) * 1e3 - without[0]
    return Line(
        f"{kind}, {'through bare aiohttp' if name == 'bare aiohttp' else f'proxy, {name}'}: added",
        f"to the end p50 {added[0]:.2f} ms, p99 {added[1]:.2f} ms; "
        f"to the first byte p50 {to_first[0]:.2f} ms, p99 {to_first[1]:.2f} ms",
        None if name == "bare aiohttp" else float(added[0] / bare_ms),
    )


def _managed(kind: str, best: dict[tuple[str, str], float]) -> Line:
    ours, bare = best["proxy", kind], best["bare aiohttp", kind]
    return Line(
        f"{kind}: proxy with recording / bare aiohttp",
        f"{ours:,.0f} and {bare:,.0f} calls a second of CPU time",
        ours / bare,
    )


def _beside_chaosllm(best: dict[tuple[str, str], float]) -> list[Line]:
    what = "plain: proxy with recording / chaosllm without upstream"
    theirs = best.get(("chaosllm", "plain"))
    if theirs is None:
        return [Line(what, "chaosllm is not installed here")]
    ours = best["proxy", "plain"]
    return [Line(what, f"{ours:,.0f} and {theirs:,.0f} calls a second of CPU time", ours / theirs)]


def _speed(name: str, kind: str, process: int, url: str) -> float:
    """Calls a second of CPU time."""
    before = _cpu_s(process)
    (told,) = _asked(BUSY_CALLS, USERS, {(name, kind): url}).values()
    assert told["good"] == BUSY_CALLS, f"{name}, {kind}: {told['good']} of {BUSY_CALLS}"
    return BUSY_CALLS / (_cpu_s(process) - before)


def _cpu_s(process: int) -> float:
    """CPU time that a process has had. Its clock's number is as Linux's `MAKE_PROCESS_CPUCLOCK` makes it."""
    return time.clock_gettime((~process << 3) | 2)


def _asked(calls: int, users: int, plans: dict[tuple[str, str], str]) -> dict[tuple[str, str], Any]:
    """What each plan (name, kind) told that asks an address."""
    module = [sys.executable, "-m", "tests.benchmarks.wire.asking", str(calls), str(users)]
    told = subprocess.run(
        [*on_core(1), *module, *(f"{url}{PATH}#{kind}" for (_, kind), url in plans.items())],
        check=True,
        stdout=subprocess.PIPE,
    )
    return dict(zip(plans, json.loads(told.stdout), strict=True))


@contextmanager
def _proxy(folder: Path, upstream: str, faults: str = "") -> Iterator[tuple[int, str]]:
    """`seatrial serve --upstream` at work: its process and its address."""
    folder.mkdir()
    scenario = folder / "passed.toml"
    scenario.write_text(SCENARIO + faults, encoding="utf-8")
    line = command("serve", scenario, "--upstream", f"{upstream}/v1", "--port", "0", "--json")
    with _listening([*line, "--log", str(folder / "log.db")]) as (process, said):
        yield process.pid, json.loads(said)["url"]


@contextmanager
def _relaying(upstream: str) -> Iterator[tuple[int, str]]:
    """The peer."""
    with _listening([sys.executable, "-m", "tests.benchmarks.wire.relaying", upstream]) as (process, said):
        yield process.pid, f"http://127.0.0.1:{int(said)}"


@contextmanager
def _listening(line: list[str]) -> Iterator[tuple[Process, str]]:
    """A server on the core of those that are measured, and the first line that it said."""
    with subprocess.Popen(
        [*on_core(0), *line],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.terminate()


@contextmanager
def _chaosllm(folder: Path) -> Iterator[tuple[int, str]]:
    """chaosllm, without errors or latency of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    line = ["chaosllm", "serve", "--base-ms", "0", "--jitter-ms", "0", "--port", str(port)]
    with subprocess.Popen(
        [*on_core(0), *line, "--database", str(folder / "chaos.db")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert process.poll() is None, "chaosllm does not start"
            yield process.pid, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
