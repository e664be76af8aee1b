"""How long a CSV file of 100 MB takes to load, and how much memory, as a multiple of the file."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from string import ascii_lowercase
from tempfile import TemporaryDirectory

from tests.benchmarks.child import measured
from tests.benchmarks.line import Line

FILE_BYTES = 100_000_000


def lines() -> list[Line]:
    """The file is made first, and its making not counted."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        _make(path)
        size = path.stat().st_size
        idle = measured("nothing")
        told = measured("load", str(path))
    used = told.peak_bytes - idle.peak_bytes
    return [
        Line(f"a CSV of {size / 1e6:.0f} MB, {told.count:,} rows", f"{told.cpu_s:.1f} s of CPU"),
        Line("peak memory / file", f"{used / 1e6:.0f} MB above an idle interpreter", used / size),
    ]


def _make(path: Path) -> None:
    rng = random.Random(1)
    words = ["".join(rng.choices(ascii_lowercase, k=rng.randint(2, 10))) for _ in range(20_000)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "customer", "question", "plan", "expected"])
        number = 0
        while file.tell() < FILE_BYTES:
            for _ in range(1000):
                number += 1
                text = " ".join(rng.choices(words, k=rng.randint(8, 40)))
                writer.writerow([number, f"Customer {number % 997}", text, "Trailhead", "where_is_my_order"])
