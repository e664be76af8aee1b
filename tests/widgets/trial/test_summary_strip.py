"""The summary strip: a real run's numbers in words, for the window and for a slide."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.analysis.curves import Picture
from app.analysis.intervals import wilson
from app.analysis.summary import sentence
from tests.widgets.trial.runs import picture_of_a_run
from widgets.appearance import Appearance
from widgets.trial.summary_strip import SummaryStrip, difference


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    return picture_of_a_run(
        path,
        "support-assistant",
        ["duration_s=20", "changes=[]", "faults.outage.from_s=5", "faults.outage.to_s=15"],
    )


@pytest.fixture
def strip(qtbot: QtBot, appearance: Appearance) -> SummaryStrip:
    widget = SummaryStrip()
    qtbot.addWidget(widget)
    return widget


def texts(strip: SummaryStrip) -> list[str]:
    return [label.text() for label in strip.findChildren(QLabel) if not label.isHidden()]


def test_where_variants_take_turns_the_second_is_not_compared_before_its_end(
    strip: SummaryStrip, picture: Picture
) -> None:
    # given real calls in the first variant's turn
    first, second = (each.name for each in picture.variants)
    whole = picture.summary["variants"]
    real = {"endpoints": {"primary": {"origin": "https://a.example"}}, "side_by_side": False}
    nothing = {first: whole[first], second: whole[second] | {"requests": 0, "good_rate": None}}
    going = replace(
        picture,
        record=replace(picture.record, state="running", clock="wall"),
        summary=picture.summary | {"real_calls": real, "variants": nothing},
        passed_us=(9_000_000, 0),
    )
    strip.show_picture(going)
    assert "With safeguards: its turn is still to come." in texts(strip)
    # when the second one's has begun, a part of a run is not compared with a whole one
    partly = replace(going, summary=going.summary | {"variants": whole}, passed_us=(20_000_000, 1_000_000))
    strip.show_picture(partly)
    assert "With safeguards is compared with Prototype when its turn is over." in texts(strip)
    # and when the run is over, they are
    strip.show_picture(replace(partly, record=replace(partly.record, state="finished")))
    assert any("of 1,000 customers got a good answer than" in text for text in texts(strip))


def test_without_a_run_it_says_what_to_do(strip: SummaryStrip) -> None:
    assert texts(strip) == ["No run is shown yet. Press Run to see how each variant does."]
    assert strip.as_text() == ""


def test_each_variant_has_its_share_interval_n_and_sentence(strip: SummaryStrip, picture: Picture) -> None:
    strip.show_picture(picture)
    shown = texts(strip)
    for title, name in (("Prototype", "prototype"), ("With safeguards", "safeguarded")):
        found = picture.summary["variants"][name]
        low, high = wilson(found["outcomes"]["good"], found["requests"])
        assert f"{found['good_rate'] * 100:.1f} %" in shown
        assert f"good, {low * 100:.1f} to {high * 100:.1f} %" in shown
        # n is told once, in the sentence
        assert (
            sum(
                f"n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{found['requests']:,}" in text
                for text in shown
                if text.startswith(title)
            )
            == 1
        )
        assert not any("(n" in text for text in shown if text.startswith("good"))
        told = next(text for text in shown if text.startswith(f"{title}:") and "(n" in text)
        assert told.replace("\N{NO-BREAK SPACE}", " ") == sentence(title, found)
        assert not re.search(r"\d (s|%)", told), "a line may end between a number and its unit"
    assert any("more of 1,000 customers got a good answer than with Prototype" in text for text in shown)


def test_the_text_for_a_slide_has_all_numbers_and_says_that_it_is_simulated(
    strip: SummaryStrip, picture: Picture
) -> None:
    strip.show_picture(picture)
    lines = strip.as_text().splitlines()
    assert lines[0] == "Support assistant"
    assert lines[1].startswith("Prototype: ")
    assert "95 % interval" in lines[2]
    assert lines[-1] == "Simulated, seed 7, 20 s of 20 s, run 1."


def test_another_run_with_other_variants_takes_its_place(strip: SummaryStrip, picture: Picture) -> None:
    strip.show_picture(picture)
    strip.show_picture(replace(picture, variants=picture.variants[:1]))
    assert not any(text.startswith("With safeguards") for text in texts(strip))
    strip.show_picture(None)
    assert len(texts(strip)) == 1


def test_before_any_request_ended_nothing_is_claimed(strip: SummaryStrip, picture: Picture) -> None:
    nothing: dict[str, Any] = {
        name: found | {"requests": 0, "good_rate": None, "outcomes": dict.fromkeys(found["outcomes"], 0)}
        for name, found in picture.summary["variants"].items()
    }
    strip.show_picture(replace(picture, summary=picture.summary | {"variants": nothing}))
    assert "Prototype: no requests have ended yet." in texts(strip)
    assert "–" in texts(strip)


@pytest.mark.parametrize("width", [320, 640, 1280])
def test_it_wraps_and_never_clips(strip: SummaryStrip, picture: Picture, qtbot: QtBot, width: int) -> None:
    strip.show_picture(picture)
    strip.resize(width, strip.heightForWidth(width))
    with qtbot.waitExposed(strip):
        strip.show()
    assert strip.width() == width
    for label in strip.findChildren(QLabel):
        if label.isVisible():
            assert strip.rect().contains(label.geometry())
            needed = label.heightForWidth(label.width()) if label.wordWrap() else label.sizeHint().height()
            assert label.height() >= needed


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((0.5, 0.9), "B: 400 more of 1,000 customers got a good answer than with A."),
        ((0.9, 0.5), "B: 400 fewer of 1,000 customers got a good answer than with A."),
        ((0.5, 0.5), "B and A: as many customers got a good answer."),
    ],
)
def test_the_difference_is_told_in_customers(rates: tuple[float, float], words: str) -> None:
    variants = [(title, {"requests": 10, "good_rate": rate}) for title, rate in zip("AB", rates, strict=True)]
    assert difference(variants) == words
    assert difference(variants[:1]) == ""


def test_while_the_first_run_starts_it_does_not_ask_to_press_run(strip: SummaryStrip) -> None:
    assert any("Press Run" in text for text in texts(strip))
    strip.set_starting(True)
    assert not any("Press Run" in text for text in texts(strip))
    assert any("is starting" in text for text in texts(strip))
