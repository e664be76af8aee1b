"""What passes through the endpoint is a run in the session log while it goes, and adds up."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog
from tests.cli.commands import seatrial
from tests.serve.rig import BOUND_S
from tests.serve.test_command import JSON, QUESTION, serving

SECRET = "sk-a-key-that-nobody-may-find"
EVERY_OTHER = '[[faults]]\nkind = "server_error"\nlabel = "It errs"\nevery = 2\nto_s = 3000\n'
posix = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


def ask(told: Any, **more: object) -> int:
    return httpx.post(
        f"{told['url']}/v1/chat/completions",
        content=json.dumps(QUESTION | more),
        headers=JSON | {"authorization": f"Bearer {SECRET}"},
        timeout=BOUND_S,
    ).status_code


@posix
def test_every_call_has_its_row_and_they_add_up(tmp_path: Path) -> None:
    with serving(tmp_path, EVERY_OTHER) as (process, told):
        statuses = [ask(told) for _ in range(3)] + [ask(told, stream=True)]
        flip = {"set": "faults.struck", "value": {"kind": "overloaded", "rate": 1}}
        bearer = {"authorization": f"Bearer {told['admin_token']}"}
        httpx.post(told["admin_url"], content=json.dumps(flip), headers=JSON | bearer, timeout=BOUND_S)
        statuses += [ask(told)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=BOUND_S)

    assert statuses == [200, 500, 200, 500, 503]
    with SessionLog.open(tmp_path / "log.db") as log:
        reader = RunReader(log, told["run"])
        record = reader.record()
        requests = list(reader.each_request("client"))
        summary = reader.totals("client")
        events = [(event.kind, event.label) for event in reader.events()]
    assert (record.state, record.clock, record.offered) == ("finished", "virtual", 5)
    assert record.virtual_us / 1e6 <= record.duration_s < record.virtual_us / 1e6 + 0.2
    assert [request.outcome for request in requests] == ["good", "failed", "good", "failed", "failed"]
    assert [request.faults for request in requests] == ["", "server_error", "", "server_error", "struck"]
    assert summary.requests == 5
    assert sum(request.cost_pico for request in requests) == summary.cost_pico > 0
    assert events == [("incident_begin", "It errs"), ("change", f"faults.struck = {flip['value']}")]


@posix
def test_nothing_of_what_was_said_and_no_key_is_kept(tmp_path: Path) -> None:
    said = {"messages": [{"role": "user", "content": "A private matter of 4711"}]}

    with serving(tmp_path, "") as (process, told):
        ask(told, **said)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=BOUND_S)

    kept = b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    assert b"private matter" not in kept
    assert SECRET.encode() not in kept


def test_a_run_can_be_looked_at_while_it_goes_and_after_it_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path, "") as (process, told):
        ask(told)
        with SessionLog.open(tmp_path / "log.db") as log:
            while not runs(log)[0].offered:
                assert process.poll() is None
            going = runs(log)[0]
        process.kill()
        process.wait(timeout=BOUND_S)

    with SessionLog.open(tmp_path / "log.db") as log:
        killed = runs(log)[0]
        requests = list(RunReader(log, told["run"]).each_request("client"))
    assert (going.state, killed.state) == ("running", "interrupted")
    assert [request.outcome for request in requests] == ["good"]
    assert "1 of 1 customers" in seatrial("show", "last", log=tmp_path / "log.db").out


@posix
def test_recording_may_be_declined(tmp_path: Path) -> None:
    with serving(tmp_path, "", "--no-record") as (process, told):
        status = ask(told)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=BOUND_S)

    assert (status, told["run"]) == (200, None)
    assert not (tmp_path / "log.db").exists()


def test_a_log_that_cannot_be_written_is_told_before_anything_is_served(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_text("no log at all, but a text of some length", encoding="utf-8")

    said = seatrial("serve", "--port", "0", log=tmp_path / "no.db")

    assert "no.db" in said.complaint


@posix
def test_what_is_written_is_a_sound_database(tmp_path: Path) -> None:
    with serving(tmp_path, "") as (process, told):
        ask(told)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=BOUND_S)

    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        rows = connection.execute("select variant, outcome, attempts from requests").fetchall()
    assert rows == [("client", "good", 1)]
