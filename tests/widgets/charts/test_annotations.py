"""Changes are numbered, incidents are bands, and both are told in words."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.analysis.curves import Band, Picture
from app.sessions.records import EventRecord
from widgets.appearance import Appearance
from widgets.charts.annotation_strip import AnnotationStrip
from widgets.charts.annotations import Annotations, marks, notes_of
from widgets.charts.styles import plain_tip
from widgets.charts.timeline import Timeline


def change(sequence: int, at_s: float, label: str) -> EventRecord:
    return EventRecord(sequence, round(at_s * 1e6), "change", label, None, {})


@pytest.fixture
def strip(qtbot: QtBot, qapp: QApplication, appearance: Appearance) -> AnnotationStrip:
    timeline = Timeline(qapp)
    timeline.set_span(300, 5, 60)
    made = AnnotationStrip(timeline, appearance)
    qtbot.addWidget(made)
    timeline.setParent(made)
    made.resize(600, 40)
    return made


def test_changes_of_one_instant_share_a_number(whole: Picture) -> None:
    notes = notes_of(whole.events)
    assert [(note.at_s, note.number, len(note.labels)) for note in notes] == [(80, 1, 4)]
    assert notes[0].text.startswith("1 · 1:20\nProvider's limits: 500 requests a minute\n")


def test_incidents_have_no_number_but_a_band(whole: Picture) -> None:
    annotations = Annotations(notes_of(whole.events), whole.bands, whole.until_s)
    assert annotations.near(200, 201) == "The primary is out: from 3:00 to 3:40"
    assert annotations.near(10, 11) == ""


def test_a_band_that_is_still_on_ends_where_the_picture_does() -> None:
    annotations = Annotations((), (Band(100, None, "Out"),), 130)
    assert annotations.near(120, 121) == "Out: from 1:40 still on"
    assert annotations.near(131, 140) == ""


def test_who_noticed_trouble_has_a_mark_and_no_number() -> None:
    # Given two changes; between them an alert of one variant and complaints of another at one time, and one alert more
    told = [
        EventRecord(n, at_us, kind, f"{who} told", who, {"rule": str(n)})
        for n, (at_us, kind, who) in enumerate(
            [
                (120_000_000, "alert", "a"),
                (120_000_000, "complaint_noticed", "b"),
                (125_000_000, "alert", "a"),
                (126_000_000, "alert_end", "b"),
            ]
        )
    ]
    notes = notes_of([change(1, 100, "First"), *told, change(2, 130, "Second")])
    # Then the changes keep their numbers, and an alert is no news where there was one already, nor where one has ended
    assert [(note.at_s, note.mark, note.labels) for note in notes] == [
        (100, "1", ("First",)),
        (120, "!", ("a told", "b told")),
        (130, "2", ("Second",)),
    ]
    assert (notes[1].concerns("a"), notes[1].concerns("c"), notes[1].concerns(None)) == (True, False, True)
    assert notes[0].concerns("c")
    assert marks(notes) == "1–2!"
    assert (marks(notes[:1]), marks(notes[1:2]), marks(notes[::2])) == ("1", "!", "1–2")


def test_numbers_that_would_touch_share_a_box(strip: AnnotationStrip) -> None:
    events = [change(n, 100 + n * 0.5, f"Change {n}") for n in range(4)] + [change(9, 250, "Late one")]
    strip.set_annotations(Annotations(notes_of(events), (), 300))
    near = strip._margins.x(strip._timeline, 103, strip.width())
    assert strip.tip_at(near).count("Change") == 4
    assert "Late one" in strip.accessibleDescription()
    strip.grab()


def test_a_run_with_very_many_changes_can_be_painted(strip: AnnotationStrip) -> None:
    events = [change(n, n * 0.03, "x" * 200) for n in range(10_000)]
    strip.set_annotations(Annotations(notes_of(events), (), 300))
    assert not strip.grab().isNull()


def test_labels_are_never_taken_for_markup() -> None:
    assert "&lt;img src=x&gt;" in plain_tip("<img src=x>")


def test_two_faults_at_once_are_shaded_once() -> None:
    # Given bands that overlap, touch, and stand alone, one of them still on
    bands = (Band(10, 30, "a"), Band(20, 40, "b"), Band(40, 45, "c"), Band(60, None, "d"))

    # Then what is shaded has no overlap
    assert Annotations((), bands, 70.0).shaded() == [(10, 45), (60, 70.0)]
