"""Measures one thing in a process of its own: CPU time and peak memory, told as JSON. Others start it.

python -m tests.benchmarks.child run SECONDS FOLDER [log [SETTING ...]]
python -m tests.benchmarks.child load FILE
python -m tests.benchmarks.child nothing
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What a child told: CPU seconds, peak resident memory in bytes, and a count of what it did."""

    cpu_s: float
    peak_bytes: int
    count: int


def measured(*arguments: str) -> Measured:
    """Run a child with these arguments."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.child", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Measured(told["cpu_s"], told["peak_bytes"], told["count"])


def _run(seconds: str, folder: str, log: str = "", *settings: str) -> tuple[float, int]:
    from app.scenario.files import open_scenario
    from tests.benchmarks import engine

    file = open_scenario(str(Path(__file__).with_name("full.toml")), [f"duration_s={seconds}", *settings])
    began = process_time()
    if log:  # noqa: SIM108 (one line would be too long to read)
        offered = engine.logged(file, Path(folder) / "log.db")
    else:
        offered = sum(engine.without_log(file)[2]["prototype"].values())
    return process_time() - began, offered


def _load(path: str) -> tuple[float, int]:
    from app.inputs.datasets import load_dataset

    began = process_time()
    rows = len(load_dataset(Path(path)))
    return process_time() - began, rows


def _nothing() -> tuple[float, int]:
    return 0.0, 0


def main(arguments: list[str]) -> None:
    """Do it and tell."""
    what, *rest = arguments
    jobs: dict[str, Callable[..., tuple[float, int]]] = {"run": _run, "load": _load, "nothing": _nothing}
    cpu_s, count = jobs[what](*rest)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    print(json.dumps({"cpu_s": cpu_s, "peak_bytes": peak_bytes, "count": count}))


if __name__ == "__main__":
    main(sys.argv[1:])
