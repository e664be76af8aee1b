"""Servers that others wrote to stand in for providers. Whether they are here is the machine's affair: see CONTRIBUTING.md.

Each is started on a free port in a process of its own, and ended with the block.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ANSWER = "It is on its way."
STARTS_WITHIN_S = 60.0
TOKEN = "only-for-tests"


def here(command: str) -> bool:
    """Whether the tool is installed."""
    return shutil.which(command) is not None


@contextmanager
def fakellm(folder: Path) -> Iterator[int]:
    """fakellm (PyPI): streams of OpenAI's chat completions and of Anthropic's messages."""
    rule = {"name": "all", "when": {"messages_contain": ""}, "respond": {"content": ANSWER}}
    # JSON is YAML, too.
    config = folder / "fakellm.yaml"
    config.write_text(json.dumps({"version": 1, "rules": [rule]}))
    with _running(["fakellm", "serve", "--config", str(config)], folder) as port:
        yield port


@contextmanager
def aimock(folder: Path, chaos: Mapping[str, float]) -> Iterator[int]:
    """@copilotkit/aimock (npm): streams of all three APIs; `chaos` are its rates."""
    fixture = {"match": {"userMessage": "o"}, "response": {"content": ANSWER}}
    fixtures = folder / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": [fixture]}))
    config = folder / "aimock.json"
    config.write_text(json.dumps({"llm": {"fixtures": str(fixtures), "chaos": dict(chaos)}}))
    with _running(["aimock", "--config", str(config)], folder) as port:
        yield port


@contextmanager
def chaosllm(folder: Path) -> Iterator[int]:
    """chaosllm (PyPI: errorworks): errors of chat completions. Its good answers are never streams."""
    config = folder / "chaosllm.yaml"
    config.write_text(
        json.dumps({"server": {"admin_token": TOKEN}, "latency": {"base_ms": 0, "jitter_ms": 0}})
    )
    with _running(["chaosllm", "serve", "--config", str(config)], folder) as port:
        yield port


def inject(port: int, **settings: Any) -> None:
    """Have chaosllm inject these errors, and no others."""
    everything = httpx.get(f"http://127.0.0.1:{port}/admin/config", headers=_BEARER).json()["error_injection"]
    none = {name: 0 for name in everything if name.endswith("_pct")}
    wanted = {"error_injection": {**none, **settings}}
    httpx.post(f"http://127.0.0.1:{port}/admin/config", headers=_BEARER, json=wanted).raise_for_status()


_BEARER = {"authorization": f"Bearer {TOKEN}"}


@contextmanager
def _running(command: Sequence[str], folder: Path) -> Iterator[int]:
    """The port of the server, once it listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    program = shutil.which(command[0])
    assert program is not None
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [program, *command[1:], "--port", str(port)], stdout=said, stderr=said, stdin=subprocess.DEVNULL
        )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until_s and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.1).close()
        except OSError:
            continue
        return
    raise AssertionError("the server does not listen")
