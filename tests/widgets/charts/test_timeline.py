"""The time axis that charts share: view, crosshair, selection."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication

from widgets.charts.timeline import Timeline


@pytest.fixture
def timeline(qapp: QApplication) -> Timeline:
    made = Timeline()
    made.set_span(100, 5, 10)
    return made


def test_it_zooms_about_a_place_and_never_leaves_the_run(timeline: Timeline) -> None:
    timeline.zoom(20, 0.5)
    assert (timeline.from_s, timeline.to_s) == (10, 60)
    timeline.zoom(20, 100)
    assert timeline.whole
    for _ in range(20):
        timeline.zoom(0, 0.5)
    assert timeline.to_s == 4 * timeline.bin_s
    timeline.pan(-50)
    assert timeline.from_s == 0


def test_a_view_of_all_follows_the_run_and_a_part_stays(timeline: Timeline) -> None:
    timeline.set_span(110, 5, 12)
    assert timeline.to_s == 110
    timeline.zoom(50, 0.5)
    before = timeline.from_s, timeline.to_s
    timeline.set_span(120, 5, 20)
    assert (timeline.from_s, timeline.to_s) == before
    timeline.reset_view()
    assert (timeline.from_s, timeline.to_s) == (0, 120)


def test_only_complete_bins_can_be_pointed_at(timeline: Timeline) -> None:
    assert [timeline.bin_at(at_s) for at_s in (-1, 0, 49.9, 50)] == [None, 0, 9, None]
    timeline.step(1)
    assert timeline.bin == 9
    timeline.step(-1)
    assert timeline.picked() == (40, 45)


def test_steps_with_shift_select_and_without_let_go(timeline: Timeline) -> None:
    timeline.step(-1)
    for _ in range(2):
        timeline.step(-1, extend=True)
    assert timeline.picked() == (35, 50)
    timeline.step(-1)
    assert timeline.picked() == (30, 35)


def test_a_selection_is_whole_bins(timeline: Timeline) -> None:
    timeline.select(22, 11)
    assert timeline.picked() == (10, 25)
    timeline.select(48, 99)
    assert timeline.picked() == (45, 50)
    timeline.clear()
    assert timeline.picked() is None


def test_the_crosshair_pulls_the_view_along(timeline: Timeline) -> None:
    timeline.zoom(0, 0.2)
    for _ in range(10):
        timeline.step(1)
    assert timeline.bin == 9
    assert timeline.to_s == 50


def test_of_an_empty_run_nothing_can_be_selected(qapp: QApplication) -> None:
    timeline = Timeline()
    timeline.set_span(100, 5, 0)
    timeline.step(1)
    timeline.select(0, 50)
    assert timeline.picked() is None
