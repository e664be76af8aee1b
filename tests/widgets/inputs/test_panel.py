"""The panel says what is in use, takes other files if they can be read, and says in one line what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.scenario.files import ScenarioFile
from tests.inputs.shared_data import shared
from tests.widgets.inputs.files import write
from widgets.appearance import Appearance
from widgets.inputs.dialog import InputsDialog
from widgets.inputs.own_inputs import OwnInputs
from widgets.inputs.panel import InputsPanel
from widgets.inputs.recent import RecentFiles


@pytest.fixture
def panel(qtbot: QtBot, appearance: Appearance, recent: RecentFiles, support: ScenarioFile) -> InputsPanel:
    """The panel with the default scenario's samples in use."""
    panel = InputsPanel(appearance, recent)
    qtbot.addWidget(panel)
    panel.resize(280, 500)
    panel.show()
    with qtbot.waitSignal(panel.previewed):
        panel.set_scenario(support)
    return panel


def text_of(panel: InputsPanel, name: str) -> str:
    label = panel.findChild(QLabel, name)
    assert label is not None
    return str(label.text())


def test_given_a_scenario_then_its_samples_are_shown_as_such_and_nobody_is_told(
    qtbot: QtBot, panel: InputsPanel, support: ScenarioFile
) -> None:
    assert text_of(panel, "inputs_prompts_badge") == "SAMPLE"
    assert text_of(panel, "inputs_data_name") == "support.csv"
    assert text_of(panel, "inputs_data_details") == "320 rows"
    assert not panel.files.samples_button.isEnabled()
    with qtbot.assertNotEmitted(panel.inputs_chosen), qtbot.waitSignal(panel.previewed):
        panel.set_scenario(support, OwnInputs())


def test_given_own_files_then_they_are_used_told_and_remembered(
    qtbot: QtBot, panel: InputsPanel, recent: RecentFiles, prompt: Path, rows: Path
) -> None:
    with qtbot.waitSignal(panel.inputs_chosen) as chosen:
        panel.use_files(prompt, rows)

    assert chosen.args == [OwnInputs(prompt, rows)]
    assert panel.inputs == OwnInputs(prompt, rows)
    assert text_of(panel, "inputs_data_badge") == "YOURS"
    assert text_of(panel, "inputs_data_details") == "2 rows, 1 bad"
    assert text_of(panel, "inputs_prompts_details") == "1 prompt: mine"
    assert not panel.missing.isVisible()
    assert (recent.paths("prompts"), recent.paths("data")) == ([prompt], [rows])


def test_given_its_own_choice_comes_back_to_it_then_nothing_is_read_again(
    qtbot: QtBot, panel: InputsPanel, prompt: Path, rows: Path
) -> None:
    panel.inputs_chosen.connect(panel.show_inputs)

    with qtbot.waitSignal(panel.previewed):
        panel.use_files(prompt, rows)

    assert panel.preview is not None
    assert not panel.loading.isVisible()


def test_given_data_that_lacks_columns_then_it_is_used_and_one_line_says_what_is_missing(
    qtbot: QtBot, panel: InputsPanel, rows: Path
) -> None:
    with qtbot.waitSignal(panel.inputs_chosen):
        panel.use_data(rows)

    assert panel.preview is not None
    assert panel.preview.problems
    assert panel.missing.isVisible()
    assert "no column fits 'date', 'order_id', 'plan'" in panel.missing.text().lower()


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02" * 99])
def test_given_a_file_that_cannot_be_used_then_the_error_stands_in_place_and_all_stays(
    qtbot: QtBot, panel: InputsPanel, recent: RecentFiles, tmp_path: Path, content: bytes
) -> None:
    with qtbot.assertNotEmitted(panel.inputs_chosen):
        panel.use_data(write(tmp_path / "bad.csv", content))
        qtbot.waitUntil(panel.error.isVisible)

    assert panel.error.what.text().startswith("bad.csv is ")
    assert panel.error.do.text()
    assert panel.inputs == OwnInputs()
    assert text_of(panel, "inputs_data_name") == "support.csv"
    assert recent.paths("data") == []


def test_given_a_folder_for_data_then_the_error_says_so(
    qtbot: QtBot, panel: InputsPanel, tmp_path: Path
) -> None:
    panel.use_data(tmp_path)
    qtbot.waitUntil(panel.error.isVisible)

    assert "is a folder" in panel.error.what.text()


def test_given_the_reading_is_cancelled_then_all_stays(
    qtbot: QtBot, panel: InputsPanel, tmp_path: Path
) -> None:
    large = write(tmp_path / "large.csv", "text,name\n" + "hello,Ada\n" * 400_000)
    with qtbot.assertNotEmitted(panel.inputs_chosen):
        panel.use_data(large)
        qtbot.waitUntil(panel.loading.isVisible)
        qtbot.mouseClick(panel.loading.cancel, Qt.MouseButton.LeftButton)

    assert not panel.loading.isVisible()
    assert panel.inputs == OwnInputs()


def test_given_own_files_then_one_button_leads_back_to_the_samples(
    qtbot: QtBot, panel: InputsPanel, prompt: Path, rows: Path
) -> None:
    with qtbot.waitSignal(panel.inputs_chosen):
        panel.use_files(prompt, rows)

    with qtbot.waitSignal(panel.inputs_chosen) as chosen:
        qtbot.mouseClick(panel.files.samples_button, Qt.MouseButton.LeftButton)

    assert chosen.args == [OwnInputs()]
    assert text_of(panel, "inputs_data_badge") == "SAMPLE"


def test_given_other_prompts_then_columns_chosen_for_them_alone_are_kept(
    qtbot: QtBot, panel: InputsPanel, prompt: Path, rows: Path, tmp_path: Path
) -> None:
    with qtbot.waitSignal(panel.previewed):
        panel.show_inputs(OwnInputs(prompt, rows, (("name", "email"), ("text", "email"))))
    with qtbot.waitSignal(panel.inputs_chosen) as chosen:
        panel.use_prompts(write(tmp_path / "other.txt", "{{ name }}"))

    assert chosen.args == [OwnInputs(tmp_path / "other.txt", rows, (("name", "email"),))]


def test_the_buttons_open_a_choice_of_files_that_blocks_nothing(
    qtbot: QtBot, panel: InputsPanel, rows: Path
) -> None:
    menu = panel.files.data.button.menu()
    menu.actions()[0].trigger()
    dialog = panel.findChild(QFileDialog, "choose_data_dialog")
    assert dialog is not None

    with qtbot.waitSignal(panel.inputs_chosen):
        dialog.fileSelected.emit(str(rows))
        dialog.close()

    assert panel.inputs.data == rows


def test_the_preview_opens_with_what_is_in_use_and_confirming_it_counts(
    qtbot: QtBot, panel: InputsPanel, prompt: Path, rows: Path
) -> None:
    with qtbot.waitSignal(panel.inputs_chosen):
        panel.use_files(prompt, rows)
    panel.open_dialog()
    dialog = panel.findChild(InputsDialog)
    assert dialog is not None
    dialog.mapping.column_chosen.emit("name", "email")
    qtbot.waitUntil(dialog.ok.isEnabled)

    with qtbot.waitSignal(panel.inputs_chosen) as chosen:
        qtbot.mouseClick(dialog.ok, Qt.MouseButton.LeftButton)

    assert chosen.args == [OwnInputs(prompt, rows, (("name", "email"),))]
    assert panel.inputs == chosen.args[0]


def test_every_control_can_be_reached_and_named(panel: InputsPanel) -> None:
    for button in panel.findChildren(QPushButton):
        assert button.text()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    for section in (panel.files.prompts, panel.files.data):
        assert section.button.accessibleName()
        assert section.button.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.shared
def test_given_ten_thousand_real_questions_then_they_are_read_in_the_background(
    qtbot: QtBot, panel: InputsPanel
) -> None:
    with qtbot.waitSignal(panel.inputs_chosen):
        panel.use_data(shared("banking77-train.csv"))

    assert text_of(panel, "inputs_data_details") == "10,003 rows"
