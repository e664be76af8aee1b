"""`python -m tests.benchmarks [NAME ...]`: runs benchmarks, prints their ratios, and judges nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from rich.console import Console
from rich.table import Table

from tests.benchmarks.line import Line

BENCHMARKS = (
    "engine",
    "writer",
    "linearity",
    "day",
    "startup",
    "loading",
    "first_window",
    "charts",
    "table",
    "opening",
    "responsiveness",
    "live",
    "proxy",
)
"""Modules of this package, in the order in which they run; each is imported when its turn comes, so that those without a
window are measured without Qt."""


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there is {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    console = Console()
    for name in names or BENCHMARKS:
        table = Table("what", "measured", "ratio", "wanted", "", title=name, title_justify="left")
        for line in _lines(name):
            ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
            table.add_row(line.what, line.measured, ratio, line.wanted, line.verdict)
        console.print(table)
    return 0


def _lines(name: str) -> list[Line]:
    found: list[Line] = import_module(f"tests.benchmarks.{name}").lines()
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
