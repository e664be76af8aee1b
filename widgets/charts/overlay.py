"""Several runs or variants over one another, aligned at their start: good answers, time to answer, cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Slot
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.analysis.metrics import metric
from widgets.appearance import Appearance
from widgets.charts.ground import KEYS_HELP, ChartGround
from widgets.charts.key import Heading
from widgets.charts.lines import Line, LinePlot, TimesPlot
from widgets.charts.margins import margins_of
from widgets.charts.readout import LAST_ARRIVALS, Readout, bin_words, span_words
from widgets.charts.scales import Ticks, nice_top, slow_top
from widgets.charts.scroll import ChartScroll
from widgets.charts.stack import COST, COST_TITLE, TIMES, highest, ratio, usd_ticks
from widgets.charts.styles import style_of
from widgets.charts.time_axis import TimeAxis

if TYPE_CHECKING:
    from app.analysis.curves import Curves

_GOOD: Final = "Good answers in each 100 requests that ended in a bin. A gap where no request ended."
_PER_CENT: Final[Ticks] = [(0.0, "0 %"), (50.0, "50 %"), (100.0, "100 %")]
_LEAST_PLOT_PX: Final = 80
_BEYOND: Final = "no numbers there: it was not asked for so long"


class OverlayBoard(ChartGround):
    """Curves over one another. Attributes: `good`, `times`, `cost` (the plots), `readout`."""

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(appearance, parent)
        self.setObjectName("overlay_board")
        self.setAccessibleName(f"Curves over one another. {KEYS_HELP}")
        self._curves: tuple[tuple[str, Curves], ...] = ()
        self.readout = Readout(appearance)
        self.good = LinePlot(self.timeline, appearance)
        self.times = TimesPlot(self.timeline, appearance)
        self.cost = LinePlot(self.timeline, appearance)
        self._axis = TimeAxis(self.timeline, appearance)
        self._lay_out()
        self.timeline.pointed.connect(self._tell)
        appearance.changed.connect(self._dress)
        self._dress()

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setBackgroundRole(QPalette.ColorRole.Base)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for plot, name, title, formula in (
            (self.good, "overlay_good", metric("good_rate").title, _GOOD),
            (self.times, "overlay_times", "95 of 100 answered within (p95)", TIMES),
            (self.cost, "overlay_cost", COST_TITLE, COST),
        ):
            plot.setObjectName(name)
            plot.setAccessibleName(title)
            column.addWidget(Heading(title, formula, self._appearance))
            column.addWidget(plot, 1)
        scroll = ChartScroll()
        scroll.setWidget(inner)
        scroll.narrowed.connect(self._align)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2, 2, 2, 2)
        outer.setSpacing(0)
        outer.addWidget(self.readout)
        outer.addWidget(scroll, 1)
        outer.addWidget(self._axis)

    def show_curves(self, curves: Sequence[tuple[str, Curves]]) -> None:
        """Show these, each with its title; their line styles go by their order."""
        self._curves = tuple(curves)
        self._dress()
        if not curves:
            for plot in (self.good, self.times, self.cost):
                plot.set_lines(())
            self.timeline.set_span(1.0, 1.0, 0)
            self.readout.set_lines("", ())
            return
        # Where bins differ in length, the crosshair spans the longest of them.
        bin_s = max(each.bin_s for _, each in curves)
        end_s = max(each.complete * each.bin_s for _, each in curves)
        self.timeline.set_span(max(end_s, bin_s), bin_s, int(end_s // bin_s))
        self.timeline.forget()
        good, times, cost = [], [], []
        for place, (title, each) in enumerate(curves):
            style, done = style_of(place), each.complete
            rate = 100 * ratio(each.outcomes["good"][:done], each.requests[:done])
            good.append(Line(title, style, each.bin_s, rate, thick=True))
            times.append(Line(title, style, each.bin_s, each.p95_s[:done], thick=True))
            cost.append(Line(title, style, each.bin_s, each.cost_per_1000_good_usd[:done], thick=True))
        self.good.set_values(-3, 104, _PER_CENT)
        self.good.set_lines(good[::-1])
        self.times.set_top(slow_top(highest(times)))
        self.times.set_lines(times[::-1])
        top = nice_top(highest(cost))
        self.cost.set_values(0, top * 1.06, usd_ticks(top))
        self.cost.set_lines(cost[::-1])
        self._tell()

    @Slot()
    def _tell(self) -> None:
        view = self.timeline
        if not self._curves or not view.complete:
            return
        of_itself, place = ("", view.bin) if view.bin is not None else self._telling()
        first_s, last_s = view.span_of(place)
        self.readout.set_lines(
            of_itself + span_words(first_s, last_s),
            [(title, bin_words(each, int(last_s / each.bin_s) - 1, _BEYOND)) for title, each in self._curves],
        )
        told = (f"{title}: {words}" for title, words in self.readout.lines)
        self.setAccessibleDescription(". ".join([self.readout.time, *told]))

    def _telling(self) -> tuple[str, int]:
        """The bin to tell of while nobody points at one, after what it is: not the drain, when nobody came any more."""
        end = self.timeline.complete - 1
        arrived = [
            int((each.last_arrivals + 1) * each.bin_s / self.timeline.bin_s) - 1
            for _, each in self._curves
            if each.last_arrivals is not None
        ]
        place = max(0, min(end, *arrived)) if arrived else end
        return ("" if place == end else LAST_ARRIVALS), place

    @Slot()
    def _dress(self) -> None:
        theme = self._appearance.theme
        margins = margins_of(theme, [title for title, _ in self._curves])
        for plot in (self.good, self.times, self.cost):
            plot.set_margins(margins)
            plot.setMinimumHeight(round(_LEAST_PLOT_PX * theme.scale))
        self._axis.set_margins(margins)
        self.update()

    @Slot(int)
    def _align(self, by_px: int) -> None:
        self._axis.setContentsMargins(0, 0, by_px, 0)
        self._axis.update()
