"""The charts of a run, one below the other, for its variants: which curve goes into which chart, and how it scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.analysis.metrics import metric
from app.analysis.summary import usd
from widgets.appearance import Appearance
from widgets.charts.annotations import Annotations
from widgets.charts.key import Entry, Heading
from widgets.charts.lines import Line, LinePlot, TimesPlot
from widgets.charts.margins import margins_of
from widgets.charts.plot import Plot
from widgets.charts.scales import Ceiling, Floats, Ticks, slow_top
from widgets.charts.strip import Stack, StripPlot
from widgets.charts.styles import style_of
from widgets.charts.timeline import Timeline
from widgets.theme import OUTCOME_MARKS, SAVED_MARKS

if TYPE_CHECKING:
    from app.analysis.curves import Curves, Picture
    from app.sessions.records import VariantRecord

_HEADROOM: Final = 1.06
_STRIP_PX: Final = 38
_PLOT_PX: Final = 46
_TIMES_PX: Final = 60
"""Heights in pixels at a desk; what is lower says nothing, so the board scrolls instead."""

GOT = (
    "What became of the requests that ended in each bin, a second. Stand-in: a canned answer, a person, or politely "
    "shed. Late: after the customers' patience. Wrong: failed a check of its content. Failed: no answer at all. "
    "Asked for: requests by the time at which they were meant to arrive."
)
TIMES = (
    "Time from a request's intended arrival to its answer. p50: half of the requests that ended in a bin had their "
    "answer within it; p95: 95 of 100. Taken from the bin's histogram by nearest rank, never averaged; a request "
    "without an answer ranks as infinitely slow. What is faster than 0.1 s is drawn there."
)
SAVED = "Requests that the first call did not serve, by who served them instead, a second."
COST_TITLE = metric("cost_usd_per_1000_good").title
COST = (
    "All that was spent in a bin, failures included, for each 1,000 good answers in it. "
    "A gap where no answer was good."
)
ATTEMPTS_TITLE = metric("attempts_per_request").title
ATTEMPTS = "Calls to a model made for the requests that ended in a bin, divided by those requests."


class ChartStack(QWidget):
    """All charts of these variants. `picked(from_s, to_s, variant)` comes from whichever was clicked.

    Attributes: `strips` (one per variant), `times`, `saved`, `cost`, `attempts`; the last is hidden until asked for.
    """

    picked = Signal(float, float, object)

    def __init__(self, variants: Sequence[VariantRecord], timeline: Timeline, appearance: Appearance) -> None:
        super().__init__()
        self._variants, self._timeline, self._appearance = tuple(variants), timeline, appearance
        self._rate_top, self._saved_top, self._cost_top, self._tries_top, self._slow_top = (
            Ceiling() for _ in range(5)
        )
        entries = [Entry(mark.title, mark) for mark in OUTCOME_MARKS.values()]
        self._got = Heading("What customers got", GOT, appearance, [*entries, Entry("Asked for")])
        shares = (Entry("half within (p50)", line="thin"), Entry("95 of 100 within (p95)", line="thick"))
        self._times = Heading("Time to answer", TIMES, appearance, shares)
        saved = [Entry(mark.title, mark) for mark in SAVED_MARKS.values()]
        self._saved = Heading("Who saved it", SAVED, appearance, saved)
        self._cost = Heading(COST_TITLE, COST, appearance)
        self._attempts = Heading(ATTEMPTS_TITLE, ATTEMPTS, appearance)
        self.strips = [StripPlot(timeline, appearance, each.name) for each in variants]
        self.times = TimesPlot(timeline, appearance)
        self.saved = StripPlot(timeline, appearance)
        self.cost = LinePlot(timeline, appearance)
        self.attempts = LinePlot(timeline, appearance)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self._lay_out()
        self.set_more(False)
        appearance.changed.connect(self._dress)
        self._dress()

    def plots(self) -> list[Plot]:
        """Every plot, from the top."""
        return [*self.strips, self.times, self.saved, self.cost, self.attempts]

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        named: list[tuple[Heading | None, Plot, str, int]] = [
            (None if place else self._got, strip, f"chart_got_{strip.variant}", 4)
            for place, strip in enumerate(self.strips)
        ]
        named += [
            (self._times, self.times, "chart_times", 7),
            (self._saved, self.saved, "chart_saved", 4),
            (self._cost, self.cost, "chart_cost", 5),
            (self._attempts, self.attempts, "chart_attempts", 4),
        ]
        for heading, plot, name, share in named:
            if heading is not None:
                column.addWidget(heading)
            plot.setObjectName(name)
            plot.setAccessibleName(name)
            plot.picked.connect(self.picked)
            column.addWidget(plot, share)
        for plot, title in zip(self.plots(), self._titles(), strict=True):
            plot.setAccessibleName(title)

    def _titles(self) -> list[str]:
        strips = [f"What customers got: {each.title}" for each in self._variants]
        return [
            *strips,
            "Time to answer",
            "Who saved it",
            COST_TITLE,
            ATTEMPTS_TITLE,
        ]

    def set_more(self, shown: bool) -> None:
        """Show the charts beyond the four, or hide them."""
        self._attempts.setVisible(shown)
        self.attempts.setVisible(shown)

    def labels(self) -> list[str]:
        """The texts that the right margin must hold."""
        return [f"{each.title} p95" for each in self._variants]

    @Slot()
    def _dress(self) -> None:
        theme = self._appearance.theme
        margins = margins_of(theme, self.labels())
        for plot in self.plots():
            least = (
                _TIMES_PX if plot is self.times else _STRIP_PX if isinstance(plot, StripPlot) else _PLOT_PX
            )
            plot.setMinimumHeight(round(least * theme.scale))
            plot.set_margins(margins)

    def show_picture(self, picture: Picture, annotations: Annotations, patience_s: float | None) -> None:
        """Draw this moment of the run that the stack was made for."""
        for plot in self.plots():
            plot.set_annotations(annotations)
        curves = [picture.curves[each.name] for each in self._variants]
        self._show_got(curves, picture)
        self._show_times(curves, patience_s)
        self._show_saved(curves, picture)
        self._show_cost(curves, picture)
        self._show_attempts(curves)

    def _show_got(self, curves: Sequence[Curves], picture: Picture) -> None:
        stacks = [
            Stack(
                each.bin_s,
                tuple(
                    (mark, each.outcomes[word][: each.complete] / each.bin_s)
                    for word, mark in OUTCOME_MARKS.items()
                ),
                each.offered[: each.complete] / each.bin_s,
            )
            for each in curves
        ]
        # What is given up when the run ends comes at one instant; it must not flatten all that went before.
        duration_s = picture.record.duration_s
        top = self._rate_top.raise_to(max((stack.highest(duration_s) for stack in stacks), default=0.0))
        for strip, stack, variant in zip(self.strips, stacks, self._variants, strict=True):
            strip.set_values(0, top * _HEADROOM, rate_ticks(top))
            strip.set_stack(stack)
            rate = picture.summary["variants"][variant.name]["good_rate"]
            strip.set_label(variant.title, "" if rate is None else f"{100 * rate:.0f} % good so far")

    def _show_times(self, curves: Sequence[Curves], patience_s: float | None) -> None:
        shown = [(each.p50_s[: each.complete], each.p95_s[: each.complete]) for each in curves]
        finite = [float(part[np.isfinite(part)].max(initial=0.0)) for pair in shown for part in pair]
        self.times.set_top(slow_top(self._slow_top.raise_to(max([patience_s or 0.0, *finite]))))
        self.times.set_patience(patience_s)
        lines = []
        for place, (variant, each, pair) in enumerate(zip(self._variants, curves, shown, strict=True)):
            for word, values, thick in (("p50", pair[0], False), ("p95", pair[1], True)):
                lines.append(Line(f"{variant.title} {word}", style_of(place), each.bin_s, values, thick))
        # The first variant lies on top: between its dashes the others still show.
        self.times.set_lines(lines[::-1])

    def _show_saved(self, curves: Sequence[Curves], picture: Picture) -> None:
        place = max((i for i, each in enumerate(curves) if _any_saved(each)), default=len(curves) - 1)
        each, variant = curves[place], self._variants[place]
        stack = Stack(
            each.bin_s,
            tuple((mark, each.saved[key][: each.complete] / each.bin_s) for key, mark in SAVED_MARKS.items()),
        )
        top = self._saved_top.raise_to(stack.highest(picture.record.duration_s))
        self.saved.variant = variant.name
        self.saved.set_values(0, top * _HEADROOM, rate_ticks(top))
        self.saved.set_stack(stack)
        saved = sum(float(part[: each.complete].sum()) for part in each.saved.values())
        self.saved.set_label(variant.title, f"{saved:,.0f} saved" if saved else "none saved yet")

    def _show_cost(self, curves: Sequence[Curves], picture: Picture) -> None:
        lines = [
            Line(
                variant.title,
                style_of(place),
                each.bin_s,
                each.cost_per_1000_good_usd[: each.complete],
                thick=True,
            )
            for place, (variant, each) in enumerate(zip(self._variants, curves, strict=True))
        ]
        top = self._cost_top.raise_to(highest(lines))
        self.cost.set_values(0, top * _HEADROOM, usd_ticks(top))
        self.cost.set_lines(lines[::-1])
        spent = (
            f"{each.title} {usd(picture.summary['variants'][each.name]['cost_usd'])}"
            for each in self._variants
        )
        self._cost.set_corner("Spent so far: " + " · ".join(spent))

    def _show_attempts(self, curves: Sequence[Curves]) -> None:
        lines = []
        for place, (variant, each) in enumerate(zip(self._variants, curves, strict=True)):
            values = ratio(each.attempts[: each.complete], each.requests[: each.complete])
            lines.append(Line(variant.title, style_of(place), each.bin_s, values, thick=True))
        top = self._tries_top.raise_to(highest(lines))
        self.attempts.set_values(0, top * _HEADROOM, [(v, f"{v:g}") for v in (0.0, top / 2, top)])
        self.attempts.set_lines(lines[::-1])


def rate_ticks(top: float) -> Ticks:
    """Ticks of an axis of requests a second."""
    return [(0.0, "0"), (top / 2, f"{top / 2:g}/s"), (top, f"{top:g}/s")]


def usd_ticks(top: float) -> Ticks:
    """Ticks of an axis of money."""
    return [(0.0, "0"), *((value, _money(value)) for value in (top / 2, top))]


def _money(amount: float) -> str:
    """A round amount, with no more decimals than it has."""
    return f"${amount:,.6g}" if amount >= 0.001 else usd(amount)


def highest(lines: Sequence[Line]) -> float:
    """The highest finite value of all lines, 0 for none."""
    found = (line.values[np.isfinite(line.values)].max(initial=0.0) for line in lines)
    return float(max(found, default=0.0))


def ratio(above: Floats, below: Floats) -> Floats:
    """One by the other, shape (n,); NaN where there is nothing to divide by."""
    result = np.full(below.shape, np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _any_saved(curves: Curves) -> bool:
    return any(part[: curves.complete].any() for part in curves.saved.values())
