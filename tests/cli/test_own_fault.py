"""What Seatrial itself gets wrong: one message and a status of its own, and the traceback for who asks for it."""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path

import pytest

from app.cli import run_cli
from app.engine.process import serve_commands
from app.engine.simulation import Simulation
from app.errors import TRACEBACK, UserError, own_fault
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.cli.commands import STEADY


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def advance(_self: Simulation, _until_us: int) -> None:
        raise IndexError("deque index out of range")

    monkeypatch.setattr(Simulation, "advance", advance)
    monkeypatch.delenv(TRACEBACK, raising=False)


@pytest.mark.usefixtures("broken")
def test_a_command_ends_with_one_message_and_keeps_its_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.db"
    assert run_cli(["run", str(STEADY), "--log", str(log)]) == 70
    said = " ".join(capsys.readouterr().err.split())
    assert "something in Seatrial itself went wrong (IndexError: deque index out of range)" in said
    assert "tests/cli/test_own_fault.py, line " in said
    assert "Traceback" not in said
    with SessionLog.open(log) as kept:
        assert RunReader(kept, 1).record().state == "failed"


@pytest.mark.usefixtures("broken")
def test_who_asks_for_the_traceback_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(IndexError):
        run_cli(["run", str(STEADY), "--log", str(tmp_path / "log.db")])


@pytest.mark.usefixtures("broken")
def test_the_engine_says_that_it_is_over_before_it_ends(tmp_path: Path) -> None:
    start = {"do": "start", "scenario": str(STEADY), "log": str(tmp_path / "log.db")}
    out = StringIO()
    ours, theirs = os.pipe()
    with open(ours, encoding="utf-8") as commands, open(theirs, "w", encoding="utf-8") as commander:
        print(json.dumps(start), file=commander, flush=True)
        with pytest.raises(IndexError):
            serve_commands(commands, out)
    last = json.loads(out.getvalue().splitlines()[-1])
    assert last["event"] == "error"
    assert "IndexError" in last["what"]


def test_the_message_names_the_last_line_of_ours() -> None:
    try:
        UserError.__init__(None)  # type: ignore[call-arg,arg-type]
    except TypeError as error:
        told = own_fault(error)
    assert told.where.startswith("tests/cli/test_own_fault.py, line ")
    assert told.what.startswith("something in Seatrial itself went wrong (TypeError: ")
