"""What the charts say in words: for the bin under the crosshair, or the latest; on screen and for screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf, isnan
from typing import TYPE_CHECKING, Final

from PySide6.QtWidgets import QGridLayout, QWidget

from app.analysis.summary import usd
from widgets.appearance import Appearance
from widgets.charts.elided import ElidedText
from widgets.charts.scales import clock

if TYPE_CHECKING:
    from app.analysis.curves import Curves

LAST_ARRIVALS: Final = "Last arrivals: "
"""Before the bin that is told of a run that is over, where its drain came after."""


def span_words(from_s: float, to_s: float) -> str:
    """A span of virtual time in words."""
    return f"{clock(from_s)} to {clock(to_s)}"


def bin_words(curves: Curves, place: int, beyond: str = "not yet complete") -> str:
    """How one variant did in a bin, on one line; `beyond` is said of a bin after its last complete one."""
    if place >= curves.complete:
        return beyond
    offered = f"{curves.offered[place] / curves.bin_s:.3g}/s asked for"
    requests = int(curves.requests[place])
    if not requests:
        return f"{offered} · none answered or given up"
    good = curves.outcomes["good"][place] / requests
    cost = float(curves.cost_per_1000_good_usd[place])
    return " · ".join(
        (
            f"{100 * good:.0f} % of {requests:,} good",
            f"p50 {answer_words(float(curves.p50_s[place]))}",
            f"p95 {answer_words(float(curves.p95_s[place]))}",
            "no good answer for its money" if isnan(cost) else f"{usd(cost)} per 1,000 good",
            offered,
        )
    )


def answer_words(seconds: float) -> str:
    """A percentile of time to answer."""
    if isnan(seconds):
        return "–"
    return "no answer" if isinf(seconds) else f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


class Readout(QWidget):
    """A time and, for each of what is compared, its title and a line of values; always in the same place.

    Attribute: `lines`, pairs of title and words as shown.
    """

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chart_readout")
        self.lines: tuple[tuple[str, str], ...] = ()
        self._appearance = appearance
        self._time = ElidedText(appearance)
        self._rows: list[tuple[ElidedText, ElidedText]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(6, 2, 6, 2)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(2, 1)
        self._grid.addWidget(self._time, 0, 0)

    def set_lines(self, time: str, lines: Sequence[tuple[str, str]]) -> None:
        """Show these."""
        self._time.set_text(time)
        # It keeps the room that it once needed: values that move cannot be compared.
        self._time.setMinimumWidth(max(self._time.minimumWidth(), self._time.sizeHint().width()))
        self.lines = tuple(lines)
        while len(self._rows) < len(lines):
            self._add_row()
        for place, (title, words) in enumerate(self._rows):
            there = place < len(lines)
            title.setVisible(there)
            words.setVisible(there)
            if there:
                title.set_text(lines[place][0])
                words.set_text(lines[place][1])

    @property
    def time(self) -> str:
        """The time as shown."""
        return self._time.text

    def _add_row(self) -> None:
        title, words = ElidedText(self._appearance, bold=True), ElidedText(self._appearance)
        row = len(self._rows)
        self._grid.addWidget(title, row, 1)
        self._grid.addWidget(words, row, 2)
        self._rows.append((title, words))
