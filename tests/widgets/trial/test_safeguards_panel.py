"""The matrix of safeguards: what its boxes show, and what ticking them does to the scenario."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QLabel
from pytestqt.qtbot import QtBot

from app.safeguards.matrix import ROWS, state
from app.scenario.files import open_scenario, parse_scenario
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH
from widgets.appearance import Appearance
from widgets.trial.safeguards_panel import SafeguardsPanel
from widgets.trial.switchboard import Switchboard

SUPPORT = open_scenario("support-assistant")


@pytest.fixture
def board() -> Switchboard:
    switchboard = Switchboard()
    switchboard.load(SUPPORT)
    return switchboard


@pytest.fixture
def panel(qtbot: QtBot, appearance: Appearance, board: Switchboard) -> SafeguardsPanel:
    widget = SafeguardsPanel(board)
    qtbot.addWidget(widget)
    widget.resize(320, 600)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def test_every_variant_has_a_box_for_every_safeguard_with_its_state_and_name(panel: SafeguardsPanel) -> None:
    for (variant, kind), cell in panel.cells.items():
        assert cell.isChecked() == (state(SUPPORT.scenario, variant, kind) == "on")
    assert len(panel.cells) == 2 * len(ROWS)
    assert panel.cells["prototype", "cache"].accessibleName() == "Cached answers, Prototype"


def test_cached_answers_come_first_and_nine_rows_are_shown_until_more_are_asked_for(
    panel: SafeguardsPanel, qtbot: QtBot
) -> None:
    shown = [
        kind for (variant, kind), cell in panel.cells.items() if variant == "prototype" and cell.isVisible()
    ]
    assert shown[0] == "cache"
    assert len(shown) == 9
    qtbot.mouseClick(panel.more, Qt.MouseButton.LeftButton)
    assert all(cell.isVisible() for cell in panel.cells.values())
    assert panel.more.text() == "Fewer"


def test_a_box_is_ticked_by_keyboard_and_undone(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    # Given a prototype without a cache, when its box is ticked, then it has one; and undo takes it away again.
    cell = panel.cells["prototype", "cache"]
    qtbot.keyClick(cell, Qt.Key.Key_Space)
    assert state(board.scenario, "prototype", "cache") == "on"
    assert cell.isChecked()
    assert board.undo_stack.undoText() == "Cached answers on: Prototype"
    board.undo()
    assert not cell.isChecked()
    assert board.base_text() == SUPPORT.text


def test_a_safeguard_is_switched_off_while_a_run_goes(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    told: list[tuple[str, object]] = []
    board.flipped.connect(lambda path, value, _label: told.append((path, value)))
    board.begin_run()
    panel.cells["safeguarded", "retry"].click()
    assert told == [("variants.safeguarded.safeguards.retry.on", False)]


def test_the_main_setting_is_told_once_where_variants_agree_and_by_variant_where_not(
    panel: SafeguardsPanel,
) -> None:
    texts = [label.text() for label in panel.findChildren(QLabel)]
    assert "up to 2 retries" in texts
    assert "Prototype: 10 min a call; With safeguards: 8 s a call" in texts


def test_what_a_scenario_cannot_have_says_why(panel: SafeguardsPanel, board: Switchboard) -> None:
    board.load(parse_scenario(SMALL, PATH))
    fallback = panel.cells["careful", "fallback"]
    assert not fallback.isEnabled()
    assert "no other model to fall back to" in fallback.toolTip()


def test_another_scenario_has_other_variants(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    board.load(open_scenario("cost-spike"))
    assert {variant for variant, _ in panel.cells} == {"prototype", "impatient", "safeguarded"}
    qtbot.waitUntil(
        lambda: any(
            label.text() == "Prototype, impatient" and label.isVisible()
            for label in panel.findChildren(QLabel)
        )
    )


def test_foreign_titles_are_plain_text(panel: SafeguardsPanel, board: Switchboard) -> None:
    board.load(open_scenario("support-assistant", ['variants.prototype.title="<b>Bold</b>"']))
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in panel.findChildren(QLabel))
    assert all("<" not in box.toolTip() for box in panel.findChildren(QCheckBox))


def test_three_variants_fit_a_narrow_dock(panel: SafeguardsPanel, board: Switchboard) -> None:
    board.load(open_scenario("cost-spike"))
    assert panel.minimumSizeHint().width() <= 320


def test_it_can_be_made_before_there_is_a_scenario(qtbot: QtBot, appearance: Appearance) -> None:
    empty = Switchboard()
    panel = SafeguardsPanel(empty)
    qtbot.addWidget(panel)
    assert not panel.cells
    empty.load(SUPPORT)
    assert panel.cells
