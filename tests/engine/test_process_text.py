"""The engine as the window starts it: a scenario's text in place of its file, and a command line that finds our engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from app.engine.child import VARIABLES, engine_command
from app.engine.process import serve_commands
from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog
from tests.cli.commands import STEADY

PROMPT = "Answer {{ question }}"


def told(log: Path, **start: Any) -> dict[str, Any]:
    """The last message of an engine whose input ends after this start."""
    out = StringIO()
    serve_commands(StringIO(json.dumps({"do": "start", "log": str(log), **start}) + "\n"), out)
    last: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return last


def whole_run(log: Path, folder: Path, **start: Any) -> dict[str, Any]:
    """The last message of an engine that was started as the window does, in this folder, and left to itself."""
    with subprocess.Popen(
        engine_command(),
        cwd=folder,
        env=os.environ | VARIABLES,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps({"do": "start", "log": str(log), **start}) + "\n")
        process.stdin.flush()
        messages = [json.loads(line) for line in process.stdout]
        assert (process.wait(60), process.stderr.read()) == (0, "")
    last: dict[str, Any] = messages[-1]
    return last


def test_the_text_is_run_in_place_of_the_file_whose_name_and_folder_it_keeps(tmp_path: Path) -> None:
    # The prompt lies beside the scenario's file, which itself was never saved.
    (tmp_path / "ask.j2").write_text(PROMPT, encoding="utf-8")
    text = STEADY.read_text(encoding="utf-8").replace("duration_s = 60", "duration_s = 13")
    text = text.replace('title = "Steady"', 'title = "Très steady"\nprompts.path = "ask.j2"')

    ended = whole_run(
        tmp_path / "log.db", Path.cwd(), scenario=str(tmp_path / "mine.toml"), text=text, set=["seed=11"]
    )

    assert ended["state"] == "finished"
    with SessionLog.open(tmp_path / "log.db") as log:
        reader = RunReader(log, ended["run"])
        record = reader.record()
        assert (record.scenario, record.title, record.duration_s) == ("mine", "Très steady", 13)
        assert record.seed == 11
        assert [prompt.name for prompt in reader.prompts()] == ["ask"]


def test_a_ready_made_scenario_that_was_changed_keeps_its_name(tmp_path: Path) -> None:
    text = STEADY.read_text(encoding="utf-8").replace("duration_s = 60", "duration_s = 13")

    ended = whole_run(tmp_path / "log.db", tmp_path, scenario="support-assistant", text=text)

    with SessionLog.open(tmp_path / "log.db") as log:
        assert [(run.run_id, run.scenario) for run in runs(log)] == [(ended["run"], "support-assistant")]


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        (7, "'text' must be a scenario's text", "_engine"),
        ("title = ", "no valid TOML", "mine.toml"),
        ("title = 'x'\nsede = 1", "sede", "mine.toml"),
    ],
)
def test_a_text_that_is_no_scenario_is_told_as_an_error(
    text: object, what: str, where: str, tmp_path: Path
) -> None:
    error = told(tmp_path / "log.db", scenario="mine.toml", text=text)

    assert error["event"] == "error"
    assert what in error["what"]
    assert where in error["where"]


def test_the_engine_is_ours_whatever_lies_where_it_is_started(tmp_path: Path) -> None:
    foreign = tmp_path / "app"
    foreign.mkdir()
    for name in ("__init__.py", "__main__.py"):
        (foreign / name).write_text("raise SystemExit('foreign code ran')\n", encoding="utf-8")
    (tmp_path / "json.py").write_text("raise SystemExit('foreign code ran')\n", encoding="utf-8")
    text = STEADY.read_text(encoding="utf-8").replace("duration_s = 60", "duration_s = 13")

    assert whole_run(tmp_path / "log.db", tmp_path, scenario="x.toml", text=text)["state"] == "finished"


def test_a_bundle_calls_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)

    assert engine_command() == [sys.executable, "_engine"]
