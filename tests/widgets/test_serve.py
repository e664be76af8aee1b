"""The dialog "Serve…": an own app calls, failures on the left strike it, and its calls are on the charts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from app.sessions.reader import runs
from app.sessions.session_log import SessionLog
from tests.serve.test_proxy_recording import GOOD
from tests.serve.upstreams import upstream
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow
from widgets.serve_dialog import ServeDialog

ASKED = {"model": "x", "messages": [{"role": "user", "content": "Where is it?"}]}
ALL_FAIL = {"kind": "overloaded", "rate": 1}


@pytest.fixture
def window(qapp: QApplication, qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    with main_window(qtbot, appearance, tmp_path) as made:
        made.show()
        made.session.open_scenario("launch-day")
        yield made


def serving(window: MainWindow, qtbot: QtBot, address: str = "") -> ServeDialog:
    window.actions_table["serve"].trigger()
    dialog = window.findChild(ServeDialog)
    assert dialog is not None
    dialog.upstream.setText(address)
    dialog.toggle.click()
    qtbot.waitUntil(lambda: bool(window.session.server.told))
    return dialog


def ask(qtbot: QtBot, told: dict[str, Any]) -> int:
    """Ask as an app does, while the window goes on."""
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(
            httpx.post,
            f"{told['url']}/v1/chat/completions",
            content=json.dumps(ASKED),
            headers={"content-type": "application/json"},
            timeout=60,
        )
        qtbot.waitUntil(asked.done)
        return asked.result().status_code


def test_an_own_app_is_served_and_seen(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = serving(window, qtbot)
    session = window.session
    told = dict(session.server.told)
    before = ask(qtbot, told)
    with qtbot.waitSignal(session.server.changed):
        session.switchboard.flip([("faults.struck", ALL_FAIL)], "All calls fail")
    after = ask(qtbot, told)
    qtbot.waitUntil(lambda: session.picture is not None and session.picture.record.offered == 2)

    assert (before, after) == (200, 503)
    assert dialog.lines[0].text() == f'client = openai.OpenAI(base_url="{told["url"]}/v1")'
    next(each for each in dialog.findChildren(QPushButton) if each.text() == "Copy").click()
    assert QApplication.clipboard().text() == dialog.lines[0].text()
    assert dialog.state.text().startswith("SIMULATED")
    assert not window.actions_table["pause"].isEnabled()

    dialog.toggle.click()
    qtbot.waitUntil(lambda: session.state == "idle")
    assert dialog.lines[0].text() == ""
    with SessionLog.open(tmp_path / "log.db") as log:
        assert [(run.state, run.offered) for run in runs(log)] == [("finished", 2)]


def test_calls_that_are_passed_on_are_real_ones(window: MainWindow, qtbot: QtBot) -> None:
    with upstream(GOOD) as there:
        dialog = serving(window, qtbot, f"{there.url}/v1")
        status = ask(qtbot, dict(window.session.server.told))
        qtbot.waitUntil(lambda: window.session.picture is not None)
        picture = window.session.picture
        dialog.toggle.click()
        qtbot.waitUntil(lambda: window.session.state == "idle")

    assert (status, len(there.heard)) == (200, 1)
    assert picture is not None
    assert picture.record.badge == "REAL CALLS"
    assert dialog.state.text() == "Not serving."


def test_what_cannot_be_served_is_told(window: MainWindow, qtbot: QtBot) -> None:
    window.actions_table["serve"].trigger()
    dialog = window.findChild(ServeDialog)
    assert dialog is not None
    dialog.upstream.setText("no address")

    with qtbot.waitSignal(window.session.refused) as refused:
        dialog.toggle.click()

    assert refused.args is not None
    assert "Real provider: " in str(refused.args[0])
    assert window.session.state == "idle"
    # and the dialog, which stands before the window, says it, too, until the next attempt
    assert dialog.problem.isVisible()
    assert "Real provider: " in dialog.problem.text()
    dialog.upstream.clear()
    dialog.toggle.click()
    assert not dialog.problem.isVisible()
    qtbot.waitUntil(lambda: bool(window.session.server.told))


def test_answers_are_held_for_safeguards_that_must_see_them_whole(window: MainWindow, qtbot: QtBot) -> None:
    # given safeguards that check answers, chosen by hand
    window.session.open_scenario("support-assistant")
    window.actions_table["serve"].trigger()
    dialog = window.findChild(ServeDialog)
    assert dialog is not None
    dialog.upstream.setText("http://127.0.0.1:9/v1")
    qtbot.keyClick(dialog.safeguards, Qt.Key.Key_End)
    assert dialog.safeguards.currentData() == "safeguarded"
    # then answers are held for them
    assert dialog.buffer.isChecked()
    # and who lets them stream all the same is told why that cannot be, in the window's words
    dialog.buffer.click()
    with qtbot.waitSignal(window.session.refused):
        dialog.toggle.click()
    assert "Let answers be held until they are whole" in dialog.problem.text()
    assert "--" not in dialog.problem.text()
    qtbot.keyClick(dialog.safeguards, Qt.Key.Key_Home)
    assert not dialog.buffer.isChecked()


def test_closing_the_window_ends_it(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    serving(window, qtbot)
    told = dict(window.session.server.told)

    window.close()

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{told['url']}/v1/models", timeout=10)
    with SessionLog.open(tmp_path / "log.db") as log:
        assert [run.state for run in runs(log)] == ["finished"]
