"""`seatrial calibrate`: it says what it will do, asks, measures, prints, and writes a scenario that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.scenario.files import open_scenario
from tests.calibration.rig import loopback, scenario_in
from tests.cli.commands import command, environment, seatrial
from tests.engine.loopback import Loopback, Play, fails, hangs, says

GOOD = says("This mail is about an order.", usage=(33, 12))
CAP = ("--max-usd", "1")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback(lambda _: GOOD) as there:
        yield there


def test_the_calls_are_announced_made_and_told_and_the_scenario_written_runs(
    tmp_path: Path, server: Loopback
) -> None:
    scenario_in(tmp_path, server.base_url)
    written = tmp_path / "calibrated.toml"

    said = seatrial("calibrate", tmp_path / "own.toml", *CAP, "--calls", "6", "--yes", "-o", written)

    assert said.status == 0
    told = said.err.splitlines()
    origin = f"http://127.0.0.1:{server.port}"
    assert (
        f"REAL CALLS to {origin} as small-model (openai-chat, without a key): your prompts and rows go there."
        in told
    )
    assert any(line.startswith("6 calls, one at a time. Estimate $0.0061") for line in told)
    assert f"primary: small-model at {origin}, 6 calls, 6 answered" in said.out
    assert "tokens.output_tokens" in said.out
    assert said.out.rstrip().endswith("REAL CALLS")
    assert len(server.heard) == 6
    file = open_scenario(str(written))
    assert file.scenario.tokens.output_tokens == 12
    run = seatrial("run", written, "--duration", "5", "--json", "--log", tmp_path / "log.db")
    assert run.status == 0
    assert len(server.heard) == 6  # a rehearsal calls nobody


def test_json_holds_all_of_it(tmp_path: Path, server: Loopback) -> None:
    scenario_in(tmp_path, server.base_url)
    found = seatrial("calibrate", tmp_path / "own.toml", *CAP, "--calls", "5", "--yes", "--json").json

    assert found["calls"] == {"planned": 5, "made": 5, "answered": 5, "given_up": 0, "without_usage": 0}
    assert found["cost_usd"] == pytest.approx(5 * (33 * 1e-6 + 12 * 1e-5))
    assert found["output_tokens"]["median"] == 12
    assert found["settings"]["tokens.output_tokens"] == 12
    assert found["assumptions"]["tokens.output_tokens"].startswith("calibrated against http://127.0.0.1")
    assert (found["ended_early"], found["file"], found["errors"]) == (None, None, {})


def test_nobody_is_called_without_a_word(tmp_path: Path, server: Loopback) -> None:
    scenario_in(tmp_path, server.base_url)
    own = tmp_path / "own.toml"

    said = subprocess.run(
        command("calibrate", own, *CAP),
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert said.returncode == 2
    assert "nobody is here to be asked. Add --yes." in said.stderr
    assert "--max-usd" in seatrial("calibrate", own, "--yes").err
    assert server.heard == []


def test_a_file_is_not_replaced_and_that_is_found_out_before_anything_is_paid_for(
    tmp_path: Path, server: Loopback
) -> None:
    scenario_in(tmp_path, server.base_url)
    own = tmp_path / "own.toml"

    def complaint(output: Path) -> str:
        return seatrial("calibrate", own, *CAP, "--yes", "-o", output).complaint

    assert "the file is there already" in complaint(own)
    assert "the ending says nothing" in complaint(tmp_path / "own.json")
    assert "there is no such folder" in complaint(tmp_path / "nowhere" / "own.toml")
    assert server.heard == []
    assert seatrial("calibrate", own, *CAP, "--calls", "5", "--yes", "-o", own, "--force").status == 0
    assert open_scenario(str(own)).scenario.tokens.output_tokens == 12


def test_where_nothing_can_be_fitted_the_status_says_so(tmp_path: Path) -> None:
    written = tmp_path / "calibrated.toml"
    with loopback(lambda _: fails(401)) as server:
        scenario_in(tmp_path, server.base_url)
        said = seatrial("calibrate", tmp_path / "own.toml", *CAP, "--yes", "-o", written)

    assert said.status == 1
    assert "Only 1 of 30 calls were made: a call failed with unauthorized" in said.out
    assert not written.exists()


def test_settings_given_on_the_line_are_where_the_calls_go(tmp_path: Path, server: Loopback) -> None:
    scenario_in(tmp_path, "http://127.0.0.1:9/v1")
    said = seatrial(
        *("calibrate", tmp_path / "own.toml", *CAP, "--calls", "5", "--yes", "--json"),
        *("--set", f"targets.primary.endpoint.base_url={server.base_url}"),
        *("--set", "targets.primary.model=another"),
    )
    assert said.status == 0
    assert {heard.body["model"] for heard in server.heard} == {"another"}
    assert "no target 'x'" in seatrial("calibrate", tmp_path / "own.toml", *CAP, "--target", "x").complaint


@pytest.mark.skipif(os.name != "posix", reason="terminals as POSIX has them")
@pytest.mark.parametrize(("answer", "status", "calls"), [(b"n\n", 130, 0), (b"y\n", 0, 5)])
def test_on_a_terminal_it_asks(
    tmp_path: Path, server: Loopback, answer: bytes, status: int, calls: int
) -> None:
    scenario_in(tmp_path, server.base_url)
    person, terminal = os.openpty()
    line = command("calibrate", tmp_path / "own.toml", *CAP, "--calls", "5")
    with subprocess.Popen(
        line, env=environment(), stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        os.write(person, answer)
        _, err = process.communicate(timeout=60)
    os.close(person)
    os.close(terminal)

    assert "Make these calls?" in err
    assert process.returncode == status
    assert len(server.heard) == calls


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_an_interrupt_keeps_what_was_measured(tmp_path: Path) -> None:
    processes: list[subprocess.Popen[str]] = []

    def script(n: int) -> Play:
        if n == 6:
            processes[0].send_signal(signal.SIGINT)
            return hangs()
        return GOOD

    with loopback(script) as server:
        scenario_in(tmp_path, server.base_url)
        line = command("calibrate", tmp_path / "own.toml", *CAP, "--yes", "--json")
        with subprocess.Popen(line, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            processes.append(process)
            out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    found = json.loads(out)
    assert found["ended_early"] == "it was stopped"
    assert found["calls"]["answered"] == 6
    assert found["settings"]["tokens.output_tokens"] == 12
