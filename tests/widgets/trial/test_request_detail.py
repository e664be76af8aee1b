"""One request as each variant took it: told from the log at once, its texts after it, however long, however far the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.engine.recall import recall_request
from app.safeguards import errors
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.widgets.trial.request_runs import LoggedRun, logged_run, paused_first_turn, paused_run
from widgets.appearance import Appearance
from widgets.trial.request_card import NO_ANSWER
from widgets.trial.request_detail import NOTHING, RequestDetail
from widgets.trial.request_row_view import MAX_FIELDS, RowView
from widgets.trial.request_text import row_text
from widgets.trial.request_text_box import MAX_LINE, MAX_SHOWN, TextBox, TextWindow
from widgets.trial.request_words import ERRORS, call_reason_words, clock, fault_names, length, reason_words


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LoggedRun:
    return logged_run(tmp_path_factory.mktemp("detail"))


@pytest.fixture
def detail(run: LoggedRun, appearance: Appearance, qtbot: QtBot) -> RequestDetail:
    detail = RequestDetail(run.path, appearance)
    qtbot.addWidget(detail)
    detail.resize(400, 700)
    detail.show()
    return detail


def _show(detail: RequestDetail, run: LoggedRun, number: int, qtbot: QtBot) -> None:
    with qtbot.waitSignal(detail.shown):
        detail.show_request(run.run_id, number)


def _label(detail: RequestDetail, name: str) -> QLabel:
    found = detail.findChild(QLabel, name)
    assert found is not None
    return found


def test_a_request_is_told_for_each_variant(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    number = run.number(prototype_outcome="failed", safeguarded_served_by="fallback")

    _show(detail, run, number, qtbot)

    first, second = detail.cards
    record = run.rows["safeguarded"][number]
    assert detail.title.text() == f"Request {number:,}"
    assert clock(record.intended_us) in _label(detail, "request_headline").text()
    assert (first.title.text(), second.title.text()) == tuple(each.title for each in run.variants)
    assert first.outcome.text() == "Failed"
    assert first.served.text().startswith("No answer after")
    assert first.answer.edit.toPlainText() == NO_ANSWER
    assert second.served.text().startswith(
        f"Served by the fallback model after {length((record.finished_us - record.intended_us) / 1e6)}"
    )
    assert second.reason.text().startswith("The fallback model was asked: ")
    assert "The primary is out" in second.struck.text()


def test_the_texts_are_those_of_the_command_line(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    number = run.number(safeguarded_served_by="fallback", safeguarded_mess="typos")
    with SessionLog.open(run.path) as log:
        second = recall_request(RunReader(log, run.run_id), number)[1]

    _show(detail, run, number, qtbot)

    messages = second.texts.messages
    assert not isinstance(messages, str)
    assert [box.edit.toPlainText() for box in detail.messages] == [text for _, text in messages]
    assert detail.cards[1].answer.edit.toPlainText() == second.texts.answer
    shown = [label.text() for label in detail.row.findChildren(QLabel)]
    assert "▲ changed" in shown
    assert second.texts.original["question"] in shown
    assert second.texts.mutated["question"] in shown


def test_before_anything_is_chosen_it_says_how_to(detail: RequestDetail) -> None:
    assert _label(detail, "request_status").text() == NOTHING
    assert not any(button.isEnabled() for button in detail.findChildren(QPushButton))


def test_of_two_asked_for_only_the_last_is_shown(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    shown: list[object] = []
    detail.shown.connect(shown.append)

    for number in (3, 4, 5):
        detail.show_request(run.run_id, number)
    qtbot.waitUntil(lambda: bool(shown))

    assert shown == [5]
    assert detail.title.text() == "Request 5"


def test_a_request_that_is_not_there_is_said(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    _show(detail, run, 3, qtbot)

    detail.show_request(run.run_id, 99_999)

    qtbot.waitUntil(detail.status.isVisible)
    assert "There is no request 99,999" in detail.status.text()
    assert not detail.cards[0].isVisible()


def test_what_has_not_ended_says_so_and_appears_when_it_has(
    tmp_path: Path, appearance: Appearance, qtbot: QtBot
) -> None:
    with paused_run(tmp_path, at_s=8) as (run, control):
        number = next(
            n for n in range(run.offered) if n not in run.rows["prototype"] and n in run.rows["safeguarded"]
        )
        detail = RequestDetail(run.path, appearance)
        qtbot.addWidget(detail)
        detail.resize(400, 700)
        detail.show()
        _show(detail, run, number, qtbot)
        first, second = detail.cards
        assert first.outcome.text() == "Under way"
        assert not first.waterfall.isVisible()
        assert second.waterfall.isVisible()

        control.set_speed(None)
        control.resume()

        def ended() -> bool:
            detail.run_grew()
            return first.outcome.text() != "Under way"

        with qtbot.waitSignal(detail.shown):
            qtbot.waitUntil(ended)
        assert first.waterfall.isVisible()
        assert first.answer.edit.toPlainText() != "Reading …"


def test_a_request_that_has_ended_nowhere_is_under_way(
    tmp_path: Path, appearance: Appearance, qtbot: QtBot
) -> None:
    with paused_run(tmp_path, at_s=8) as (run, _):
        number = next(
            n
            for n in range(run.offered)
            if n not in run.rows["prototype"] and n not in run.rows["safeguarded"]
        )
        detail = RequestDetail(run.path, appearance)
        qtbot.addWidget(detail)
        detail.show()
        detail.show_request(run.run_id, number)

        qtbot.waitUntil(lambda: len(detail.cards) == 2)

        assert [card.outcome.text() for card in detail.cards] == ["Under way", "Under way"]
        assert not detail.row.isVisible()


def test_a_variant_whose_turn_is_to_come_is_not_said_to_be_under_way(
    tmp_path: Path, appearance: Appearance, qtbot: QtBot
) -> None:
    with paused_first_turn(tmp_path) as (run, _):
        detail = RequestDetail(run.path, appearance)
        qtbot.addWidget(detail)
        detail.show()
        _show(detail, run, 3, qtbot)

        assert [card.outcome.text() for card in detail.cards] == ["Good", "Turn to come"]
        assert "one after the other" in detail.cards[1].served.text()
        detail.copy_text()
        assert "Its turn is still to come" in QGuiApplication.clipboard().text()


def test_next_and_previous_ask_for_a_step(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    _show(detail, run, run.offered - 1, qtbot)
    steps: list[int] = []
    detail.step.connect(steps.append)
    previous, following = (
        detail.findChild(QPushButton, "previous_request"),
        detail.findChild(QPushButton, "next_request"),
    )
    assert previous is not None
    assert following is not None

    previous.click()
    following.click()  # after the last there is none

    assert steps == [-1]


def test_all_of_it_is_copied_as_text(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    number = run.number(prototype_outcome="failed", safeguarded_served_by="fallback")
    _show(detail, run, number, qtbot)

    detail.copy_text()

    text = QGuiApplication.clipboard().text()
    assert text.startswith(f"Request {number:,} of run {run.run_id}\n")
    assert "Prototype: Failed" in text
    assert f"Answer: {detail.cards[1].answer.edit.toPlainText()}" in text
    assert detail.messages[0].edit.toPlainText() in text


def test_before_an_audience_what_people_wrote_is_hidden(
    detail: RequestDetail, run: LoggedRun, qtbot: QtBot
) -> None:
    # Given a request with its texts
    _show(detail, run, 0, qtbot)
    question = detail.messages[-1].edit.toPlainText()
    assert detail.row.isVisible()

    # When it is masked, then row, prompt and answers are hidden, and cannot be copied
    detail.hide_texts(True)
    assert not detail.row.isVisible()
    shown = " ".join(
        box.edit.toPlainText() for box in [*detail.messages, *(card.answer for card in detail.cards)]
    )
    assert "Hidden while presenting" in shown
    assert question not in shown
    copy = detail.findChild(QPushButton, "copy_request")
    assert copy is not None
    assert not copy.isEnabled()

    # And another request that is opened meanwhile is masked, too
    _show(detail, run, 1, qtbot)
    assert not detail.row.isVisible()

    # And afterwards it is all there again
    detail.hide_texts(False)
    assert detail.row.isVisible()
    assert copy.isEnabled()


def test_it_fits_a_narrow_dock(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    _show(detail, run, run.number(safeguarded_mess="typos"), qtbot)

    detail.resize(360, 700)

    for card in detail.cards:
        qtbot.waitUntil(lambda card=card: card.width() <= 360)  # type: ignore[misc]
    assert detail.row.width() <= 360
    assert detail.minimumSizeHint().width() <= 360


def test_step_by_step_can_be_read_as_text(detail: RequestDetail, run: LoggedRun, qtbot: QtBot) -> None:
    number = run.number(prototype_outcome="failed", safeguarded_served_by="fallback")
    _show(detail, run, number, qtbot)
    card = detail.cards[1]

    card.steps_button.click()

    assert card.steps.isVisible()
    assert card.steps.text().startswith("1. primary: ")
    assert card.waterfall.accessibleDescription() == card.steps.text()


def test_the_step_chosen_by_key_tells_its_numbers(
    detail: RequestDetail, run: LoggedRun, qtbot: QtBot
) -> None:
    _show(detail, run, run.number(safeguarded_served_by="fallback"), qtbot)
    card = detail.cards[1]

    card.waterfall.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(card.numbers.isVisible)
    first = card.numbers.text()
    qtbot.keyClick(card.waterfall, Qt.Key.Key_Down)

    assert first == card.waterfall.accessibleDescription().splitlines()[0].removeprefix("1. ")
    assert card.numbers.text() != first


# -- texts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["word " * 200_000, "w" * 1_000_000], ids=["words", "one word"])
def test_a_text_of_a_megabyte_is_shown_in_part_and_whole_in_a_window(
    text: str, appearance: Appearance, qtbot: QtBot
) -> None:
    box = TextBox("Prompt", "prompt")
    qtbot.addWidget(box)
    box.show()
    box.show_text(text)

    assert len(box.edit.toPlainText().replace("\n", "")) == MAX_SHOWN
    assert f"the first {MAX_SHOWN:,} of 1,000,000" in box.heading.text()
    box.show_all.click()
    window = box.findChild(TextWindow)
    assert window is not None
    whole = window.edit.toPlainText()
    assert whole.replace("\n", "") == text
    assert max(map(len, whole.split("\n"))) <= MAX_LINE
    assert window.note.isVisible()
    window.close()


def test_a_short_text_needs_no_window(appearance: Appearance, qtbot: QtBot) -> None:
    box = TextBox("Answer", "answer")
    qtbot.addWidget(box)
    box.show()

    box.show_text("<b>It is on its way.</b>")

    assert box.edit.toPlainText() == "<b>It is on its way.</b>"
    assert not box.show_all.isVisible()


def test_fields_that_came_otherwise_say_how(appearance: Appearance, qtbot: QtBot) -> None:
    view = RowView()
    qtbot.addWidget(view)
    view.show()

    view.show_row({"name": "Ada", "city": "Rome", "age": 3}, {"name": "A da", "age": 3})

    shown = [label.text() for label in view.findChildren(QLabel)]
    assert "▲ changed" in shown
    assert "▲ missing" in shown
    assert "2 of 3 fields did not come as they are in your data." in shown
    assert not view.show_all.isVisible()
    assert row_text(*view._row) == "name: Ada\n  changed: A da\ncity: Rome\n  missing\nage: 3"


def test_a_row_of_many_fields_shows_the_changed_ones_and_the_rest_in_a_window(
    appearance: Appearance, qtbot: QtBot
) -> None:
    row = {f"field {n}": n for n in range(500)}
    view = RowView()
    qtbot.addWidget(view)
    view.show()

    view.show_row(row, {**row, "field 499": "x" * 10_000})

    shown = [label.text() for label in view.findChildren(QLabel)]
    assert "field 499" in shown
    assert sum(text.startswith("field ") for text in shown) == MAX_FIELDS
    assert view.show_all.isVisible()
    view.show_all.click()
    window = view.findChild(TextWindow)
    assert window is not None
    assert "field 300: 300" in window.edit.toPlainText()
    window.close()


# -- words ----------------------------------------------------------------------------------------------


def test_every_way_to_fail_has_words() -> None:
    known = {each.name for each in vars(errors).values() if isinstance(each, errors.CallError)}

    spends = [name for name in known if name.startswith("budget_exceeded")]
    of_spans = {f"{span}_{name}" for span in ("minute", "request") for name in spends}
    assert known | of_spans == set(ERRORS)


def test_faults_are_called_by_label_or_title_and_never_by_their_id() -> None:
    labels = {"outage": "The primary is out"}
    assert fault_names("outage,card_overloaded,outage", labels) == "The primary is out, Overloaded (503)"
    assert fault_names("own_name", labels) == "own_name"
    assert fault_names("", labels) == ""


def test_reasons_are_sentences() -> None:
    assert reason_words("fallback: timeout") == "The fallback model was asked: no answer in time."
    assert reason_words("canned: overloaded").startswith("The canned answer stood in: ")
    assert reason_words("retry budget empty") == "It was not tried again: the retry budget was empty."
    assert reason_words("hand-off: timeout") == "A person took it: no answer in time."
    assert reason_words("shed: the queue is too old").startswith("It was turned away politely")
    assert reason_words("something_new") == "Something new."
    assert reason_words("") == ""


def test_every_call_says_why_it_was_made() -> None:
    assert call_reason_words("") == ""
    assert call_reason_words("retry: server_error") == "tried again, since the provider had an error"
    assert call_reason_words("fallback: breaker_open, waited for a free place") == (
        "asked instead, since calls were held back by an open breaker, waited for its turn"
    )
    assert call_reason_words("hedge") == "asked a second time, the answer being slow"


def test_times_are_said_with_as_many_digits_as_matter() -> None:
    assert [length(each) for each in (0.0, 0.001, 0.434, 12.34, 173.6)] == [
        "0.00 s",
        "under 0.01 s",
        "0.43 s",
        "12.3 s",
        "174 s",
    ]
    assert (clock(186_408_662), clock(3_725_200_000)) == ("3:06.4", "1:02:05.2")


def test_a_variant_with_long_names_does_not_widen_the_dock(
    detail: RequestDetail, run: LoggedRun, qtbot: QtBot
) -> None:
    _show(detail, run, 3, qtbot)
    loaded = detail._loaded
    assert loaded is not None
    first = loaded.taken[0]
    long = replace(first, variant=replace(first.variant, title="A name without end " * 12))

    detail._show_loaded(replace(loaded, taken=(long, *loaded.taken[1:])))
    detail.resize(360, 700)

    assert detail.minimumSizeHint().width() <= 360
