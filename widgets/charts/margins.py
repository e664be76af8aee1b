"""The room that every chart leaves left and right of its plot, so that all share one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtGui import QFontMetrics

from widgets.charts.styles import small_font
from widgets.charts.timeline import Timeline
from widgets.theme import Theme

_WIDEST_LABEL = 22
"""Characters of a label at a line's end; longer ones are elided."""


@dataclass(frozen=True)
class Margins:
    """Pixels: `left` for the values of an axis, `right` for labels at the ends of lines."""

    left: int = 50
    right: int = 100

    def x(self, timeline: Timeline, at_s: float, width_px: float) -> float:
        """Where a time lies in a widget of this width."""
        share = (at_s - timeline.from_s) / (timeline.to_s - timeline.from_s)
        return self.left + share * max(width_px - self.left - self.right, 1)

    def time(self, timeline: Timeline, x_px: float, width_px: float) -> float:
        """The time at a place of a widget of this width; beyond its ends too."""
        share = (x_px - self.left) / max(width_px - self.left - self.right, 1)
        return timeline.from_s + share * (timeline.to_s - timeline.from_s)


def margins_of(theme: Theme, labels: Sequence[str]) -> Margins:
    """Room for the values of every axis, and for the longest of `labels` with its sample of a line."""
    metrics = QFontMetrics(small_font(theme))
    widest = max((metrics.horizontalAdvance(label) for label in labels), default=0)
    most = metrics.averageCharWidth() * _WIDEST_LABEL
    return Margins(
        left=metrics.horizontalAdvance("$0.0005") + 12,
        right=min(widest, most) + SAMPLE_PX + 14,
    )


SAMPLE_PX = 18
"""Width of the sample of a line before its label."""
