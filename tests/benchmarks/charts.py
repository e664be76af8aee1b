"""What a refresh of the board of charts costs beside the same bars and lines in bare pyqtgraph plots.

Both are given a day's run in bins of ten minutes, and are painted anew for every picture, offscreen.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from app.analysis.curves import SAVED_BY, Band, Curves, Picture
from app.sessions.records import EventRecord, RunRecord, VariantRecord
from app.sessions.vocabulary import OUTCOMES
from tests.benchmarks.line import Line

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QWidget

BINS = 144
BIN_S = 600
ROUNDS = 30
SIZE = (900, 560)
PLOTS = 5


def lines() -> list[Line]:
    """Both in turn."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication([])
    pictures = [picture(seed) for seed in range(2)]
    boards = [_ours(application, pictures), _bare(pictures)]
    best = [inf, inf]
    for round_number in range(ROUNDS):
        for which, (widget, show) in enumerate(boards):
            began = perf_counter()
            show(round_number)
            widget.grab()
            best[which] = min(best[which], perf_counter() - began)
    for widget, _ in boards:
        widget.close()
        widget.deleteLater()
    ours, bare = best
    return [
        Line("bare pyqtgraph, bars and lines of a day", f"{bare * 1000:.1f} ms"),
        Line("the board of charts / bare pyqtgraph", f"{ours * 1000:.1f} ms", ours / bare, "<= 1.5"),
    ]


def picture(seed: int) -> Picture:
    """A day of two variants, with changes and an outage."""
    variants = (
        VariantRecord(0, "prototype", "Prototype", {}),
        VariantRecord(1, "safeguarded", "With safeguards", {}),
    )
    day_s = BINS * BIN_S
    record = RunRecord(
        run_id=1,
        scenario="day",
        title="A day",
        scenario_toml="",
        seed=seed,
        clock="virtual",
        duration_s=day_s,
        created_at="2026-01-01T00:00:00+00:00",
        ended_at=None,
        state="running",
        virtual_us=day_s * 1_000_000,
        drain_end_us=None,
        offered=1,
        app_version="",
        numpy_version="",
        platform="",
        name="",
        note="",
        tags="",
    )
    told = {"good_rate": 0.9, "cost_usd": 12.0}
    return Picture(
        record,
        variants,
        {"variants": {each.name: told for each in variants}},
        {each.name: curves(seed * 10 + each.index) for each in variants},
        tuple(EventRecord(n, n * 8_000_000_000, "change", f"Change {n}", None, {}) for n in range(10)),
        (Band(20_000, 30_000, "Outage"),),
        day_s,
    )


def curves(seed: int) -> Curves:
    """Made-up curves of a day."""
    random = np.random.default_rng(seed)
    parts = {word: random.poisson(900, BINS).astype(np.float64) for word in OUTCOMES}
    requests = np.sum(list(parts.values()), axis=0)
    p50_s, p95_s = random.lognormal(0, 0.4, BINS), random.lognormal(1.5, 0.5, BINS)
    p95_s[40:60] = inf
    p50_s[70:73] = p95_s[70:73] = nan
    cost_usd = random.lognormal(0, 0.2, BINS)
    return Curves(
        bin_s=BIN_S,
        starts_s=np.arange(BINS, dtype=np.float64) * BIN_S,
        complete=BINS,
        offered=requests + random.poisson(50, BINS),
        requests=requests,
        outcomes=parts,
        saved={key: random.poisson(300, BINS).astype(np.float64) for key in SAVED_BY},
        p50_s=p50_s,
        p95_s=p95_s,
        cost_usd=cost_usd,
        cost_per_1000_good_usd=cost_usd,
        total_cost_usd=np.cumsum(cost_usd),
        attempts=requests * 1.4,
    )


Shown = tuple["QWidget", Callable[[int], None]]


def _ours(application: QApplication, pictures: list[Picture]) -> Shown:
    from widgets.appearance import Appearance
    from widgets.charts.board import ChartBoard

    board = ChartBoard(Appearance(application, "light"))
    board.resize(*SIZE)
    board.show()

    def show(round_number: int) -> None:
        # Letting go of a held board shows the newest at once, whatever its pace.
        board.hold(True)
        board.show_picture(replace(pictures[round_number % 2]))
        board.hold(False)

    return board, show


def _bare(pictures: list[Picture]) -> Shown:
    import pyqtgraph as pg
    from PySide6.QtWidgets import QVBoxLayout, QWidget

    widget = QWidget()
    column = QVBoxLayout(widget)
    plots = [pg.PlotWidget() for _ in range(PLOTS)]
    for plot in plots:
        column.addWidget(plot)
        plot.setXRange(0, BINS * BIN_S, padding=0)
    stacks: list[tuple[list[Any], Any]] = []
    for plot in (plots[0], plots[1], plots[3]):
        colours = ["#0072B2", "#56B4E9", "#E69F00", "#CC79A7", "#D55E00"]
        bars = [
            pg.BarGraphItem(x0=[0], width=BIN_S, y0=[0], height=[0], brush=each, pen=None) for each in colours
        ]
        for bar in bars:
            plot.addItem(bar)
        stacks.append((bars, plot.plot([0.0, 1.0], [0.0], stepMode="center")))
    times = [plots[2].plot(pen=pg.mkPen(width=width), connect="finite") for width in (1, 2, 1, 2)]
    cost = [plots[4].plot(pen=pg.mkPen(width=2), connect="finite") for _ in range(2)]
    widget.resize(*SIZE)
    widget.show()

    def show(round_number: int) -> None:
        both = list(pictures[round_number % 2].curves.values())
        x = both[0].starts_s
        edges = np.append(x, x[-1] + BIN_S)
        parts = [
            list(both[0].outcomes.values()),
            list(both[1].outcomes.values()),
            list(both[1].saved.values()),
        ]
        for (bars, step), heights, each in zip(stacks, parts, (both[0], both[1], both[1]), strict=True):
            base = np.zeros(BINS)
            for bar, height in zip(bars, heights, strict=True):
                bar.setOpts(x0=x, y0=base, height=height / BIN_S, width=BIN_S)
                base = base + height / BIN_S
            step.setData(edges, each.offered / BIN_S)
        percentiles = [each for curve in both for each in (curve.p50_s, curve.p95_s)]
        for line, values in zip(times, percentiles, strict=True):
            line.setData(x, np.log10(np.where(np.isinf(values), 100.0, values)))
        for line, curve in zip(cost, both, strict=True):
            line.setData(x, curve.cost_per_1000_good_usd)

    return widget, show
