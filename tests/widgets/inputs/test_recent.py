"""The files used lately come back in a menu, newest first; what is gone or spoilt is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from tests.widgets.inputs.files import write
from widgets.inputs.recent import MAX_RECENT, RecentFiles, RecentMenu


@pytest.fixture
def store(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


def test_given_ten_files_then_the_newest_eight_are_kept_newest_first(
    store: QSettings, tmp_path: Path
) -> None:
    files = [write(tmp_path / f"{number}.csv", "x") for number in range(10)]
    recent = RecentFiles(store)
    for file in files:
        recent.add("data", file)

    assert recent.paths("data") == files[: 10 - MAX_RECENT - 1 : -1]
    assert recent.paths("prompts") == []


def test_given_a_file_again_then_it_moves_to_the_front(store: QSettings, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.csv", "x"), write(tmp_path / "b.csv", "x")
    recent = RecentFiles(store)
    for file in (first, second, first):
        recent.add("data", file)

    assert recent.paths("data") == [first, second]


def test_given_a_file_that_is_gone_then_it_is_not_shown(store: QSettings, tmp_path: Path) -> None:
    file = write(tmp_path / "a & b.csv", "x")
    recent = RecentFiles(store)
    recent.add("scenario", file)
    file.unlink()

    assert recent.paths("scenario") == []


def test_given_another_start_then_they_are_still_there(store: QSettings, tmp_path: Path) -> None:
    file = write(tmp_path / "ümläut \u202e a.csv", "x")
    RecentFiles(store).add("prompts", file)
    store.sync()

    again = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    assert RecentFiles(again).paths("prompts") == [file]


@pytest.mark.parametrize("spoilt", ["", "no json", "7", '["a\\u0000b", 3]', '{"a": 1}'])
def test_given_spoilt_settings_then_there_are_none(store: QSettings, spoilt: str) -> None:
    store.setValue("recent/data", spoilt)

    assert RecentFiles(store).paths("data") == []


def test_the_menu_gives_the_path_and_can_be_cleared(qtbot: QtBot, store: QSettings, tmp_path: Path) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    file = write(tmp_path / "a & b.csv", "x")
    recent = RecentFiles(store)
    recent.add("data", file)
    menu = RecentMenu(recent, "data", owner)
    entry = next(action for action in menu.actions() if action.text().startswith("a && b.csv"))

    with qtbot.waitSignal(menu.chosen) as chosen:
        entry.trigger()
    assert chosen.args == [file]

    with qtbot.waitSignal(recent.changed):
        next(action for action in menu.actions() if action.objectName() == "clear_recent_data").trigger()
    menu.fill()
    assert recent.paths("data") == []
    assert any(action.text() == "Nothing yet" for action in menu.actions())


def test_the_list_has_a_heading_that_a_style_sheet_leaves_to_be_read(store: QSettings, qtbot: QtBot) -> None:
    owner = QWidget()
    qtbot.addWidget(owner)
    menu = RecentMenu(RecentFiles(store), "data", owner)
    heading = menu.actions()[0]
    assert (heading.text(), heading.isSeparator(), heading.isEnabled()) == ("Recent", False, False)
