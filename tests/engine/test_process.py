"""The engine as a child process: obeys JSON lines, refuses what makes no sense, ends when nobody commands it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from app.engine.process import serve_commands
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.cli.commands import STEADY, command, environment


class Engine:
    """A child that runs the steady scenario, and both ends of its pipes."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log

    def tell(self, **commands: Any) -> None:
        self.tell_raw(json.dumps(commands))

    def tell_raw(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self, event: str, **wanted: Any) -> dict[str, Any]:
        """The next message of this kind with these details."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message: dict[str, Any] = json.loads(line)
            if message["event"] == event and wanted.items() <= message.items():
                return message
        raise AssertionError(f"the engine ended without {event} {wanted}")


@contextmanager
def engine(log: Path, **start: Any) -> Iterator[Engine]:
    with subprocess.Popen(
        command("_engine"),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            child = Engine(process, log)
            child.tell(do="start", scenario=str(STEADY), log=str(log), **start)
            yield child
        finally:
            process.kill()


def test_a_run_steered_from_its_begin_to_its_end(tmp_path: Path) -> None:
    with engine(tmp_path / "log.db", speed=4, set=["duration_s=36000"]) as child:
        run = child.hear("started")["run"]
        child.hear("happened", label="Three seconds")
        child.tell(do="pause")
        paused = child.hear("progress", state="paused")
        still = child.hear("progress", state="paused")
        assert still["virtual_s"] == paused["virtual_s"]

        child.tell(do="change", set="traffic.rate_per_s", value=50, label="A crowd")
        child.tell(do="resume")
        assert child.hear("happened", label="A crowd")["at_s"] > 3
        child.tell(do="change", set="traffic.rate_per_s", value=-1)
        assert "must be at least 0" in child.hear("refused")["what"]
        child.tell(do="change", set="seed", value=2)
        assert child.hear("refused")["what"] == "'seed' cannot change while a run goes"
        child.tell(do="change", set="faults.nope.on", value=True)
        assert "there is no 'nope'" in child.hear("refused")["what"]
        child.tell(do="speed", factor=1000)
        child.hear("happened", label="Twelve seconds")
        child.tell(do="stop")
        assert child.hear("ended") == {"event": "ended", "run": run, "state": "stopped"}

        # Its input is still open: it ends all the same, and cleanly.
        assert child.process.wait(60) == 0
        assert child.process.stderr is not None
        assert child.process.stderr.read() == ""
    with SessionLog.open(tmp_path / "log.db") as log:
        reader = RunReader(log, run)
        assert [event.label for event in reader.events()] == [
            "Three seconds",
            "A crowd",
            "Twelve seconds",
            "Stopped",
        ]
        assert reader.record().state == "stopped"


def test_garbage_is_refused_and_the_run_goes_on(tmp_path: Path) -> None:
    with engine(tmp_path / "log.db", speed=1, set=["duration_s=3600"]) as child:
        child.hear("started")
        for line in (
            "no json",
            "[1, 2]",
            "null",
            "[" * 100_000,
            '{"do": "fly"}',
            "{}",
            '{"do": "speed", "factor": 0}',
            '{"do": "speed", "factor": -1}',
            '{"do": "speed", "factor": "fast"}',
            '{"do": "speed", "factor": true}',
            '{"do": "speed", "factor": 1' + "0" * 400 + "}",
            '{"do": "speed", "factor": NaN}',
            '{"do": "change", "set": "patience_s"}',
            '{"do": "change", "value": 3}',
            '{"do": "change", "set": "patience_s", "value": 3, "label": "\\ud800"}',
            '{"do": "change", "set": "", "value": 3}',
            '{"do": "change", "set": "traffic..x", "value": 3}',
            '{"do": "change", "set": "patience_s", "value": {"a": []}}',
            '{"do": "start", "scenario": "another"}',
        ):
            child.tell_raw(line)
            child.hear("refused")
        assert isinstance(child.process.stdin, TextIOWrapper)
        child.process.stdin.buffer.write(b"\xff\xfe no text at all\n")
        child.process.stdin.buffer.flush()
        child.hear("refused")
        child.tell_raw("")
        child.tell(do="change", set="patience_s", value=20, label="Still obeying")
        child.hear("happened", label="Still obeying")
        child.tell(do="stop")
        assert child.hear("ended")["state"] == "stopped"
        assert child.process.wait(60) == 0


def test_it_ends_promptly_when_its_input_does_and_the_run_is_kept(tmp_path: Path) -> None:
    with engine(tmp_path / "log.db", speed=1, set=["duration_s=3600"]) as child:
        run = child.hear("started")["run"]
        child.hear("progress", state="running")
        child.tell(do="pause")
        child.hear("progress", state="paused")
        assert child.process.stdin is not None
        child.process.stdin.close()

        assert child.hear("ended") == {"event": "ended", "run": run, "state": "stopped"}
        assert child.process.wait(10) == 0


def test_progress_says_how_far_it_is(tmp_path: Path) -> None:
    with engine(tmp_path / "log.db", speed=20, set=["duration_s=10"]) as child:
        child.hear("reading")
        run = child.hear("started")["run"]
        progress = child.hear("progress", state="running")
        assert set(progress) == {
            *("event", "run", "state", "virtual_s", "end_s", "offered", "in_flight", "virtual_s_per_s")
        }
        assert (progress["run"], progress["end_s"]) == (run, 10)
        assert 0 <= progress["virtual_s"] <= 10
        last = child.hear("progress", state="ended")
        # One every 50 ms, the first of them after 50 ms.
        assert (last["offered"], last["in_flight"]) == (199, 0)


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("nonsense", "a command is no JSON"),
        ('{"do": "pause"}', "the first command must be 'start'"),
        ('{"do": "start"}', "'start' needs a 'scenario'"),
        ('{"do": "start", "scenario": "no-such"}', "there is no scenario 'no-such'"),
        ('{"do": "start", "scenario": "support-assistant", "set": "seed=1"}', "'set' must be a list"),
        ('{"do": "start", "scenario": "support-assistant", "columns": []}', "'columns' a table"),
        (
            '{"do": "start", "scenario": "support-assistant", "speed": "fast"}',
            "'speed' must be a number or null",
        ),
        ('{"do": "start", "scenario": "support-assistant", "set": ["seed=x"]}', "must be a whole number"),
        ('{"do": "start", "scenario": "support-assistant", "log": "/proc/none/x.db"}', "cannot be made"),
        ('{"do": "start", "scenario": "support-assistant", "log": 7}', "'log' must be a path"),
        ('{"do": "start", "scenario": "support-assistant", "data": 7}', "'data' must be a path"),
    ],
)
def test_a_wrong_start_is_told_as_an_error(first: str, told: str, tmp_path: Path) -> None:
    out = StringIO()

    status = serve_commands(StringIO(f"{first}\n"), out)

    assert status == 2
    (message,) = [json.loads(line) for line in out.getvalue().splitlines()]
    assert message["event"] == "error"
    assert told in message["what"]


def test_no_command_at_all_is_no_run() -> None:
    out = StringIO()

    assert serve_commands(StringIO(""), out) == 0
    assert out.getvalue() == ""


def test_stopped_before_it_began_it_says_so(tmp_path: Path) -> None:
    out = StringIO()
    start = json.dumps({"do": "start", "scenario": str(STEADY), "log": str(tmp_path / "log.db")})

    # The input ends at once, and with it the wish for a run.
    status = serve_commands(StringIO(f"{start}\n"), out)

    assert status == 0
    last = json.loads(out.getvalue().splitlines()[-1])
    assert last["event"] == "ended"
    assert last["state"] == "stopped"
