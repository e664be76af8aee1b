"""What is drawn in a chart: bars, gaps, the band of no answer, labels that do not touch."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from widgets.appearance import Appearance
from widgets.charts.lines import Line, TimesPlot, apart
from widgets.charts.strip import Stack, StripPlot
from widgets.charts.styles import style_of
from widgets.charts.timeline import Timeline
from widgets.theme import OUTCOME_MARKS


@pytest.fixture
def timeline(qapp: QApplication) -> Timeline:
    made = Timeline()
    made.set_span(100, 10, 10)
    return made


@pytest.fixture
def strip(qtbot: QtBot, timeline: Timeline, appearance: Appearance) -> StripPlot:
    made = StripPlot(timeline, appearance, "prototype")
    qtbot.addWidget(made)
    made.resize(500, 120)
    return made


@pytest.fixture
def times(qtbot: QtBot, timeline: Timeline, appearance: Appearance) -> TimesPlot:
    made = TimesPlot(timeline, appearance)
    qtbot.addWidget(made)
    made.resize(500, 120)
    return made


def image_of(plot: QWidget) -> QImage:
    return plot.grab().toImage()


def colour_at(plot: StripPlot, at_s: float, value: float) -> str:
    """The colour drawn at a time and a value."""
    image = image_of(plot)
    place = plot.box.geometry().topLeft()
    x = place.x() + plot.x_of(at_s)
    y = place.y() + plot.frame().y(value)
    return str(image.pixelColor(round(x), round(y)).name().upper())


def bars(good: list[float], failed: list[float]) -> Stack:
    return Stack(
        10,
        (
            (OUTCOME_MARKS["good"], np.array(good)),
            (OUTCOME_MARKS["failed"], np.array(failed)),
        ),
    )


def test_outcomes_are_stacked_with_good_at_the_foot(strip: StripPlot) -> None:
    strip.set_values(0, 10, [])
    strip.set_stack(bars([4, 0, 0], [4, 0, 0]))
    assert colour_at(strip, 5, 2) == "#0072B2"
    assert colour_at(strip, 5, 6) in ("#D55E00", "#15181C")
    assert colour_at(strip, 15, 1) == "#FFFFFF"


def test_a_single_failure_among_thousands_can_be_seen(strip: StripPlot) -> None:
    strip.set_values(0, 10_000, [])
    strip.set_stack(bars([9000.0], [0.5]))
    image = image_of(strip)
    found = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert "#d55e00" in found


def test_a_bar_that_sticks_out_does_not_decide_the_scale_before_the_end_of_arrivals() -> None:
    stack = bars([4, 5, 0], [1, 0, 90])
    assert stack.highest(before_s=20) == 5
    assert stack.highest(before_s=30) == 90


def test_no_bins_are_no_trouble(strip: StripPlot) -> None:
    strip.set_stack(bars([], []))
    assert strip.stack.highest(100) == 0
    assert not image_of(strip).isNull()


def test_a_percentile_without_an_answer_runs_into_the_band(times: TimesPlot) -> None:
    values = np.array([0.01, 1, 59, 1e9, np.inf, np.nan])
    drawn = times.to_axis(values)
    assert drawn[:2].tolist() == [-1, 0]
    assert drawn[2] < drawn[3] < drawn[4] < times.frame().high
    assert np.isnan(drawn[5])


def test_labels_stand_at_the_last_value_in_view(times: TimesPlot, timeline: Timeline) -> None:
    line = Line("Prototype p95", style_of(0), 10, np.array([1, 2, 3, np.nan, np.nan]), thick=True)
    times.set_lines([line])
    assert times.end_of(line) == (25, float(np.log10(3)))
    timeline.zoom(0, 0.45)
    timeline.pan(40)
    assert times.end_of(line) is None
    assert times.labels.places() == []


def test_labels_of_lines_that_end_together_do_not_touch(times: TimesPlot) -> None:
    lines = [Line(f"Line {n}", style_of(n), 10, np.full(10, 2 + n / 100)) for n in range(5)]
    times.set_lines(lines)
    middles = sorted(y for _, _, y in times.labels.places())
    assert len(middles) == 5
    assert min(np.diff(middles)) >= times.labels._row() - 0.01
    image_of(times)


def test_labels_are_moved_no_further_than_they_must() -> None:
    assert apart([10, 50], 12, 6, 100) == [10, 50]
    assert apart([10, 12, 99], 12, 6, 100) == [10, 22, 99]
    assert apart([98, 99], 12, 6, 100) == [88, 100]


def test_variants_are_told_apart_by_more_than_colour() -> None:
    assert len({style_of(place).word for place in range(4)}) == 4
    assert len({style_of(place).dashes for place in range(4)}) == 4


def test_lines_are_thicker_for_presenting(appearance: Appearance) -> None:
    desk = style_of(1).pen(appearance.theme, thick=True).width()
    appearance.present(True)
    assert style_of(1).pen(appearance.theme, thick=False).width() >= 3 > desk
    appearance.present(False)


def test_ticks_take_over_the_scheme(times: TimesPlot, appearance: Appearance) -> None:
    appearance.choose("dark")
    assert image_of(times).pixelColor(1, 1) == QColor(appearance.theme.surface)
    appearance.choose("light")
    assert image_of(times).pixelColor(1, 1) == QColor(appearance.theme.surface)


def test_lines_move_along_when_their_axis_grows(times: TimesPlot) -> None:
    line = Line("Prototype p95", style_of(0), 10, np.array([1, np.inf, np.inf]), thick=True)
    times.set_lines([line])
    times.set_top(600)
    drawn = times._curves[0].getData()[1]
    assert drawn[-1] == times.to_axis(line.values)[-1] > np.log10(600)
    times.set_lines([line])
    assert times.lines == (line,)


def test_what_looks_the_same_is_known_to() -> None:
    assert bars([1, 2], [0, 1]).same_as(bars([1, 2], [0, 1]))
    assert not bars([1, 2], [0, 1]).same_as(bars([1, 2], [0, 2]))
    assert not bars([1, 2], [0, 1]).same_as(Stack(10))
    line = Line("A", style_of(0), 10, np.array([1, np.nan]))
    assert line.same_as(Line("A", style_of(0), 10, np.array([1, np.nan])))
    assert not line.same_as(Line("A", style_of(1), 10, np.array([1, np.nan])))
