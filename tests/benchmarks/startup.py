"""What `seatrial --version` costs beside an idle interpreter. Wall clock, as a person waits; best of many."""

from __future__ import annotations

import subprocess
import sys
from time import perf_counter

from tests.benchmarks.line import Line

ROUNDS = 9


def lines() -> list[Line]:
    """Both in turn."""
    nothing = ours = float("inf")
    for _ in range(ROUNDS):
        nothing = min(nothing, _took_s("-c", "pass"))
        ours = min(ours, _took_s("-m", "app", "--version"))
    return [
        Line("python -c pass", f"{nothing * 1000:.0f} ms"),
        Line("seatrial --version / python -c pass", f"{ours * 1000:.0f} ms", ours / nothing),
    ]


def _took_s(*arguments: str) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - began
