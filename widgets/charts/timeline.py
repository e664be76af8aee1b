"""What all charts of a board share along the time axis: the run's span, the part in view, crosshair and selection.

It paints nothing. Times are seconds of virtual time as float; bins are counted from 0.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, Signal

_LEAST_BINS_IN_VIEW: Final = 4


class Timeline(QObject):
    """The time axis. `viewed` comes when another part is in view, `pointed` when crosshair or selection moved.

    Attributes: `end_s` (the run is shown from 0 to here), `from_s` and `to_s` (what is in view), `bin_s`, `complete`
    (how many bins can be pointed at), `bin` (the one under the crosshair, None for none), `selection` (a pair of
    seconds, or None).
    """

    viewed = Signal()
    pointed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.end_s = self.to_s = 1.0
        self.from_s = 0.0
        self.bin_s = 1.0
        self.complete = 0
        self.bin: int | None = None
        self.selection: tuple[float, float] | None = None
        self._anchor: int | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the run is in view."""
        return self.from_s <= 0 and self.to_s >= self.end_s

    def set_span(self, end_s: float, bin_s: float, complete: int) -> None:
        """The run is this long now. A view of all of it stays one; a part of it stays where it is."""
        follow = self.whole
        moved = (end_s, bin_s) != (self.end_s, self.bin_s)
        self.end_s, self.bin_s, self.complete = end_s, bin_s, complete
        if self.bin is not None and self.bin >= complete:
            self.point(None)
        if follow or self.to_s > end_s:
            self.from_s, self.to_s = 0.0, end_s
        if moved:
            self.viewed.emit()

    def forget(self) -> None:
        """Another run: all of it, and nothing pointed at."""
        self.bin = self.selection = self._anchor = None
        self.from_s, self.to_s = 0.0, self.end_s
        self.pointed.emit()

    def reset_view(self) -> None:
        """Show all of the run."""
        self._view(0.0, self.end_s)

    def zoom(self, about_s: float, factor: float) -> None:
        """Show `factor` times as much, with `about_s` staying where it is; never beyond the run."""
        span = min(max((self.to_s - self.from_s) * factor, _LEAST_BINS_IN_VIEW * self.bin_s), self.end_s)
        share = (about_s - self.from_s) / (self.to_s - self.from_s)
        self._view(about_s - share * span, span)

    def pan(self, by_s: float) -> None:
        """Move the view, within the run."""
        self._view(self.from_s + by_s, self.to_s - self.from_s)

    def bin_at(self, at_s: float) -> int | None:
        """The complete bin that `at_s` lies in."""
        place = int(at_s // self.bin_s)
        return place if 0 <= place < self.complete else None

    def span_of(self, place: int) -> tuple[float, float]:
        """From when to when a bin goes."""
        return place * self.bin_s, (place + 1) * self.bin_s

    def point(self, place: int | None) -> None:
        """Put the crosshair on a bin, or take it away."""
        if place != self.bin:
            self.bin = place
            self.pointed.emit()

    def step(self, by: int, *, extend: bool = False) -> None:
        """Move the crosshair by bins; where there is none it comes to the last one. `extend` draws a selection along."""
        if not self.complete:
            return
        before = self.complete if self.bin is None else self.bin
        place = min(max(before + by, 0), self.complete - 1)
        if extend:
            self._anchor = before if self._anchor is None else self._anchor
            first, last = sorted((min(self._anchor, self.complete - 1), place))
            self.selection = (self.span_of(first)[0], self.span_of(last)[1])
        else:
            self.selection = self._anchor = None
        self.bin = place
        self._bring_into_view(place)
        self.pointed.emit()

    def select(self, one_s: float, other_s: float) -> None:
        """Select from one time to another, widened to whole bins; only complete ones can be selected."""
        if not self.complete:
            return
        first, last = sorted((one_s, other_s))
        begin = min(max(int(first // self.bin_s), 0), self.complete - 1)
        end = min(max(int(-(-last // self.bin_s)), begin + 1), self.complete)
        self.selection = (begin * self.bin_s, end * self.bin_s)
        self.pointed.emit()

    def clear(self) -> None:
        """Take crosshair and selection away."""
        self.bin = self.selection = self._anchor = None
        self.pointed.emit()

    def picked(self) -> tuple[float, float] | None:
        """What is selected, else the bin under the crosshair, in seconds."""
        if self.selection is not None:
            return self.selection
        return None if self.bin is None else self.span_of(self.bin)

    def _bring_into_view(self, place: int) -> None:
        first, last = self.span_of(place)
        if first < self.from_s:
            self.pan(first - self.from_s)
        elif last > self.to_s:
            self.pan(last - self.to_s)

    def _view(self, from_s: float, span_s: float) -> None:
        span_s = min(span_s, self.end_s)
        from_s = min(max(from_s, 0.0), self.end_s - span_s)
        if (from_s, from_s + span_s) != (self.from_s, self.to_s):
            self.from_s, self.to_s = from_s, from_s + span_s
            self.viewed.emit()
