"""The order of a variant's safeguards and their settings, changed by mouse and by keyboard, at rest and in a run."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from tests.widgets.trial.boards import SUPPORT
from widgets.appearance import Appearance
from widgets.trial.pipeline_dialog import PipelineDialog
from widgets.trial.safeguard_form import NumberField
from widgets.trial.safeguards_panel import SafeguardsPanel
from widgets.trial.switchboard import Switchboard


@pytest.fixture
def panel(qtbot: QtBot, appearance: Appearance, board: Switchboard) -> SafeguardsPanel:
    widget = SafeguardsPanel(board)
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def opened(panel: SafeguardsPanel, kind: str, qtbot: QtBot) -> PipelineDialog:
    """The dialog as the row's button opens it."""
    panel.details[kind].click()
    dialog = panel.findChild(PipelineDialog)
    assert dialog is not None
    qtbot.waitUntil(dialog.isActiveWindow)
    return dialog


def order(scenario: Scenario) -> list[str]:
    return [each.id for each in scenario.variants["safeguarded"].safeguards]


def lines(dialog: PipelineDialog) -> list[str]:
    return [dialog.list.item(at).text() for at in range(dialog.list.count())]


def number(dialog: PipelineDialog, key: str) -> NumberField:
    found = dialog.form.controls[key]
    assert isinstance(found, NumberField)
    return found


def test_a_row_opens_its_safeguard_of_the_variant_that_has_it(panel: SafeguardsPanel, qtbot: QtBot) -> None:
    dialog = opened(panel, "breaker", qtbot)
    assert dialog.variant.currentText() == "With safeguards"
    assert dialog.list.currentItem().text().endswith("Circuit breaker: opens at 50 % failures")
    assert number(dialog, "window_s").text() == "30 s"
    assert number(dialog, "slow_call_s").text() == "none"


def test_advanced_opens_the_variant_with_most_and_any_other_can_be_chosen(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    panel.advanced.click()
    dialog = panel.findChild(PipelineDialog)
    assert dialog is not None
    assert [line.split(".")[0] for line in lines(dialog)] == [
        str(at + 1) for at in range(len(order(board.scenario)))
    ]
    dialog.variant.setCurrentIndex(0)
    dialog.variant.activated.emit(0)
    assert lines(dialog) == ["1.  Retries: up to 2 retries", "2.  Timeout: 10 min a call"]


def test_keys_move_a_safeguard_in_and_out_and_undo_takes_that_back(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    # Given the list with the breaker chosen
    dialog = opened(panel, "breaker", qtbot)
    before = order(board.scenario)
    place = before.index("breaker")
    # When it is moved out by one, then it stands one higher and stays chosen
    qtbot.keyClick(dialog.list, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert order(board.scenario).index("breaker") == place - 1
    assert dialog.list.currentRow() == place - 1
    assert board.undo_stack.undoText() == "Circuit breaker moved out: With safeguards"
    # And back in, and further
    qtbot.keyClick(dialog.list, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    dialog.down.click()
    assert order(board.scenario).index("breaker") == place + 1
    # Then undo gives the file's order again
    for _ in range(3):
        qtbot.keyClick(dialog, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert order(board.scenario) == before
    assert board.base_text() == SUPPORT.text


def test_the_ends_of_the_list_go_no_further(panel: SafeguardsPanel, qtbot: QtBot) -> None:
    dialog = opened(panel, "breaker", qtbot)
    dialog.list.setCurrentRow(0)
    assert (dialog.up.isEnabled(), dialog.down.isEnabled()) == (False, True)
    dialog.list.setCurrentRow(dialog.list.count() - 1)
    assert (dialog.up.isEnabled(), dialog.down.isEnabled()) == (True, False)


def test_the_order_changes_while_a_run_goes(panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot) -> None:
    told: list[tuple[str, list[str]]] = []
    board.flipped.connect(lambda path, value, _label: told.append((path, [each["id"] for each in value])))
    board.begin_run()
    dialog = opened(panel, "cache", qtbot)
    dialog.down.click()
    assert told == [("variants.safeguarded.safeguards", order(board.scenario))]


def test_one_is_removed_until_nothing_is_left(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    dialog = opened(panel, "cache", qtbot)
    qtbot.keyClick(dialog.list, Qt.Key.Key_Delete)
    assert "cache" not in order(board.scenario)
    assert not panel.cells["safeguarded", "cache"].isChecked()
    while order(board.scenario):
        dialog.remove.click()
    assert not dialog.form.isVisible()
    assert not dialog.remove.isEnabled()
    assert not panel.details["cache"].isEnabled()


def test_every_kind_of_setting_is_set_from_its_control(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    dialog = opened(panel, "retry", qtbot)
    number(dialog, "max_retries").setValue(4)
    jitter = dialog.form.controls["jitter"]
    assert isinstance(jitter, QComboBox)
    jitter.setCurrentIndex(jitter.findData("equal"))
    jitter.activated.emit(jitter.currentIndex())
    obeys = dialog.form.controls["respect_retry_after"]
    assert isinstance(obeys, QCheckBox)
    obeys.click()
    dialog = opened(panel, "fallback", qtbot)
    targets = dialog.form.controls["targets"]
    assert isinstance(targets, QLineEdit)
    targets.setText("fallback, primary")
    targets.editingFinished.emit()
    dialog.form.on.click()
    found = {each.kind: each.model_dump() for each in board.scenario.variants["safeguarded"].safeguards}
    retry = found["retry"]
    assert (retry["max_retries"], retry["jitter"], retry["respect_retry_after"]) == (4, "equal", False)
    assert (found["fallback"]["targets"], found["fallback"]["on"]) == (["fallback", "primary"], False)
    assert "Fallback model: to fallback, then primary (off)" in dialog.list.currentItem().text()


def test_a_setting_that_may_be_left_out_can_be_left_out_again(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    dialog = opened(panel, "breaker", qtbot)
    slow = number(dialog, "slow_call_s")
    path = "variants.safeguarded.safeguards.breaker.slow_call_s"
    slow.setValue(4.5)
    assert board.value(path) == 4.5
    slow.setValue(slow.minimum())
    assert board.value(path) is None
    assert parse_scenario(board.base_text(), SUPPORT.path).scenario == board.scenario


def test_a_refusal_is_told_in_the_dialog_alone(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    # Given the dialog, and somebody who would tell of refusals elsewhere
    elsewhere: list[UserError] = []
    board.refused.connect(elsewhere.append)
    dialog = opened(panel, "breaker", qtbot)
    # When calls are to count as slow that take no time at all
    slow = number(dialog, "slow_call_s")
    slow.setValue(0)
    # Then the dialog says why not, and shows what is
    assert "slow_call_s" in dialog.trouble.text()
    assert dialog.trouble.isVisible()
    assert slow.value() == slow.minimum()
    assert not elsewhere
    number(dialog, "window_s").setValue(20)
    assert not dialog.trouble.isVisible()


def test_what_is_refused_elsewhere_is_not_told_in_the_dialog(
    panel: SafeguardsPanel, board: Switchboard, qtbot: QtBot
) -> None:
    elsewhere: list[UserError] = []
    board.refused.connect(elsewhere.append)
    dialog = opened(panel, "breaker", qtbot)
    dialog.close()
    board.flip([("traffic.factor", -1)], "Traffic")
    assert len(elsewhere) == 1
    assert not dialog.trouble.text()


def test_tab_goes_through_the_form_from_top_to_bottom(panel: SafeguardsPanel, qtbot: QtBot) -> None:
    dialog = opened(panel, "retry", qtbot)
    opened(panel, "breaker", qtbot)  # the form is made anew
    stops: list[QWidget] = [dialog.form.on, *dialog.form.controls.values()]
    qtbot.waitUntil(stops[-1].isVisible)
    stops[0].setFocus()
    for each in stops[1:]:
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        assert dialog.focusWidget() is each
