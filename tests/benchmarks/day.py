"""A day of traffic, 10 requests a second for two variants, with its log: time, memory beside an hour's, size of the log."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.child import Measured, measured
from tests.benchmarks.line import Line

HOUR_S, DAY_S = 3_600, 86_400
SETTINGS = ("traffic.rate_per_s=10",)


def lines() -> list[Line]:
    """An hour, and the day to it; what else is measured is told and not judged."""
    hour, hour_bytes = _run(HOUR_S)
    day, day_bytes = _run(DAY_S)
    each = [told.cpu_s / (2 * told.count) * 1e6 for told in (hour, day)]
    return [
        Line("an hour", _text(hour, each[0], hour_bytes)),
        Line("a day", _text(day, each[1], day_bytes)),
        Line(
            "... its time for each request, to the hour's", f"{each[1]:.1f} us", each[1] / each[0], "<= 1.15"
        ),
        Line(
            "... its memory, to the hour's",
            f"{day.peak_bytes / 1e6:.0f} MB",
            day.peak_bytes / hour.peak_bytes,
            "<= 1.15",
        ),
    ]


def _run(seconds: float) -> tuple[Measured, int]:
    """What it took, and the size of its log in bytes."""
    with TemporaryDirectory() as folder:
        told = measured("run", str(seconds), folder, "log", *SETTINGS)
        return told, sum(each.stat().st_size for each in Path(folder).iterdir())


def _text(told: Measured, each_us: float, log_bytes: int) -> str:
    return (
        f"{told.count:,} requests x 2, {told.cpu_s:.0f} s, {each_us:.1f} us each, {told.peak_bytes / 1e6:.0f} MB, "
        f"log {log_bytes / 1e6:,.0f} MB ({log_bytes / told.count / 2:.0f} bytes each)"
    )
