"""Runs commands as a person or a script would: in this process for speed, or as a child where it matters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from app.cli import run_cli

ROOT = Path(__file__).resolve().parents[2]
FIRST_DAY = "support-assistant"
STEADY = Path(__file__).with_name("steady.toml")


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON on standard output, which holds nothing else."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one message about wrong input; there is nothing on standard output beside it."""
        assert self.status == 2, (self.status, self.err)
        assert self.out == ""
        assert "Traceback" not in self.err
        (line,) = [each for each in self.err.splitlines() if each.startswith("seatrial: ")]
        return line.removeprefix("seatrial: ")


def seatrial(*arguments: str | Path, log: Path | None = None) -> Said:
    """Run a command in this process."""
    out, err = StringIO(), StringIO()
    line = [str(each) for each in arguments] + ([] if log is None else ["--log", str(log)])
    with redirect_stdout(out), redirect_stderr(err):
        status = run_cli(line)
    return Said(status, out.getvalue(), err.getvalue())


def command(*arguments: str | Path) -> list[str]:
    """The command line of a child process."""
    return [sys.executable, "-m", "app", *(str(each) for each in arguments)]


def environment(**more: str) -> dict[str, str]:
    """Variables of a child process that finds this tree's packages and is not told of any terminal."""
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "TERM")}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def child(*arguments: str | Path, said: str = "", **variables: str) -> Said:
    """Run a command in a child process, to its end; `said` is what it reads on its standard input."""
    ended = subprocess.run(
        command(*arguments),
        env=environment(**variables),
        cwd=ROOT,
        input=said,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Said(ended.returncode, ended.stdout, ended.stderr)


def comparable(summary: dict[str, Any]) -> dict[str, Any]:
    """A summary without what two runs of the same scenario differ in."""
    return {key: value for key, value in summary.items() if key not in ("run", "created_at", "ended_at")}
