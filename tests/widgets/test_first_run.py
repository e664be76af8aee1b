"""The first run: it goes by itself, two callouts come at the right moments, then it is the user's turn. Shown once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from widgets.appearance import Appearance
from widgets.inputs.own_inputs import OwnInputs
from widgets.main_window import MainWindow
from widgets.preferences import Preferences


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    """A window that was never opened before."""
    store = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
    made = MainWindow(appearance, Preferences(store), tmp_path / "log.db")
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


def said(window: MainWindow) -> str:
    """The heading of the callout that is there; empty without one."""
    callout = window.first_run.callout
    if callout is None:
        return ""
    heading = callout.findChild(QLabel)
    assert heading is not None
    return heading.text()


def test_it_explains_itself_step_by_step_and_only_once(
    window: MainWindow, qtbot: QtBot, appearance: Appearance
) -> None:
    # Given a window that opens for the first time; here it goes faster than for a person
    window.session.set_speed(60)
    window.begin()
    assert window.session.busy

    # Then the first switch that flips by itself is pointed at
    qtbot.waitUntil(lambda: said(window) == "A switch just flipped")
    assert window.session.picture is not None
    callout = window.first_run.callout
    assert callout is not None
    assert window.rect().contains(callout.geometry())

    # And it can be closed by key, and the next one still comes: the other variant
    qtbot.keyClick(callout, Qt.Key.Key_Escape)
    assert said(window) == ""
    qtbot.waitUntil(lambda: said(window) == "Look at the other variant")

    # And at the end, it offers the user's own data
    qtbot.waitUntil(lambda: said(window) == "Now your own")
    assert window.actions_table["run"].isEnabled()
    assert "good answer" in window.trial.summary.as_text()
    callout = window.first_run.callout
    assert callout is not None
    offer = next(each for each in callout.findChildren(QPushButton) if "my data" in each.text())
    offer.click()
    assert window.first_run.callout is None
    dialog = window.findChild(QDialog, "inputs_dialog")
    assert dialog is not None
    dialog.reject()

    # And the next time nothing starts by itself
    assert window.preferences.shown_around
    again = MainWindow(appearance, window.preferences, window.session.log_path)
    qtbot.addWidget(again)
    again.begin()
    assert again.session.state == "idle"
    assert again.session.scenario().title == "Support assistant"
    again.close()


@pytest.mark.parametrize("then", ["own data", "another run"])
def test_its_last_callout_goes_when_the_user_goes_on(window: MainWindow, qtbot: QtBot, then: str) -> None:
    # Given a first run that ended
    window.session.set_speed(None)
    window.begin()
    qtbot.waitUntil(lambda: said(window) == "Now your own")

    # When the user goes on without a look at the callout
    if then == "own data":
        window.session.use_inputs(OwnInputs())
    else:
        window.actions_table["run"].trigger()

    # Then it is out of the way
    assert said(window) == ""
    window.actions_table["stop"].trigger()
    qtbot.waitUntil(lambda: window.session.state == "idle")


def test_help_shows_it_again(window: MainWindow, qtbot: QtBot) -> None:
    window.preferences.shown_around = True
    window.begin()
    window.session.set_speed(None)
    window.actions_table["tour"].trigger()
    qtbot.waitUntil(lambda: said(window) == "Now your own")


def test_a_window_appears_before_its_pages(qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> None:
    # Given a window that is not filled yet
    store = QSettings(str(tmp_path / "other.ini"), QSettings.Format.IniFormat)
    made = MainWindow(appearance, Preferences(store), tmp_path / "log.db", filled=False)
    qtbot.addWidget(made)
    made.show()

    # Then it says that it is opening, and nothing can be done yet
    assert "Opening…" in [each.text() for each in made.findChildren(QLabel) if each.isVisible()]
    assert not made.actions_table["run"].isEnabled()

    # And once filled it is the window
    made.fill()
    assert made.trial.isVisible()
    assert made.actions_table["run"].isEnabled()
    made.close()


def test_a_window_can_be_closed_before_it_is_filled(
    qtbot: QtBot, appearance: Appearance, tmp_path: Path
) -> None:
    store = QSettings(str(tmp_path / "other.ini"), QSettings.Format.IniFormat)
    made = MainWindow(appearance, Preferences(store), tmp_path / "log.db", filled=False)
    qtbot.addWidget(made)
    made.show()
    assert made.close()
    assert not (tmp_path / "log.db").exists()
