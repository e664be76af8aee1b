"""Colours: readable text everywhere, chart colours that can be seen, and nothing told by colour alone."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QColor, QPalette
from pytestqt.qtbot import QtBot

from widgets.appearance import Appearance
from widgets.theme import DARK, LIGHT, OUTCOME_MARKS, SAVED_MARKS, Mark, Theme, palette, style_sheet

GROUNDS = ("window", "surface", "raised", "selection")
MARKS = [*OUTCOME_MARKS.values(), *SAVED_MARKS.values()]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    made = QColor(colour)
    parts = (made.redF(), made.greenF(), made.blueF())
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
class TestContrast:
    def test_text_can_be_read_on_every_ground(self, theme: Theme) -> None:
        for ink in ("ink", "muted", "danger", "warn", "ok"):
            for ground in GROUNDS:
                assert contrast(getattr(theme, ink), getattr(theme, ground)) >= 4.5, (ink, ground)
        assert contrast(theme.on_accent, theme.accent) >= 4.5
        assert contrast(theme.accent, theme.surface) >= 4.5

    def test_edges_can_be_seen_on_every_ground(self, theme: Theme) -> None:
        for ground in ("window", "surface", "raised"):
            assert contrast(theme.edge, getattr(theme, ground)) >= 3

    @pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.title)
    def test_chart_colours_stand_out_or_have_an_outline(self, theme: Theme, mark: Mark) -> None:
        enough = contrast(mark.colour, theme.surface) >= 3
        assert enough or (mark.pale and theme.outline_pale)

    def test_disabled_text_can_be_read_too(self, theme: Theme) -> None:
        group, role = QPalette.ColorGroup.Disabled, QPalette.ColorRole
        text = palette(theme).color(group, role.ButtonText).name()
        assert contrast(text, theme.raised) >= 4.5


def test_no_outcome_is_told_by_colour_alone() -> None:
    # Given the outcomes that are drawn in neighbouring colours, then pattern or name tells them apart
    assert len({mark.title for mark in OUTCOME_MARKS.values()}) == len(OUTCOME_MARKS)
    assert [mark.pattern for mark in OUTCOME_MARKS.values()] == [
        "plain",
        "plain",
        "dots",
        "cross",
        "diagonal",
    ]


def test_presenting_makes_type_larger(appearance: Appearance, qtbot: QtBot) -> None:
    # Given the desk's size
    assert "font-size: 10.0pt" in style_sheet(appearance.theme)

    # When presenting
    with qtbot.waitSignal(appearance.changed):
        appearance.present(True)

    # Then all type is larger, until it ends
    assert "font-size: 15.0pt" in style_sheet(appearance.theme)
    appearance.present(False)
    assert appearance.theme.scale == 1


def test_light_and_dark_change_at_run_time(appearance: Appearance, qtbot: QtBot) -> None:
    with qtbot.waitSignal(appearance.changed):
        appearance.choose("dark")
    assert appearance.theme is DARK
    with qtbot.waitSignal(appearance.changed):
        appearance.choose("light")
    assert appearance.theme is LIGHT
