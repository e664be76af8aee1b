"""Runs that do not come to their end: Ctrl+C stops and keeps, and not even a kill loses what was logged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.commands import STEADY, command, environment, seatrial

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")


@contextmanager
def running(log: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A run at ten virtual seconds a second, of an hour: it does not end before a test has done with it."""
    line = command("run", STEADY, "--speed", "10", "--duration", "3600", "--log", log, *options)
    with subprocess.Popen(
        line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], event: str) -> None:
    """Until the run has told of the event."""
    assert process.stderr is not None
    for line in process.stderr:
        if event in line:
            return
    raise AssertionError(f"the run ended before '{event}'")


def test_an_interrupt_stops_the_run_keeps_it_and_prints_the_summary(tmp_path: Path) -> None:
    log = tmp_path / "log.db"

    with running(log, "--json") as process:
        wait_for(process, "Three seconds")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    summary = json.loads(out)
    assert summary["state"] == "stopped"
    assert 3 <= summary["virtual_s"] < 3600
    for variant in summary["variants"].values():
        # Those under way were waited for: nothing is lost.
        assert sum(variant["outcomes"].values()) == variant["requests"] == summary["offered"] > 0
    assert seatrial("show", "last", "--json", log=log).json == summary
    shown = seatrial("show", log=log)
    assert ", stopped at " in shown.out.splitlines()[0]
    assert "Stopped" in shown.out


def test_an_interrupt_before_the_run_began_leaves_none(tmp_path: Path) -> None:
    log, data = tmp_path / "log.db", tmp_path / "rows.csv"
    rows = "".join(f"{number},some text\n" for number in range(1_500_000))
    data.write_text(f"number,text\n{rows}", encoding="utf-8")
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("{{ text }}", encoding="utf-8")

    with running(log, "--data", str(data), "--prompts", str(prompt), "--map", "text=text") as process:
        while not log.exists():  # it is made just before the data is read
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err in ("", "stopped before the run began; nothing was kept\n")
    assert seatrial("runs", "--json", log=log).json == {"runs": []}


def test_a_killed_run_loses_half_a_second_at_most_and_says_what_is_lost(tmp_path: Path) -> None:
    log = tmp_path / "log.db"

    with running(log) as process:
        wait_for(process, "Twelve seconds")
        process.kill()
        process.communicate(timeout=60)

    summary = seatrial("show", "last", "--json", log=log).json
    assert process.returncode == -signal.SIGKILL
    assert summary["state"] == "interrupted"
    assert summary["virtual_s"] >= 12 - 10 * 0.5
    shown = seatrial("show", log=log)
    for title, variant in zip(("Prototype", "bare"), summary["variants"].values(), strict=True):
        assert sum(variant["outcomes"].values()) == sum(variant["served_by"].values()) == variant["requests"]
        lost = summary["offered"] - variant["requests"]
        assert variant["unfinished"] == lost
        assert variant["requests"] > 0
        assert 0 < lost < 20 * 12
        assert f"{title}: {lost:,} requests have no end in the log, and count nowhere." in shown.out
    assert ", interrupted at " in shown.out.splitlines()[0]
    assert seatrial("show", "last", "--request", "5", log=log).status == 0
    assert (
        "has not ended"
        in seatrial("show", "last", "--request", str(summary["offered"] - 1), log=log).complaint
    )
    (record,) = seatrial("runs", "--json", log=log).json["runs"]
    assert record["state"] == "interrupted"
