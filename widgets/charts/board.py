"""The board of charts of one run: time, annotations, crosshair, keys, and how often it is painted.

It is given pictures, and reads no log. What the charts show of a picture is `stack`'s.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QVBoxLayout, QWidget

from app.errors import UserError
from app.scenario.files import parse_scenario
from widgets.appearance import Appearance
from widgets.charts.annotation_strip import AnnotationStrip
from widgets.charts.annotations import Annotations, notes_of
from widgets.charts.ground import KEYS_HELP, ChartGround
from widgets.charts.margins import margins_of
from widgets.charts.readout import LAST_ARRIVALS, Readout, bin_words, span_words
from widgets.charts.scales import clock, end_of_time
from widgets.charts.scroll import ChartScroll
from widgets.charts.snapshot import composed
from widgets.charts.time_axis import TimeAxis
from widgets.real_calls.words import origins

if TYPE_CHECKING:
    from app.analysis.curves import Picture
    from app.sessions.records import RunRecord, VariantRecord
    from widgets.charts.stack import ChartStack

_PACE_MS: Final = 100


class ChartBoard(ChartGround):
    """The charts of a run. Signal: `range_picked(from_s, to_s, variant)`, the variant None where all were meant.

    Attributes: `charts` (None before the first picture), `picture` (as shown), `readout`, `strip`, `badge`.
    """

    def __init__(self, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(appearance, parent)
        self.setObjectName("chart_board")
        self.setAccessibleName(f"Charts of the run. {KEYS_HELP} Enter lists the requests.")
        self.charts: ChartStack | None = None
        self.picture: Picture | None = None
        self._newest: Picture | None = None
        self._variants: tuple[VariantRecord, ...] = ()
        self._run_id: int | None = None
        self._patience_s: float | None = None
        self._held = self._more = False
        self._pace = QTimer(self, singleShot=True, interval=_PACE_MS)
        self._pace.timeout.connect(self._catch_up)
        self._lay_out()
        self.timeline.pointed.connect(self._tell)
        appearance.changed.connect(self._dress)
        self._dress()

    def _lay_out(self) -> None:
        self.readout = Readout(self._appearance)
        self.badge = QLabel("Held")
        self.badge.setToolTip("The view is held; the run goes on. Let go to see its newest moment.")
        self.badge.setObjectName("chart_held")
        self.badge.setProperty("role", "badge")
        self.badge.setVisible(False)
        self.strip = AnnotationStrip(self.timeline, self._appearance)
        self._scroller = ChartScroll()
        self.axis = TimeAxis(self.timeline, self._appearance)
        self._empty = QLabel()
        self._empty.setObjectName("chart_empty")
        self._empty.setTextFormat(Qt.TextFormat.PlainText)
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setProperty("tone", "muted")
        self._page = QWidget()
        top = QHBoxLayout()
        top.addWidget(self.readout, 1)
        top.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self._page)
        column.setContentsMargins(2, 2, 2, 2)
        column.setSpacing(0)
        column.addLayout(top)
        for each, share in ((self.strip, 0), (self._scroller, 1), (self.axis, 0)):
            column.addWidget(each, share)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self._page)
        self._scroller.narrowed.connect(self._align)

    @property
    def held(self) -> bool:
        """Whether the view is kept while pictures come."""
        return self._held

    def set_empty_text(self, text: str) -> None:
        """What stands here while there is no run."""
        self._empty.setText(text)

    def set_brief(self, brief: bool) -> None:
        """Leave the room of the values at the crosshair to the charts, where there is little of it."""
        self.readout.setVisible(not brief)

    def show_picture(self, picture: Picture | None) -> None:
        """Show a moment of a run, at most ten times a second; the newest wins. None: no run is shown."""
        self._newest = picture
        if picture is None:
            self._forget()
        elif not self._held and not self._pace.isActive():
            self._draw(picture)
            self._pace.start()

    def hold(self, held: bool) -> None:
        """Keep the view as it is, or go on with the newest picture."""
        self._held = held
        self.badge.setVisible(held)
        if not held:
            self._catch_up()

    def reset_view(self) -> None:
        """Show the whole run."""
        self.timeline.reset_view()

    def set_more(self, shown: bool) -> None:
        """Show the charts beyond the four: attempts per request."""
        self._more = shown
        if self.charts is not None:
            self.charts.set_more(shown)

    def snapshot(self) -> QImage:
        """All charts as an image, whole even where the board scrolls, with what was run on which seed."""
        if self.picture is None or self.charts is None:
            return self.grab().toImage()
        record = self.picture.record
        where = origins(self.picture.summary.get("real_calls"))
        how = f"{record.badge} to {where}" if where else f"{record.badge}, seed {record.seed}"
        parts = (self.readout, self.strip, self.charts, self.axis)
        return composed(f"{record.title} · {how}", parts, self._appearance.theme)

    @Slot()
    def _catch_up(self) -> None:
        if self._newest is not None and self._newest is not self.picture and not self._held:
            self._draw(self._newest)
            self._pace.start()

    def _forget(self) -> None:
        self.picture = self._run_id = None
        self.timeline.set_span(1.0, 1.0, 0)
        self.timeline.forget()
        self._pages.setCurrentWidget(self._empty)
        self.setAccessibleDescription(self._empty.text())

    def _draw(self, picture: Picture) -> None:
        other_run = picture.record.run_id != self._run_id
        if other_run or picture.variants != self._variants:
            self._build(picture)
        self.picture = picture
        bin_s = next(iter(picture.curves.values())).bin_s
        # Variants that take turns are not equally far: what one of them has can be pointed at.
        complete = max(each.complete for each in picture.curves.values())
        self.timeline.set_span(_end_s(picture, bin_s), bin_s, complete)
        if other_run:
            self.timeline.forget()
        if picture.until_s <= self.timeline.from_s:
            self.timeline.reset_view()  # a replay from before what is in view, where there would be nothing to see
        still_on = any(band.to_s is None for band in picture.bands)
        until_s = picture.until_s if still_on else 0.0  # what did not change is not painted anew
        annotations = Annotations(notes_of(picture.events), picture.bands, until_s)
        self.strip.set_annotations(annotations)
        if self.charts is not None:
            self.charts.show_picture(picture, annotations, self._patience_s)
        self._pages.setCurrentWidget(self._page)
        self._tell()

    def _build(self, picture: Picture) -> None:
        """Charts for another run: nothing of the one before stays, its scales least of all."""
        from widgets.charts.stack import (
            ChartStack,  # pyqtgraph takes most of a second: not before there is a run
        )

        self._run_id, self._variants = picture.record.run_id, picture.variants
        self._patience_s = _patience_s(picture.record)
        before = self._scroller.takeWidget() if self.charts is not None else None
        self.charts = ChartStack(picture.variants, self.timeline, self._appearance)
        self.charts.set_more(self._more)
        self.charts.picked.connect(self.range_picked)
        self._scroller.setWidget(self.charts)
        if before is not None:
            before.deleteLater()  # and not now: it may be its own click that brought another run
        self._dress()

    @Slot()
    def _dress(self) -> None:
        margins = margins_of(self._appearance.theme, self.charts.labels() if self.charts else ())
        self.strip.set_margins(margins)
        self.axis.set_margins(margins)
        self.update()

    @Slot(int)
    def _align(self, by_px: int) -> None:
        """Strip and axis stay in line with the charts while a scroll bar takes room beside these."""
        for each in (self.strip, self.axis):
            each.setContentsMargins(0, 0, by_px, 0)
            each.update()

    @Slot()
    def _tell(self) -> None:
        """The values under the crosshair, or the latest, in words."""
        picture, view = self.picture, self.timeline
        if picture is None:
            return
        of_itself, place = ("", view.bin) if view.bin is not None else _telling(picture)
        if place < 0:
            first = f"the first numbers come at {clock(view.bin_s)}"
            self.readout.set_lines(clock(picture.until_s), [(each.title, first) for each in self._variants])
        else:
            words = [(each.title, self._words(picture, each.name, place)) for each in self._variants]
            self.readout.set_lines(of_itself + span_words(*view.span_of(place)), words)
        told = [self.readout.time, *(f"{title}: {words}" for title, words in self.readout.lines)]
        self.setAccessibleDescription(". ".join(told))

    @staticmethod
    def _words(picture: Picture, variant: str, place: int) -> str:
        curves = picture.curves[variant]
        if picture.record.state != "running":
            beyond = "its run had ended by then" if curves.complete else "it was not asked"
        else:
            beyond = "not yet complete" if curves.complete else "its turn is still to come"
        return bin_words(curves, place, beyond)


def _telling(picture: Picture) -> tuple[str, int]:
    """The bin to tell of while nobody points at one, after what it is; -1 before there is one.

    It is the last that all have which have any: where variants take turns, the others' is still to come. Of a run that is
    over it is the last in which requests arrived: of the drain after it there is little to tell but who was given up.
    """
    begun = [each for each in picture.curves.values() if each.complete]
    complete = min((each.complete for each in begun), default=0)
    if picture.summary["state"] != "running":
        arrived = [each.last_arrivals for each in begun if each.last_arrivals is not None]
        if arrived and min(arrived) < complete - 1:
            return LAST_ARRIVALS, min(arrived)
    return "Latest: ", complete - 1


def _end_s(picture: Picture, bin_s: float) -> float:
    """Where the time axis ends: a run that was cut short has no empty rest, one that drains goes on."""
    record = picture.record
    over_s = record.virtual_us / 1e6
    if record.state == "running":
        return end_of_time(record.duration_s, picture.until_s, bin_s)
    if record.state == "finished":
        over_s = max(over_s, record.duration_s)
    last = max(each.complete for each in picture.curves.values())
    return max(-(-over_s // bin_s), last, 1) * bin_s


def _patience_s(record: RunRecord) -> float | None:
    """When customers give up; None where the log's scenario cannot be read, such as another version's."""
    try:
        return parse_scenario(record.scenario_toml, Path("logged.toml")).scenario.patience_s
    except UserError:
        return None
