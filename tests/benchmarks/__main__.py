"""`python -m tests.benchmarks [NAME ...]`: runs benchmarks, prints their ratios, and judges nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from tests.benchmarks import engine, linearity, loading, startup, writer
from tests.benchmarks.line import Line

BENCHMARKS: dict[str, Callable[[], list[Line]]] = {
    "engine": engine.lines,
    "writer": writer.lines,
    "linearity": linearity.lines,
    "startup": startup.lines,
    "loading": loading.lines,
}


def main(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there is {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    console = Console()
    for name in names or BENCHMARKS:
        table = Table("what", "measured", "ratio", "wanted", "", title=name, title_justify="left")
        for line in BENCHMARKS[name]():
            ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
            table.add_row(line.what, line.measured, ratio, line.wanted, line.verdict)
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
