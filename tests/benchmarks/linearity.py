"""Whether time grows with the requests and memory does not: 10,000 to 1,000,000, with a log and without."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from tests.benchmarks.child import measured
from tests.benchmarks.line import Line
from tests.benchmarks.twin_world import RATE_PER_S

SIZES = (10_000, 100_000, 1_000_000)
"""Requests times variants."""


def lines() -> list[Line]:
    """Each size in a process of its own, compared with the size before it: fixed costs weigh little there."""
    found = []
    for log in ("", "log"):
        before: tuple[float, int] | None = None
        for size in SIZES:
            with TemporaryDirectory() as folder:
                arguments = ["run", f"{size / 2 / RATE_PER_S:g}", folder, *([log] if log else [])]
                told = measured(*arguments)
            each_us = told.cpu_s / (2 * told.count) * 1e6
            what = f"{size:,} requests x variants, {'with' if log else 'without'} log"
            text = f"{told.cpu_s:.1f} s, {each_us:.1f} us each, {told.peak_bytes / 1e6:.0f} MB"
            large = before is not None and size == SIZES[-1]
            found.append(
                Line(what, text, each_us / before[0] if before else None, "<= 1.15" if large else "")
            )
            if large and before is not None:
                found.append(
                    Line(
                        "... its memory, to the size before",
                        f"{told.peak_bytes / 1e6:.0f} MB",
                        told.peak_bytes / before[1],
                        "<= 1.15",
                    )
                )
            before = (each_us, told.peak_bytes)
    return found
