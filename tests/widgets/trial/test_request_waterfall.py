"""The waterfall: steps in order, on one scale, painted in both schemes, told by keyboard and to a screen reader."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from app.sessions.records import AttemptRecord, RequestRecord
from widgets.appearance import Appearance
from widgets.theme import THEMES, Scheme
from widgets.trial.request_trail import Step, told, trail
from widgets.trial.waterfall import Limit, Waterfall, limits_text

REQUEST = RequestRecord(
    variant="safeguarded",
    number=7,
    row=0,
    prompt=0,
    intended_us=10_000_000,
    started_us=10_000_000,
    first_token_us=14_000_000,
    finished_us=16_000_000,
    served_by="fallback",
    outcome="good",
    reason="fallback: overloaded",
    attempts=2,
    retries=0,
    input_tokens=900,
    output_tokens=120,
    cost_pico=100_000_000,
    cache="miss",
    faults="outage",
    service_us=6_000_000,
    mess="",
)
ATTEMPTS = (
    AttemptRecord(
        0, "primary", 0, 0, 10_000_000, 0, None, 11_000_000, 503, "overloaded", "outage", 450, 0, 0, False
    ),
    AttemptRecord(
        1,
        "fallback",
        0,
        0,
        12_000_000,
        1_000_000,
        14_000_000,
        16_000_000,
        200,
        "",
        "",
        450,
        120,
        100_000_000,
        True,
    ),
)
LABELS = {"outage": "The primary is out"}
LIMITS = (Limit(30.0, "patience"), Limit(5.0, "deadline"))


def _waterfall(appearance: Appearance, qtbot: QtBot, steps: tuple[Step, ...]) -> Waterfall:
    waterfall = Waterfall(appearance)
    qtbot.addWidget(waterfall)
    waterfall.show_steps(steps, 10.0, LIMITS)
    waterfall.resize(412, waterfall.sizeHint().height())
    waterfall.show()
    return waterfall


def test_calls_waits_and_the_end_follow_each_other() -> None:
    steps = trail(REQUEST, ATTEMPTS, LABELS)

    assert [(step.kind, step.from_s, step.to_s) for step in steps] == [
        ("call", 0.0, 1.0),
        ("wait", 1.0, 2.0),
        ("call", 2.0, 6.0),
        ("end", 6.0, 6.0),
    ]
    assert steps[0].result == "503 the provider is overloaded or out"
    assert (steps[2].queue_until_s, steps[2].stream_from_s) == (3.0, 4.0)
    assert told(steps).splitlines()[0].endswith("not billed; struck by: The primary is out")
    assert told(steps).splitlines()[2] == (
        "3. fallback: 200 answered after 4.00 s; 1.00 s of it queued; first token after 2.00 s; "
        "450 tokens in, 120 out; $0.00010"
    )
    assert told(steps).endswith(
        "4. Good: from the fallback model after 6.00 s. "
        "The fallback model was asked: the provider is overloaded or out."
    )


def test_calls_at_the_same_time_leave_no_wait_between_them() -> None:
    hedge = AttemptRecord(
        1, "primary", 0, 1, 10_500_000, 0, None, 10_800_000, 0, "timeout", "", 450, 0, 0, False
    )

    steps = trail(REQUEST, (ATTEMPTS[0], hedge), LABELS)

    assert [step.kind for step in steps] == ["call", "call", "wait", "end"]
    assert "hedge" in steps[1].title


def test_a_request_without_a_call_waited_or_came_from_the_cache() -> None:
    shared = replace(REQUEST, served_by="cache", cache="shared", reason="", attempts=0)
    hit = replace(shared, cache="hit", finished_us=REQUEST.intended_us)

    assert [step.title for step in trail(shared, (), LABELS)] == ["Without a call", "Good"]
    (end,) = trail(hit, (), LABELS)
    assert end.result == "found in the cache"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_are_where_the_time_went(appearance: Appearance, qtbot: QtBot, scheme: Scheme) -> None:
    appearance.choose(scheme)
    waterfall = _waterfall(appearance, qtbot, trail(REQUEST, ATTEMPTS, LABELS))

    image = waterfall.grab().toImage()

    theme = THEMES[scheme]
    bar = round(waterfall._top_of(3) - 8)  # the lower part of the second call's row
    assert _colour(image, 6 + 40 * 5, bar) == QColor(theme.accent)  # 5 s: the answer streams
    assert _colour(image, 6 + 40 * 3.5, bar) == QColor(theme.selection)  # 3.5 s: no token yet
    assert _colour(image, 6 + 40 * 8, bar) not in (QColor(theme.accent), QColor(theme.selection))
    appearance.choose("light")


def _colour(image: QImage, x: float, y: float) -> QColor:
    ratio = image.devicePixelRatio()
    return image.pixelColor(QPoint(round(x * ratio), round(y * ratio)))


def test_up_and_down_go_through_the_steps_and_out_at_the_ends(appearance: Appearance, qtbot: QtBot) -> None:
    steps = trail(REQUEST, ATTEMPTS, LABELS)
    waterfall = _waterfall(appearance, qtbot, steps)
    told_now: list[str] = []
    waterfall.told.connect(told_now.append)
    waterfall.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: bool(told_now))

    for _ in range(6):
        qtbot.keyClick(waterfall, Qt.Key.Key_Down)
    qtbot.keyClick(waterfall, Qt.Key.Key_Up)

    assert told_now == [each.numbers for each in (*steps, steps[2])]


def test_a_click_tells_the_step(appearance: Appearance, qtbot: QtBot) -> None:
    steps = trail(REQUEST, ATTEMPTS, LABELS)
    waterfall = _waterfall(appearance, qtbot, steps)

    with qtbot.waitSignal(waterfall.told) as heard:
        qtbot.mouseClick(
            waterfall, Qt.MouseButton.LeftButton, pos=QPoint(200, round(waterfall._top_of(2)) + 5)
        )

    assert heard.args == [steps[2].numbers]
    assert waterfall.accessibleDescription() == told(steps)


def test_limits_beyond_the_scale_are_said_all_the_same() -> None:
    assert limits_text(LIMITS, 10.0) == "┊ deadline 5 s, › patience 30 s"
    assert (
        limits_text((Limit(30.0, "patience"), Limit(30.0, "deadline")), 40.0)
        == "┊ patience and deadline 30 s"
    )


@pytest.mark.parametrize("width", [150, 412, 900])
def test_it_paints_at_any_width_and_any_length(appearance: Appearance, qtbot: QtBot, width: int) -> None:
    for span_s in (0.01, 0.3, 7.0, 3_000.0):
        waterfall = _waterfall(appearance, qtbot, trail(REQUEST, ATTEMPTS, LABELS))
        waterfall.show_steps(trail(REQUEST, ATTEMPTS, LABELS), span_s, LIMITS)
        waterfall.resize(width, waterfall.height())

        assert not waterfall.grab().isNull()
