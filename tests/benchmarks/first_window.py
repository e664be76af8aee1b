"""How long the main window takes to its first paint, beside a process that only imports what windows are made of and makes
an application. Wall clock, as a person waits; best of several."""

from __future__ import annotations

import os
import subprocess
import sys
from math import inf
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.benchmarks.line import Line

ROUNDS = 5


def lines() -> list[Line]:
    """All in turn, each with a folder of its own, so that there is no log yet."""
    bare = first = later = page = inf
    for _ in range(ROUNDS):
        bare = min(bare, _took_s("bare"))
        with TemporaryDirectory() as folder:
            first = min(first, _took_s("window", folder, "no"))
            later = min(later, _took_s("window", folder, "yes"))
            page = min(page, _took_s("window", folder, "yes", "trial_page"))
    return [
        Line("import QtWidgets and pyqtgraph, make a QApplication", f"{bare * 1000:.0f} ms"),
        Line(
            "the very first window, whose run begins / that", f"{first * 1000:.0f} ms", first / bare, "<= 1.3"
        ),
        Line("any later first window / that", f"{later * 1000:.0f} ms", later / bare, "<= 1.3"),
        Line("the Trial page in it / that", f"{page * 1000:.0f} ms", page / bare),
    ]


def _took_s(*arguments: str) -> float:
    """Until the child says so; its end is waited for, and not counted."""
    began = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.first_paint_child", *arguments],
        env={"QT_QPA_PLATFORM": "offscreen"} | os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        said = child.stdout.readline()
        took_s = perf_counter() - began
    if said != "there\n" or child.returncode:
        raise RuntimeError(f"the child ended with status {child.returncode}")
    return took_s
