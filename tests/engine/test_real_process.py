"""The engine as a child process that makes real calls: told by its pipe, steered, stopped, and killed."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest

from app.engine.process import serve_commands
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import REAL_CALLS_FACT
from tests.cli.commands import STEADY, seatrial
from tests.engine.loopback import Play, hangs
from tests.engine.real_runs import SCENARIO, Servers, good, servers
from tests.engine.test_process import engine

SECRET = "sk-marked-by-the-pipe"


def text_for(there: Servers, **changed: str) -> str:
    """The scenario with the servers' addresses."""
    text = SCENARIO
    for name, url in zip(("PRIMARY", "FALLBACK"), there.urls, strict=True):
        text = text.replace(name, url)
    for before, after in changed.items():
        text = text.replace(f"{before} = ", f"{before} = {after} # ", 1)
    return text


def test_it_is_told_to_make_real_calls_and_says_what_they_cost(tmp_path: Path) -> None:
    with servers() as there:
        origin = there.urls[0].removesuffix("/v1")
        with engine(
            tmp_path / "log.db",
            text=text_for(there, duration_s="3"),
            real={"max_usd": 1.5, "side_by_side": False, "keep_answers": True},
            keys={origin: SECRET},
        ) as child:
            run = child.hear("started")["run"]
            first = child.hear("progress")
            assert set(first["real"]) == {"spent_usd", "cap_usd", "variants", "late_sends"}
            assert (first["real"]["cap_usd"], first["real"]["variants"]) == (1.5, ["bare"])
            child.tell(do="change", set="patience_s", value=4, label="Less patience")
            child.hear("happened", label="Less patience")
            child.tell(do="speed", factor=10)
            assert "no speed" in child.hear("refused")["what"]
            child.tell(do="pause")
            child.hear("progress", state="paused")
            child.tell(do="resume")
            while (last := child.hear("progress"))["real"]["variants"] != ["safe"]:
                pass
            assert last["real"]["spent_usd"] > 0
            assert child.hear("ended") == {"event": "ended", "run": run, "state": "finished"}
            assert child.process.wait(60) == 0
            assert child.process.stderr is not None
            assert child.process.stderr.read() == ""
        assert {call.headers["authorization"] for call in there.heard[0]} == {f"Bearer {SECRET}"}
        assert not any("authorization" in call.headers for call in there.heard[1])
    assert seatrial("replay", "last", "--check", log=tmp_path / "log.db").status == 0
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_killed_in_its_second_turn_it_leaves_a_run_that_opens_and_adds_up(tmp_path: Path) -> None:
    def answers(n: int) -> Play:
        return hangs() if n % 5 == 4 else good(n)

    with (
        servers(answers) as there,
        engine(tmp_path / "log.db", text=text_for(there, duration_s="3"), real={"max_usd": 1}) as child,
    ):
        run = child.hear("started")["run"]
        while True:
            progress = child.hear("progress")
            if progress["real"]["variants"] == ["safe"] and progress["virtual_s"] > 1.5:
                break
        child.process.kill()
        child.process.wait(60)

    with SessionLog.open(tmp_path / "log.db") as log:
        reader = RunReader(log, run)
        assert reader.record().state == "interrupted"
        assert REAL_CALLS_FACT in reader.facts()
        for name in ("bare", "safe"):
            ended = list(reader.each_request(name))
            totals = reader.totals(name)
            assert totals.requests == len(ended) > 0
            assert totals.cost_pico == sum(each.cost_pico for each in ended)
    told = seatrial("show", "last", "--json", log=tmp_path / "log.db").json
    assert told["state"] == "interrupted"
    assert told["variants"]["safe"]["requests"] < told["variants"]["bare"]["requests"]
    assert "interrupted" in seatrial("show", "last", log=tmp_path / "log.db").out
    # and what was recorded until then replays
    assert seatrial("replay", "last", "--check", log=tmp_path / "log.db").status == 0


def test_when_its_input_ends_nobody_else_arrives_and_calls_under_way_get_their_answers(
    tmp_path: Path,
) -> None:
    with (
        servers() as there,
        engine(tmp_path / "log.db", text=text_for(there, duration_s="300"), real={"max_usd": 1}) as child,
    ):
        run = child.hear("started")["run"]
        child.hear("progress")
        child.tell(do="stop")
        assert child.process.stdin is not None
        child.process.stdin.close()
        assert child.hear("ended") == {"event": "ended", "run": run, "state": "stopped"}
        assert child.process.wait(60) == 0
    with SessionLog.open(tmp_path / "log.db") as log:
        assert {each.reason for each in RunReader(log, run).requests("bare")} <= {""}


@pytest.mark.parametrize(
    ("real", "keys", "told"),
    [
        ({}, {}, "'max_usd', a number"),
        ({"max_usd": True}, {}, "'max_usd', a number"),
        ({"max_usd": "1"}, {}, "'real' is a table"),
        ({"max_usd": 1, "speed": 3}, {}, "'real' is a table"),
        ({"max_usd": -1}, {}, "no amount"),
        ([1], {}, "'real' is a table"),
        ({"max_usd": 1}, [SECRET], "'keys' must be a table"),
        ({"max_usd": 1}, {"http://127.0.0.1:9": 5}, "'keys' must be a table"),
    ],
)
def test_a_wrong_leave_is_an_error_that_shows_no_key(
    tmp_path: Path, real: object, keys: object, told: str
) -> None:
    out = StringIO()
    with servers() as there:
        start = {"scenario": str(STEADY), "text": text_for(there), "log": str(tmp_path / "log.db")}
        line = json.dumps({"do": "start", **start, "real": real, "keys": keys})
        assert serve_commands(StringIO(line + "\n"), out) == 2
        error = json.loads(out.getvalue().splitlines()[-1])
        assert error["event"] == "error"
        assert told in error["what"]
        assert SECRET not in out.getvalue()
        assert there.heard == [[], []]
