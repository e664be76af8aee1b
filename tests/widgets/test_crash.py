"""Our own mistakes: kept in a file, shown once, without secrets, and the program goes on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from widgets.crash import CrashReporter, without_secrets


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def reporter(window: QWidget, tmp_path: Path, qtbot: QtBot) -> Iterator[CrashReporter]:
    made = CrashReporter(window, tmp_path / "logs")
    yield made
    made.release()


def make_mistake(text: str) -> None:
    error = ValueError(text)
    sys.excepthook(type(error), error, error.__traceback__)


def dialog_of(window: QWidget) -> QMessageBox | None:
    return window.findChild(QMessageBox, "crash")


def test_a_mistake_is_kept_and_shown_and_can_be_copied(
    window: QWidget, reporter: CrashReporter, qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # When something of ours breaks in a slot
    make_mistake("seven is no number")

    # Then the dialog says so, and a file holds the traceback
    qtbot.waitUntil(lambda: dialog_of(window) is not None)
    dialog = dialog_of(window)
    assert dialog is not None
    (kept,) = (tmp_path / "logs").glob("crash-*.txt")
    assert "seven is no number" in kept.read_text(encoding="utf-8")
    assert "seven is no number" in capsys.readouterr().err

    # And its details can be copied without closing it
    copy = next(each for each in dialog.findChildren(QPushButton) if "Copy" in each.text())
    copy.click()
    assert "seven is no number" in QGuiApplication.clipboard().text()
    assert dialog.isVisible()
    dialog.close()


def test_a_mistake_on_a_thread_is_shown_on_the_gui_thread(
    window: QWidget, reporter: CrashReporter, qtbot: QtBot
) -> None:
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: dialog_of(window) is not None)
    dialog = dialog_of(window)
    assert dialog is not None
    assert "ZeroDivisionError" in dialog.detailedText()
    dialog.close()


def test_a_second_mistake_does_not_pile_up_dialogs(
    window: QWidget, reporter: CrashReporter, qtbot: QtBot, tmp_path: Path
) -> None:
    make_mistake("one")
    make_mistake("two")
    qtbot.waitUntil(lambda: dialog_of(window) is not None)
    assert len(window.findChildren(QMessageBox)) == 1
    assert len(list((tmp_path / "logs").glob("crash-*.txt"))) == 2
    dialog = dialog_of(window)
    assert dialog is not None
    dialog.close()


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("sk-abc123DEF456", "abc123DEF456"),
        ("Authorization: Bearer abcdefghijk", "abcdefghijk"),
        ("api_key='s3cr3t-value'", "s3cr3t-value"),
        ("password=hunter2hunter2", "hunter2hunter2"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(text: str, secret: str) -> None:
    shown = without_secrets(f"call failed with {text} at line 3")
    assert "[left out]" in shown
    assert secret not in shown
    assert "line 3" in shown


def test_the_home_of_the_user_is_not_named() -> None:
    assert str(Path.home()) not in without_secrets(f"File {Path.home()}/notes/prompt.py")
