"""The preview shows what would be asked, lets columns be chosen, and changes nothing before it is confirmed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.scenario.files import ScenarioFile
from tests.inputs.shared_data import naughty_strings
from tests.widgets.inputs.files import write
from widgets.appearance import Appearance
from widgets.foreign_text import MAX_SHOWN
from widgets.inputs.dialog import InputsDialog
from widgets.inputs.own_inputs import OwnInputs
from widgets.inputs.recent import RecentFiles

MAPPING, RENDERED, MESS, BAD_ROWS, NOTICES = range(5)
ENDLESS = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}{{ text }}"
Opened = Callable[[OwnInputs], InputsDialog]


@pytest.fixture
def opened(qtbot: QtBot, appearance: Appearance, recent: RecentFiles, support: ScenarioFile) -> Opened:
    """The dialog on inputs, shown and read."""

    def made(inputs: OwnInputs) -> InputsDialog:
        dialog = InputsDialog(appearance, recent, support, inputs)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: dialog.preview is not None)
        return dialog

    return made


def rendered(qtbot: QtBot, dialog: InputsDialog) -> str:
    """The text of the rendered prompt, once there is one."""
    dialog.tabs.setCurrentIndex(RENDERED)
    qtbot.waitUntil(lambda: dialog.rendered.facts.text() != "Rendering…")
    return str(dialog.rendered.text.toPlainText())


def messed_up(qtbot: QtBot, dialog: InputsDialog, kind: str) -> None:
    """Show a kind of mess."""
    dialog.tabs.setCurrentIndex(MESS)
    qtbot.waitUntil(lambda: dialog.mess.facts.text() != "Making a mess…")
    dialog.mess.kind.setCurrentIndex(dialog.mess.kind.findText(kind, Qt.MatchFlag.MatchStartsWith))


def how(dialog: InputsDialog, row: int) -> str:
    model = dialog.mapping.model
    return str(model.data(model.index(row, 2)))


class TestMapping:
    def test_given_columns_that_fit_then_it_says_how_they_were_found(
        self, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))

        assert [how(dialog, row) for row in range(3)] == [
            "Same name",
            "Same name",
            "Not there: checks, expected answers and rules that need it are left out",
        ]
        assert dialog.mapping.box("text").currentText() == "text"
        assert not dialog.error.isVisible()

    def test_given_a_missing_column_then_choosing_one_puts_it_right(
        self, qtbot: QtBot, opened: Opened, rows: Path, tmp_path: Path
    ) -> None:
        dialog = opened(OwnInputs(write(tmp_path / "p.txt", "{{ topic }} {{ text }}"), rows))
        assert dialog.error.isVisible()
        assert "Missing" in how(dialog, 1)
        box = dialog.mapping.box("topic")
        assert box.currentIndex() == -1

        box.setFocus()
        place = box.findText("email")
        box.setCurrentIndex(place)
        box.activated.emit(place)
        qtbot.waitUntil(dialog.ok.isEnabled)

        assert how(dialog, 1) == "Chosen by you"
        assert not dialog.error.isVisible()
        assert dialog.mapping.box("topic") is box
        assert rendered(qtbot, dialog) == "[user]\nada@example.org Where is it?"
        with qtbot.waitSignal(dialog.confirmed) as confirmed:
            dialog.accept()
        assert confirmed.args[0].columns == (("topic", "email"),)

    def test_given_a_choice_taken_back_then_it_is_guessed_again(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows, (("name", "email"),)))
        assert how(dialog, 0) == "Chosen by you"

        dialog.mapping.box("name").activated.emit(0)
        qtbot.waitUntil(dialog.ok.isEnabled)

        assert how(dialog, 0) == "Same name"
        assert dialog.inputs.columns == ()

    def test_given_two_choices_at_once_then_both_count(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))

        dialog.mapping.column_chosen.emit("name", "email")
        dialog.mapping.column_chosen.emit("text", "name")
        qtbot.waitUntil(dialog.ok.isEnabled)

        assert set(dialog.inputs.columns) == {("name", "email"), ("text", "name")}


class TestSamples:
    def test_given_the_next_row_then_it_is_rendered_with_tokens_and_cost(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))
        assert rendered(qtbot, dialog) == "[user]\nAnswer Ada: Where is it?"
        assert not dialog.rendered.picker.previous.isEnabled()

        qtbot.mouseClick(dialog.rendered.picker.next, Qt.MouseButton.LeftButton)

        assert rendered(qtbot, dialog) == "[user]\nAnswer Bo: Too late"
        facts = dialog.rendered.facts.text()
        assert "tokens, estimated" in facts
        assert "primary $0.0002" in facts
        assert not dialog.rendered.picker.next.isEnabled()

    def test_given_a_mess_then_original_and_mutated_stand_side_by_side_and_changes_are_marked(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))
        messed_up(qtbot, dialog, "Off topic")

        fields = {field.name: field for field in dialog.mess.model.rows}
        assert fields["text"].changed
        assert not fields["name"].changed
        assert dialog.mess.original.toPlainText() == "Where is it?"
        assert dialog.mess.mutated.toPlainText() == fields["text"].mutated != "Where is it?"
        row = list(fields).index("text")
        assert dialog.mess.model.data(dialog.mess.model.index(row, 1)) == "changed"

    def test_given_a_missing_field_then_it_says_that_such_requests_fail(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))
        messed_up(qtbot, dialog, "Missing field")

        assert "Such a request fails" in dialog.mess.facts.text()
        assert dialog.mess.mutated.toPlainText() == "(not there)"

    def test_given_a_hostile_template_then_the_window_stays_and_says_what_happened(
        self, qtbot: QtBot, opened: Opened, rows: Path, tmp_path: Path
    ) -> None:
        dialog = opened(OwnInputs(write(tmp_path / "endless.txt", ENDLESS), rows))

        assert "took over 2 s" in dialog.error.what.text()
        assert rendered(qtbot, dialog) == ""
        assert "took over 2 s" in dialog.rendered.facts.text()

    def test_given_a_very_long_text_then_it_is_cut_and_says_so(
        self, qtbot: QtBot, opened: Opened, tmp_path: Path
    ) -> None:
        long = write(tmp_path / "long.txt", "{{ text }}" + "word " * 10_000)
        dialog = opened(OwnInputs(long, write(tmp_path / "rows.csv", "text,name\na,b\n")))

        assert len(rendered(qtbot, dialog)) < MAX_SHOWN + 100
        assert "more characters" in dialog.rendered.text.toPlainText()

    @pytest.mark.shared
    def test_given_markup_in_rows_then_it_is_shown_as_text(
        self, qtbot: QtBot, opened: Opened, tmp_path: Path
    ) -> None:
        markup = next(each for each in naughty_strings() if "<script" in each.lower())
        data = write(tmp_path / "rows.jsonl", json.dumps({"text": markup}))
        dialog = opened(OwnInputs(write(tmp_path / "p.txt", "{{ text }}"), data))

        assert rendered(qtbot, dialog) == f"[user]\n{markup}"


class TestFindings:
    def test_given_bad_rows_then_number_and_reason_can_be_copied(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))
        dialog.tabs.setCurrentIndex(BAD_ROWS)
        assert dialog.tabs.tabText(BAD_ROWS) == "Bad rows (1)"
        assert dialog.bad_rows.about.text().startswith("1 of 3 rows")

        qtbot.mouseClick(dialog.bad_rows.copy, Qt.MouseButton.LeftButton)

        assert QGuiApplication.clipboard().text() == "3\t1 fields where the header has 3"

    def test_given_addresses_then_notices_name_the_column_and_never_a_value(
        self, opened: Opened, prompt: Path, rows: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))
        dialog.tabs.setCurrentIndex(NOTICES)

        text = dialog.notices.text.toPlainText()
        assert "column 'email': e-mail addresses in 2 of 2 rows" in text
        assert "example.org" not in text


class TestFiles:
    def test_given_another_file_that_cannot_be_used_then_the_error_is_told_and_the_rest_stays(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path, tmp_path: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))

        dialog.files.data_chosen.emit(write(tmp_path / "empty.csv", ""))
        qtbot.waitUntil(dialog.error.isVisible)

        assert dialog.error.what.text() == "empty.csv is empty."
        assert dialog.inputs == OwnInputs(prompt, rows)
        assert dialog.ok.isEnabled()

    def test_given_other_data_then_it_is_shown_and_cancel_leaves_all_as_it_was(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path, tmp_path: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))
        other = write(tmp_path / "other.csv", "Text;Name\ncafé;Ada\n".encode("cp1252"))
        dialog.files.data_chosen.emit(other)
        qtbot.waitUntil(lambda: dialog.inputs.data == other)

        assert "cp1252, semicolon between fields" in dialog.files.data.details.text()
        assert how(dialog, 0) == "Guessed: the same but for case and spacing"
        with qtbot.assertNotEmitted(dialog.confirmed):
            qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()

    def test_given_it_is_closed_while_it_reads_then_nothing_comes_of_it(
        self, qtbot: QtBot, opened: Opened, prompt: Path, rows: Path, tmp_path: Path
    ) -> None:
        dialog = opened(OwnInputs(prompt, rows))
        large = write(tmp_path / "large.csv", "text,name\n" + "hello,Ada\n" * 300_000)

        with qtbot.assertNotEmitted(dialog.confirmed):
            dialog.files.data_chosen.emit(large)
            assert not dialog.ok.isEnabled()
            dialog.reject()

        assert dialog.inputs.data == rows


def test_it_opens_no_larger_than_the_screen(opened: Opened) -> None:
    dialog = opened(OwnInputs())
    room = dialog.screen().availableSize()
    assert dialog.width() <= room.width()
    assert dialog.height() <= room.height()
