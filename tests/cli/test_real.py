"""`seatrial run --real` and `seatrial replay --check`, from the first question to the last word."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.cli.commands import STEADY, command, environment, seatrial
from tests.engine.live_runs import GOOD
from tests.engine.loopback import Play, hangs
from tests.engine.real_runs import SCENARIO, Servers, good, servers

SECRET = "sk-marked-9876543210"


def written(there: Servers, folder: Path) -> Path:
    """The scenario, in a file, with the servers' addresses."""
    text = SCENARIO
    for name, url in zip(("PRIMARY", "FALLBACK"), there.urls, strict=True):
        text = text.replace(name, url)
    path = folder / "real.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_run_of_real_calls_and_what_is_shown_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given two endpoints, and a key for one of them
    log = tmp_path / "log.db"
    with servers() as there:
        file = written(there, tmp_path)
        origin = there.urls[0].removesuffix("/v1")
        monkeypatch.setenv("SEATRIAL_KEY_FIRST", f"{origin} {SECRET}")

        # when it is run
        said = seatrial("run", file, "--real", "--max-usd", "2", "--yes", "--json", log=log)
        heard = there.heard

    # then it says beforehand where calls go and what they may cost
    assert said.status == 0, said.err
    assert "REAL CALLS" in said.err
    assert f"{origin}  openai-chat  first-model   with a key" in said.err
    assert "without a key" in said.err
    assert "2 variants, one after the other" in said.err
    assert "the cap is $2.00" in said.err
    # and afterwards what came of it
    told = said.json
    assert (told["clock"], told["state"]) == ("wall", "finished")
    assert set(told["variants"]) == {"bare", "safe"}
    assert told["real_calls"]["cap_usd"] == 2
    assert 0 < told["real_calls"]["spent_usd"] < 2
    assert told["variants"]["bare"]["offered"] == told["offered"]
    assert {call.headers["authorization"] for call in heard[0]} == {f"Bearer {SECRET}"}

    shown = seatrial("show", "last", log=log).out
    assert f"REAL CALLS to {origin}" in shown
    assert "not independent" in shown
    assert "SIMULATED" not in shown
    one = seatrial("show", "last", "--request", "3", log=log).out
    assert f"answer: {GOOD}" in one
    (attempt,) = seatrial("show", "last", "--request", "3", "--json", log=log).json["variants"]["bare"][
        "attempts"
    ]
    assert (attempt["text"], attempt["estimated"]) == (GOOD, False)
    assert "REAL" in seatrial("runs", log=log).out
    compared = seatrial("compare", "last", log=log).out
    assert "not independent" in compared
    assert "saved (good in" in compared

    checked = seatrial("replay", "last", "--check", log=log)
    assert (checked.status, checked.out.count("all alike")) == (0, 1)
    as_json = seatrial("replay", "1", "--check", "--json", log=log).json
    assert as_json["alike"]
    assert as_json["requests"] == told["offered"] * 2
    assert as_json["decisions"] >= as_json["requests"]
    # and the key is in nothing that was written or said
    for text in (said.out, said.err, shown, one, compared):
        assert SECRET not in text
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


def test_a_record_that_was_tampered_with_shows(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with servers() as there:
        file = written(there, tmp_path)
        seatrial("run", file, "--real", "--max-usd", "2", "--yes", "--side-by-side", "--no-answers", log=path)
    with SessionLog.open(path) as log:
        (first,) = RunReader(log, 1).observations(limit=1)
        asked = [{**each, "until_us": 1} for each in first.command["asked"]]
        log.db.execute(
            "update observations set command = ? where run_id = 1 and seq = 0",
            (json.dumps({"asked": asked}),),
        )
        assert log.db.execute("select count(*) from answer_texts").fetchone() == (0,)

    said = seatrial("replay", "last", "--check", log=path)

    assert said.status == 1
    assert "observation 0, request 0" in said.out
    assert "1 differ" in said.out
    told = seatrial("replay", "last", "--check", "--json", log=path)
    assert told.status == 1
    assert [each["observation"] for each in told.json["differences"]] == [0]


def test_a_simulated_run_has_nothing_to_replay(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    seatrial("run", STEADY, "--duration", "2", log=log)
    assert "it was simulated" in seatrial("replay", "last", "--check", log=log).complaint


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--real",), "real calls need a cap"),
        (("--max-usd", "1"), "--max-usd: this is for real calls"),
        (("--side-by-side",), "--side-by-side: this is for real calls"),
        (("--no-answers",), "this is for real calls"),
        (("--yes",), "this is for real calls"),
        (("--real", "--max-usd", "0"), "0 is no amount that real calls may cost"),
        (("--real", "--max-usd", "nan"), "no amount"),
        (("--real", "--max-usd", "1", "--speed", "10"), "real calls have no speed"),
        (("--real", "--max-usd", "1"), "'primary' has no endpoint"),
        (
            (
                "--real",
                "--max-usd",
                "1",
                "--set",
                'targets.primary.endpoint.base_url="http://127.0.0.1:9/v1"',
            ),
            "'primary' has no model",
        ),
    ],
)
def test_what_is_missing_is_told_before_anything_is_sent(
    tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    assert told in seatrial("run", STEADY, *options, log=tmp_path / "log.db").complaint


def test_without_a_terminal_somebody_must_have_said_yes(tmp_path: Path) -> None:
    with servers() as there:
        said = seatrial("run", written(there, tmp_path), "--real", "--max-usd", "1", log=tmp_path / "log.db")
        assert there.heard == [[], []]
    assert "nobody can be asked" in said.err
    assert said.status == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
@pytest.mark.parametrize(("answer", "calls"), [("n", False), ("y", True)])
def test_at_a_terminal_it_asks(tmp_path: Path, answer: str, calls: bool) -> None:
    with servers() as there:
        file = written(there, tmp_path)
        ours, theirs = pty.openpty()
        line = command(
            "run", file, "--real", "--max-usd", "1", "--log", tmp_path / "log.db", "--duration", "0.3"
        )
        with subprocess.Popen(
            line,
            env=environment(TERM="xterm", COLUMNS="100"),
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
        ) as child:
            os.close(theirs)
            seen = b""
            while b"Make these calls?" not in seen:
                seen += os.read(ours, 4_096)
            assert there.heard == [[], []]
            os.write(ours, answer.encode() + b"\n")
            try:
                while os.read(ours, 4_096):
                    pass
            except OSError:
                pass  # it has closed its end
            assert child.wait(60) == (0 if calls else 130)
        os.close(ours)
        assert bool(there.heard[0]) is calls


def test_the_first_interrupt_stops_and_the_second_gives_up_calls(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    enough = threading.Event()

    def answers(n: int) -> Play:
        if n == 8:
            enough.set()
        return good(n) if n < 3 else hangs()

    with servers(answers) as there:
        file = written(there, tmp_path)
        line = command(
            *("run", file, "--real", "--max-usd", "1", "--yes", "--log", log),
            *("--set", "variants.bare.safeguards.attempt_timeout.attempt_s=300", "--set", "drain_s=300"),
        )
        with subprocess.Popen(
            line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            assert child.stderr is not None
            assert enough.wait(60)
            child.send_signal(signal.SIGINT)
            assert any("Stopped" in told for told in iter(child.stderr.readline, ""))
            assert child.poll() is None, "it waits for the calls under way"
            child.send_signal(signal.SIGINT)
            assert child.wait(60) == 130
    with SessionLog.open(log) as opened:
        reader = RunReader(opened, 1)
        assert reader.record().state == "stopped"
        assert {each.reason for each in reader.requests("bare")} == {"", "run_ended"}
    assert seatrial("replay", "last", "--check", log=log).status == 0
