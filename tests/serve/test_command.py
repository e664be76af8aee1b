"""`seatrial serve` as a person starts and ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.serve.server import opened_doors
from tests.cli.commands import command, environment, seatrial
from tests.serve.rig import BOUND_S, PROMPT, SCENARIO

QUESTION = {"model": "small-model", "messages": [{"role": "user", "content": "Where is it?"}]}
JSON = {"content-type": "application/json"}


@contextmanager
def serving(folder: Path, tables: str, *options: str | Path) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """The command at work on free ports, and what it told with --json."""
    (folder / "ask.j2").write_text(PROMPT, encoding="utf-8")
    (folder / "rows.csv").write_text("question,intent\nWhere is my order?,order\n", encoding="utf-8")
    inputs = '[prompts]\npath = "ask.j2"\n[data]\npath = "rows.csv"\n'
    scenario = folder / "small.toml"
    scenario.write_text(SCENARIO + inputs + tables, encoding="utf-8")
    line = command("serve", scenario, "--port", "0", "--json", "--log", folder / "log.db", *options)
    with subprocess.Popen(
        line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first, process.communicate(timeout=BOUND_S)[1]
            yield process, json.loads(first)
        finally:
            process.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order_in_the_middle_of_a_call(
    number: signal.Signals, tmp_path: Path
) -> None:
    fault = '[[faults]]\nkind = "silence"\nrate = 1\n'

    with serving(tmp_path, fault) as (process, told):
        asked = QUESTION | {"stream": True}
        with httpx.stream(
            "POST",
            f"{told['url']}/v1/chat/completions",
            content=json.dumps(asked),
            headers=JSON,
            timeout=BOUND_S,
        ) as answer:
            pieces = answer.iter_bytes()
            assert b"chat.completion.chunk" in next(pieces)
            process.send_signal(number)
            # The connection is closed, and nobody waits for the end of the silence.
            with pytest.raises(httpx.RemoteProtocolError):
                list(pieces)
        out, err = process.communicate(timeout=BOUND_S)

    assert (process.returncode, out, err) == (0, "", "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{told['url']}/v1/models", timeout=BOUND_S)


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_the_scenario_s_schedule_counts_from_the_start_and_is_told(tmp_path: Path) -> None:
    tables = '[[faults]]\nkind = "outage"\nlabel = "It is out"\nto_s = 3000\nhang_share = 0\n'

    with serving(tmp_path, tables, "--set", "targets.primary.rpm=600") as (process, told):
        answer = httpx.post(
            f"{told['url']}/v1/chat/completions", content=json.dumps(QUESTION), headers=JSON, timeout=BOUND_S
        )
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BOUND_S)

    assert answer.status_code == 503
    assert answer.headers["x-ratelimit-limit-requests"] == "600"
    assert told["admin_token"]
    assert told["scenario"] == "small"
    assert "It is out (begins)" in err


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = seatrial("serve", "--port", str(taken.getsockname()[1]))

    assert "cannot listen on port" in said.complaint


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_number_that_is_no_port_is_told(port: str) -> None:
    assert f"{port} is no port" in seatrial("serve", "--admin-port", port, "--port", "0").complaint


def test_what_is_said_goes_out_at_once() -> None:
    """Neither the doors' sockets nor those of connections wait for the other end's acknowledgement (Nagle)."""

    def at_once(sock: socket.socket) -> bool:
        return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0

    with opened_doors(0, 0) as doors:
        for door in (doors.data, doors.admin):
            assert at_once(door)
            with socket.create_connection(door.getsockname(), timeout=BOUND_S):
                accepted, _ = door.accept()
                with accepted:
                    assert at_once(accepted)
