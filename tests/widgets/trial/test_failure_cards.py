"""The six cards and their details, on real scenarios and with a real run's counts."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.analysis.curves import Picture
from app.errors import UserError
from app.faults.card_table import CARDS
from app.faults.cards import settings_on
from app.scenario.files import open_scenario
from tests.widgets.trial.boards import SUPPORT
from tests.widgets.trial.runs import picture_of_a_run
from widgets.appearance import Appearance
from widgets.focus import takes_tab
from widgets.trial.customise_dialog import CustomiseDialog
from widgets.trial.failure_cards import FailureCards
from widgets.trial.safeguards_panel import SafeguardCell
from widgets.trial.switchboard import Switchboard


@pytest.fixture
def cards(qtbot: QtBot, appearance: Appearance, board: Switchboard) -> FailureCards:
    widget = FailureCards(board)
    qtbot.addWidget(widget)
    widget.resize(320, 900)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """Of a run with typical mess, and the everyday errors that the scenario brings."""
    mess = settings_on(CARDS["real_data"], SUPPORT.scenario, "typical", SUPPORT.scenario)
    settings = [f"{path}={{{', '.join(f'{k} = {v!r}' for k, v in value.items())}}}" for path, value in mess]
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    return picture_of_a_run(path, "support-assistant", ["duration_s=20", "changes=[]", *settings])


def details(cards: FailureCards, card: str) -> CustomiseDialog:
    cards.cards[card].customise.click()
    dialog = cards.findChild(CustomiseDialog, f"customise_dialog_{card}")
    assert dialog is not None
    assert dialog.isVisible()
    return dialog


def test_at_first_the_cards_show_what_the_scenario_brings(cards: FailureCards) -> None:
    on = [name for name, card in cards.cards.items() if card.switch.isChecked()]
    assert on == ["fallback"]
    assert cards.cards["fallback"].customise.text() == f"Customise (2 of {len(CARDS['fallback'].kinds)})…"
    assert not any(button.isChecked() for button in cards.cards["fallback"].severities.values())
    assert "On as the scenario's file has it." in [label.text() for label in cards.findChildren(QLabel)]


def next_stop(widget: QWidget) -> QWidget | None:
    """Where Tab goes from there."""
    after = widget.nextInFocusChain()
    while after is not None and not takes_tab(after):
        after = after.nextInFocusChain()
    return after


def test_unwatched_switches_alerts_of_each_variant(
    cards: FailureCards, board: Switchboard, qtbot: QtBot
) -> None:
    # Given a scenario in which nobody watches
    prototype, safeguarded = (
        cards.findChild(QCheckBox, f"alerts_{name}") for name in ("prototype", "safeguarded")
    )
    assert prototype is not None
    assert safeguarded is not None
    assert not prototype.isChecked()

    # When the prototype is to be watched, then it alone is, and one undo takes that back
    qtbot.keyClick(prototype, Qt.Key.Key_Space)
    first = board.scenario.variants["prototype"].safeguards[0]
    assert (first.kind, first.on) == ("monitoring", True)
    assert prototype.isChecked()
    assert not safeguarded.isChecked()
    board.undo()
    assert not prototype.isChecked()

    # And Tab comes to both after the card's other controls
    severe = cards.cards["unwatched"].severities["severe"]
    assert [next_stop(severe), next_stop(prototype)] == [prototype, safeguarded]

    # And another scenario's variants have their own
    board.load(open_scenario("unwatched"))

    def titles() -> list[str]:
        cells = cards.cards["unwatched"].findChildren(SafeguardCell)
        return [each.text() for each in cells if each.isVisible()]

    qtbot.waitUntil(lambda: titles() == ["Unwatched", "With monitoring"])


def test_a_switch_turns_a_card_on_at_typical_and_one_undo_turns_it_off(
    cards: FailureCards, board: Switchboard, qtbot: QtBot
) -> None:
    card = cards.cards["real_data"]
    qtbot.keyClick(card.switch, Qt.Key.Key_Space)
    assert card.severities["typical"].isChecked()
    assert sum(fault.on for fault in board.scenario.faults) == 10
    board.undo()
    assert not card.switch.isChecked()
    assert board.base_text() == SUPPORT.text


def test_a_severity_is_picked_and_picked_again_stays(cards: FailureCards, board: Switchboard) -> None:
    card = cards.cards["load"]
    card.severities["severe"].click()
    assert card.switch.isChecked()
    assert board.scenario.targets["primary"].rpm == 192
    count = board.undo_stack.count()
    card.severities["severe"].click()
    assert card.severities["severe"].isChecked()
    assert board.undo_stack.count() == count
    card.severities["mild"].click()
    assert [name for name, button in card.severities.items() if button.isChecked()] == ["mild"]


@pytest.mark.parametrize("name", ["load", "fallback", "cost"])
def test_what_was_switched_off_comes_back_as_it_was(
    cards: FailureCards, board: Switchboard, name: str
) -> None:
    # Given a card at a severity of the user's choice, when it goes off and on, then it is at that severity again.
    card = cards.cards[name]
    card.severities["mild"].click()
    chosen = board.scenario
    card.switch.click()
    assert not card.switch.isChecked()
    card.switch.click()
    assert board.scenario == chosen


def test_another_scenario_has_nothing_to_bring_back(cards: FailureCards, board: Switchboard) -> None:
    card = cards.cards["load"]
    card.severities["mild"].click()
    card.switch.click()
    board.load(open_scenario("messy-data"))
    card.switch.click()
    assert card.severities["typical"].isChecked()


def test_all_failures_go_off_in_one_step_and_come_back_in_one(
    cards: FailureCards, board: Switchboard
) -> None:
    for card in cards.cards.values():
        card.severities["severe"].click()
    before = board.scenario
    cards.everything_off.click()
    assert not any(card.switch.isChecked() for card in cards.cards.values())
    assert not cards.everything_off.isEnabled()
    board.undo()
    assert board.scenario == before


def test_a_change_that_the_run_has_planned_moves_the_switch(cards: FailureCards, board: Switchboard) -> None:
    board.begin_run()
    board.happened("targets.primary.rpm", 500)
    assert cards.cards["load"].switch.isChecked()
    assert cards.cards["load"].customise.text() == f"Customise (1 of {len(CARDS['load'].kinds) + 4})…"
    board.end_run()
    assert not cards.cards["load"].switch.isChecked()


def test_the_realised_rate_stands_beside_the_configured_one(
    cards: FailureCards, board: Switchboard, picture: Picture
) -> None:
    cards.cards["real_data"].severities["typical"].click()
    cards.show_picture(picture)
    struck = cards.cards["real_data"].struck
    assert struck.isVisible()
    n = picture.summary["variants"]["prototype"]["requests"]
    assert struck.text().startswith("Typos: set to 15 % of requests; struck ")
    assert f"of {n:,}" in struck.text()
    assert struck.text().endswith("and 5 more kinds")
    assert len(struck.toolTip().splitlines()) == 8
    cards.show_picture(None)
    assert not struck.isVisible()


def test_overbuilt_offers_to_try_without_and_to_put_back(cards: FailureCards, board: Switchboard) -> None:
    overbuilt = cards.overbuilt
    actions = overbuilt.without.menu().actions()
    assert [action.text() for action in actions][:2] == ["Without: Deadline", "Without: Cached answers"]
    actions[1].trigger()
    cache = next(each for each in board.scenario.variants["safeguarded"].safeguards if each.kind == "cache")
    assert not cache.on
    assert actions[1].isChecked()
    assert overbuilt.put_back.isVisible()
    overbuilt.put_back.click()
    assert board.scenario == SUPPORT.scenario
    assert not overbuilt.put_back.isVisible()


def test_details_switch_one_kind_on_and_set_its_numbers(
    cards: FailureCards, board: Switchboard, qtbot: QtBot
) -> None:
    dialog = details(cards, "fallback")
    row = dialog.rows["card_hang"]
    assert not row.rate.isEnabled()
    row.switch.click()
    row.rate.setValue(12.5)
    row.target.activated.emit(row.target.findText("fallback"))
    row.from_s.setValue(30)
    row.to_s.setValue(60)
    hang = next(fault for fault in board.scenario.faults if fault.kind == "hang")
    assert (hang.on, hang.rate, hang.targets, hang.from_s, hang.to_s) == (True, 0.125, ["fallback"], 30, 60)
    row.to_s.setValue(0)
    assert row.to_s.text() == "the end"
    assert next(fault for fault in board.scenario.faults if fault.kind == "hang").to_s is None
    while board.undo_stack.canUndo():
        board.undo()
    assert board.base_text() == SUPPORT.text
    assert not dialog.rows["card_hang"].switch.isChecked()


def test_details_show_the_scenarios_own_faults_by_their_labels(
    cards: FailureCards, board: Switchboard
) -> None:
    dialog = details(cards, "fallback")
    outage = dialog.rows["outage"]
    assert outage.switch.isChecked()
    assert (outage.rate.value(), outage.from_s.value(), outage.to_s.value()) == (100, 180, 220)
    assert outage.target.currentText() == "primary"
    assert any("The primary is out" in label.text() for label in outage.findChildren(QLabel))
    outage.switch.click()
    assert not board.scenario.faults[1].on


def test_a_number_that_cannot_be_is_refused_with_the_reason_and_falls_back(
    cards: FailureCards, board: Switchboard, qtbot: QtBot
) -> None:
    elsewhere: list[UserError] = []
    board.refused.connect(elsewhere.append)
    dialog = details(cards, "fallback")
    qtbot.waitUntil(dialog.isActiveWindow)
    dialog.rows["outage"].to_s.setValue(100)  # before its begin
    assert dialog.trouble.isVisible()
    assert not elsewhere  # told once, where the user is
    assert dialog.trouble.text().startswith("Outage: It would begin at 180 s and end at 100 s.")
    assert dialog.rows["outage"].to_s.value() == 220
    dialog.rows["outage"].from_s.setValue(250)  # after its end
    assert "begin at 250 s and end at 220 s" in dialog.trouble.text()
    assert dialog.rows["outage"].from_s.value() == 180
    dialog.rows["outage"].to_s.setValue(230)
    assert not dialog.trouble.isVisible()


@pytest.mark.parametrize("name", ["target_outage", "rate_outage"])
def test_the_wheel_scrolls_past_details_and_turns_only_what_has_the_focus(
    cards: FailureCards, board: Switchboard, name: str, qtbot: QtBot
) -> None:
    dialog = details(cards, "fallback")
    field = dialog.findChild(QComboBox if name.startswith("target") else QDoubleSpinBox, name)
    assert field is not None
    before = board.scenario

    # when the wheel is turned over it, it is left to the list that it is in
    assert not turn_wheel(field)
    assert not field.hasFocus()
    assert board.scenario == before

    # and it is its own once it has the focus
    dialog.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    assert turn_wheel(field)
    assert board.scenario != before


def turn_wheel(widget: QWidget) -> bool:
    """A turn down with the pointer over it; whether it takes it."""
    at = QPointF(widget.rect().center())
    turn = QWheelEvent(
        at,
        QPointF(widget.mapToGlobal(at)),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, turn)
    return turn.isAccepted()


def test_details_are_searched(cards: FailureCards, qtbot: QtBot) -> None:
    dialog = details(cards, "fallback")
    qtbot.keyClicks(dialog.search, "json")
    assert [row.kind for row in dialog.rows.values() if row.isVisible()] == [
        "malformed_json",
        "wrong_schema",
        "prose_around_json",
    ]
    dialog.search.setText("no such thing")
    assert not any(row.isVisible() for row in dialog.rows.values())
    assert "Nothing here has such a name." in [
        label.text() for label in dialog.findChildren(QLabel) if label.isVisible()
    ]


def test_limits_are_set_and_lifted_by_hand(cards: FailureCards, board: Switchboard) -> None:
    dialog = details(cards, "load")
    limit = dialog.knobs["targets.primary.rpm"].field
    assert limit.text() == "no limit"
    for value, rpm in ((300, 300.0), (0, None)):
        limit.setValue(value)
        assert board.scenario.targets["primary"].rpm == rpm
        assert cards.cards["load"].switch.isChecked() == (rpm is not None)
    dialog.search.setText("fallback tokens")
    assert [path for path, row in dialog.knobs.items() if row.isVisible()] == ["targets.fallback.tpm"]


def test_prices_and_sizes_are_set_by_hand(cards: FailureCards, board: Switchboard) -> None:
    dialog = details(cards, "cost")
    dialog.knobs["tokens.input_tokens"].field.setValue(2000)
    dialog.knobs["targets.primary.price.output_usd_per_million_tokens"].field.setValue(1.25)
    price = board.scenario.targets["primary"].price
    assert board.scenario.tokens.input_tokens == 2000
    assert price is not None
    assert price.output_usd_per_million_tokens == 1.25


def test_details_follow_the_run_and_another_scenario(
    cards: FailureCards, board: Switchboard, picture: Picture
) -> None:
    dialog = details(cards, "real_data")
    cards.show_picture(picture)
    assert "struck" in dialog.rows["card_typos"].struck.text()
    board.load(open_scenario("messy-data"))
    assert "typos" in dialog.rows
    assert dialog.rows["typos"].switch.isChecked()
    dialog.off.click()
    assert not any(row.switch.isChecked() for row in dialog.rows.values())


def test_details_that_are_open_take_another_scenario(cards: FailureCards, board: Switchboard) -> None:
    dialog = details(cards, "fallback")
    board.load(open_scenario("messy-data"))  # its rows are made anew; a Qt warning would fail this
    assert "outage" not in dialog.rows
    assert not dialog.rows["card_outage"].switch.isChecked()


def test_a_fault_by_count_has_no_rate_to_set(cards: FailureCards, board: Switchboard) -> None:
    board.load(open_scenario("support-assistant", ["faults.first={kind='hang', first=5}"]))
    row = details(cards, "fallback").rows["first"]
    assert not row.rate.isEnabled()
    assert "by count" in row.rate.toolTip()


def test_a_fault_against_several_models_keeps_them(cards: FailureCards, board: Switchboard) -> None:
    board.load(
        open_scenario(
            "support-assistant", ["faults.both={kind='hang', rate=0.1, targets=['primary','fallback']}"]
        )
    )
    row = details(cards, "fallback").rows["both"]
    assert row.target.currentText() == "primary, fallback"


def test_foreign_labels_are_plain_text(cards: FailureCards, board: Switchboard) -> None:
    board.load(open_scenario("support-assistant", ["faults.outage.label='<img src=x>'"]))
    dialog = details(cards, "fallback")
    for label in (*cards.findChildren(QLabel), *dialog.findChildren(QLabel)):
        assert label.textFormat() == Qt.TextFormat.PlainText


def test_every_control_has_a_name_and_all_fits_a_narrow_dock(cards: FailureCards) -> None:
    dialog = details(cards, "load")
    for kind in (QCheckBox, QComboBox, QDoubleSpinBox, QPushButton, QToolButton):
        for holder in (cards, dialog):
            for control in holder.findChildren(kind):
                if isinstance(control.parent(), QLineEdit):
                    continue  # the cross in a field, which belongs to the field
                assert control.accessibleName() or getattr(control, "text", str)(), control.objectName()
    assert cards.minimumSizeHint().width() <= 300
    assert dialog.minimumSizeHint().width() <= 640


def test_cards_can_be_made_before_there_is_a_scenario(qtbot: QtBot, appearance: Appearance) -> None:
    empty = Switchboard()
    widget = FailureCards(empty)
    qtbot.addWidget(widget)
    widget.show_picture(None)
    empty.load(SUPPORT)
    assert widget.cards["fallback"].switch.isChecked()
