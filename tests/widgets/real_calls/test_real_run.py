"""Real calls in the window, against a provider on this machine: chosen, placed, confirmed, made, and told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from keyring.backends import fail
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.providers.keys import Keys
from app.scenario.files import open_scenario, parse_scenario
from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog
from tests.providers.key_backends import system_store
from tests.serve.rig import Endpoint, endpoint
from tests.widgets.windows import main_window
from widgets.appearance import Appearance
from widgets.main_window import MainWindow
from widgets.real_calls.confirm_dialog import ConfirmDialog
from widgets.real_calls.key_form import KeyForm
from widgets.real_calls.targets_dialog import TargetsDialog

_D = TypeVar("_D", bound=QDialog)
MARKED = "sk-marked-0815"
SCENARIO = """
title = "Real"
seed = 5
duration_s = 1
drain_s = 5
[traffic]
arrivals = "constant"
rate_per_s = 5
[tokens]
max_tokens = 20
[targets.primary]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
[variants.bare]
[variants.safe]
safeguards = [{ kind = "retry" }]
"""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Endpoint]:
    folder = tmp_path / "provider"
    folder.mkdir()
    with endpoint(folder) as served:
        yield served


@pytest.fixture
def window(qtbot: QtBot, appearance: Appearance, tmp_path: Path) -> Iterator[MainWindow]:
    with (
        system_store(fail.Keyring()),  # type: ignore[no-untyped-call]
        main_window(qtbot, appearance, tmp_path) as made,
    ):
        made.show()
        made.session.keys = Keys(tmp_path, {})
        made.session.open_file(parse_scenario(SCENARIO, tmp_path / "real.toml"))
        yield made


def shown(window: MainWindow, kind: type[_D], qtbot: QtBot) -> _D:
    qtbot.waitUntil(lambda: bool(window.findChildren(kind)))
    return window.findChildren(kind)[-1]


def place(window: MainWindow, base_url: str, qtbot: QtBot) -> None:
    """Say where calls go, in the dialog that Run has opened."""
    dialog = shown(window, TargetsDialog, qtbot)
    form = dialog.forms["primary"]
    form.base_url.setText(base_url)
    form.model.setText("small-model")
    form.pricing.setCurrentIndex(1)
    form.input_usd.setText("1")
    form.output_usd.setText("1.5")
    with qtbot.waitSignal(dialog.accepted):
        dialog._take()


def asked(window: MainWindow, qtbot: QtBot) -> ConfirmDialog:
    """The question before the calls, with all that it has to say."""
    dialog = shown(window, ConfirmDialog, qtbot)
    qtbot.waitUntil(lambda: dialog.prepared is not None or not dialog.problem.isHidden())
    return dialog


def choose_real(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.mouseClick(window.trial.provider.real, Qt.MouseButton.LeftButton)
    window.actions_table["run"].trigger()


def asked_about(window: MainWindow, base_url: str, qtbot: QtBot) -> ConfirmDialog:
    """The question before calls to this place."""
    choose_real(window, qtbot)
    place(window, base_url, qtbot)
    return asked(window, qtbot)


def answers(window: MainWindow) -> str:
    boxes = [box for card in window.trial.detail.cards for box in card.findChildren(QPlainTextEdit)]
    return " ".join(box.toPlainText() for box in boxes)


def test_from_the_choice_to_the_answers(window: MainWindow, provider: Endpoint, qtbot: QtBot) -> None:
    # given a scenario whose calls go to a provider on this machine
    assert window.trial.top_bar.badge.text() == "SIMULATED"
    choose_real(window, qtbot)
    assert window.trial.top_bar.badge.text() == "REAL CALLS"
    assert window.trial.top_bar.badge.property("real") is True
    place(window, f"{provider.url}/v1", qtbot)
    # when it is asked about, it says host, model, requests and cost, and nothing can be agreed to without a cap
    question = asked(window, qtbot)
    assert f"{provider.url}: small-model. There is no key" in question.hosts.text()
    assert question.cost.text().startswith("4 requests, asked of each of 2 variants: about $")
    assert "it takes 0:02 (min:s) or a little more" in question.cost.text()
    question.side_by_side.click()
    assert "it takes 0:01 (min:s)" in question.cost.text()
    question.side_by_side.click()
    assert question.cancel.isDefault()
    assert not question.go.isEnabled()
    qtbot.keyClicks(question.cap, "0,5")
    assert question.go.isEnabled()
    qtbot.mouseClick(question.go, Qt.MouseButton.LeftButton)
    session = window.session
    qtbot.waitUntil(lambda: session.state == "running")
    # then there is no speed to choose while they are made
    assert not window.actions_table["speed_max"].isEnabled()
    assert "no speed" in window.actions_table["speed_max"].toolTip()
    qtbot.waitUntil(lambda: session.state == "idle" and session.picture is not None)
    qtbot.waitUntil(lambda: session.picture.record.ended_at is not None)  # type: ignore[union-attr]
    # and the run is told apart, with its answers
    assert session.picture is not None
    record = session.picture.record
    assert (record.clock, record.badge, record.state) == ("wall", "REAL CALLS", "finished")
    assert window.trial.top_bar.badge.property("real") is True
    assert "of $0.50 spent" in window.trial.top_bar.spent.text()
    with SessionLog.open(session.log_path) as log:
        found = RunReader(log, record.run_id).request("bare", 0)
        assert found is not None
        assert found[1][0].text
    # and its page says where it went
    assert provider.url in window.trial.top_bar.badge.toolTip()
    assert f"Real calls to {provider.url}" in window.trial.summary.as_text()
    window.go_to(1)
    qtbot.waitUntil(lambda: window.runs.table.model().rowCount() == 1)
    window.runs.select(record.run_id)
    qtbot.waitUntil(lambda: "not independent" in window.runs.details.real.text())
    assert "of $0.50 spent" in window.runs.details.real.text()
    window.go_to(0)
    window.trial.show_request(0)
    qtbot.waitUntil(lambda: bool(window.trial.detail.cards) and "mail" in answers(window))
    # the next run is asked about anew
    window.actions_table["run"].trigger()
    again = [each for each in window.findChildren(ConfirmDialog) if each.isVisible()]
    assert len(again) == 1
    again[0].reject()


def test_who_cancels_makes_no_call(window: MainWindow, provider: Endpoint, qtbot: QtBot) -> None:
    question = asked_about(window, f"{provider.url}/v1", qtbot)
    qtbot.keyClicks(question.cap, "1")
    qtbot.keyClick(question, Qt.Key.Key_Escape)
    assert window.session.state == "idle"
    with SessionLog.open(window.session.log_path) as log:
        assert runs(log) == []


@pytest.mark.parametrize("text", ["", "0", "-1", "nothing", "nan", "inf", "2000000"])
def test_a_cap_that_is_none_gives_no_leave(
    window: MainWindow, provider: Endpoint, qtbot: QtBot, text: str
) -> None:
    question = asked_about(window, f"{provider.url}/v1", qtbot)
    question.cap.setText(text)
    assert not question.go.isEnabled()
    question.reject()


def test_a_scenario_that_is_opened_makes_no_real_calls_by_itself(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    # given that real calls were chosen for one scenario
    window.trial.provider.real.setChecked(True)
    # when another one is opened, which says where calls go
    text = SCENARIO.replace(
        "[targets.primary]",
        '[targets.primary]\nmodel = "m"\nendpoint = { base_url = "https://evil.example/v1" }',
    )
    window.session.open_file(parse_scenario(text, tmp_path / "other.toml"))
    # then it is simulated
    assert not window.trial.provider.wants_real
    assert window.trial.top_bar.badge.text() == "SIMULATED"
    window.actions_table["speed_max"].trigger()
    window.actions_table["run"].trigger()
    session = window.session
    qtbot.waitUntil(lambda: session.state == "idle" and session.picture is not None)
    assert session.picture is not None
    assert session.picture.record.clock == "virtual"
    # and if real calls are chosen, its host is named before anything is sent there
    choose_real(window, qtbot)
    question = asked(window, qtbot)
    assert "https://evil.example: m" in question.hosts.text()
    question.reject()


def test_a_key_is_added_on_the_way_and_kept_for_its_host(
    window: MainWindow, provider: Endpoint, qtbot: QtBot
) -> None:
    question = asked_about(window, f"{provider.url}/v1", qtbot)
    qtbot.mouseClick(question.add_key, Qt.MouseButton.LeftButton)
    form = question.findChild(KeyForm)
    assert form is not None
    assert form.address.text() == provider.url
    qtbot.keyClicks(form.key, MARKED)
    form._check()
    qtbot.waitUntil(lambda: "kept in memory" in question.hosts.text())
    assert "marked" not in question.hosts.text()
    assert not question.add_key.isVisible()
    question.reject()
    assert list(window.session.keys.in_memory()) == [provider.url]


def test_what_cannot_be_done_for_real_is_said_before_anything_is_sent(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    text = SCENARIO + '[[faults]]\nkind = "outage"\noutage_mode = "freeze"\n'
    window.session.open_file(parse_scenario(text, tmp_path / "frozen.toml"))
    question = asked_about(window, "https://api.x.example/v1", qtbot)
    assert "inside" in question.problem.text()
    qtbot.keyClicks(question.cap, "1")
    assert not question.go.isEnabled()
    question.reject()


def test_users_of_a_closed_loop_ask_for_real(
    window: MainWindow, provider: Endpoint, qtbot: QtBot, tmp_path: Path
) -> None:
    # Given a scenario whose users ask once they have their answers
    text = SCENARIO.replace(
        'arrivals = "constant"\nrate_per_s = 5', 'arrivals = "closed"\nusers = { count = 2, think_s = 0.2 }'
    )
    window.session.open_file(parse_scenario(text, tmp_path / "closed.toml"))
    # When it is to be run for real, then the dialog does not promise how much is asked
    question = asked_about(window, f"{provider.url}/v1", qtbot)
    assert window.trial.top_bar.badge.text() == "REAL CALLS, CLOSED LOOP"
    assert question.cost.text().startswith("About ")
    assert "at the very most for so many" in question.cost.text()
    qtbot.keyClicks(question.cap, "1")
    qtbot.mouseClick(question.go, Qt.MouseButton.LeftButton)
    # and the run is one of real calls, in a closed loop
    session = window.session
    qtbot.waitUntil(lambda: session.state == "idle" and session.picture is not None)
    qtbot.waitUntil(lambda: session.picture.record.ended_at is not None)  # type: ignore[union-attr]
    assert session.picture is not None
    assert session.picture.record.badge == "REAL CALLS, CLOSED LOOP"
    assert "closed loop" in window.trial.summary.as_text()


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("base_url", "", "where calls go"),
        ("base_url", "no address", "primary, address: "),
        ("base_url", "https://me:secret@a.example", "without user, password"),
        ("base_url", "https://a.example:99999", "there is no port 99999"),
        ("model", "", "which model"),
        ("input_usd", "cheap", "the price is no price"),
    ],
)
def test_a_place_that_is_none_is_said_and_the_dialog_stays(
    window: MainWindow, qtbot: QtBot, field: str, text: str, said: str
) -> None:
    window.trial.provider.real.setChecked(True)
    dialog = window.beginning.ask_where()
    form = dialog.forms["primary"]
    form.pricing.setCurrentIndex(1)
    values = {"base_url": "https://a.example", "model": "m", "input_usd": "1", "output_usd": "1"} | {
        field: text
    }
    for name, value in values.items():
        getattr(form, name).setText(value)
    dialog._take()
    qtbot.waitUntil(lambda: said in dialog.problem.text().replace("\u200b", ""))
    assert "secret" not in dialog.problem.text()
    assert dialog.focusWidget() is getattr(form, field)
    assert dialog.isVisible()
    dialog.reject()


def test_a_model_without_a_published_price_asks_for_one(window: MainWindow, qtbot: QtBot) -> None:
    dialog = window.beginning.ask_where()
    form = dialog.forms["primary"]
    form.base_url.setText("https://a.example")
    form.model.setText("nobodys-model-9")
    dialog._take()
    qtbot.waitUntil(lambda: "As given here" in dialog.problem.text())
    dialog.reject()


def test_where_calls_go_is_part_of_the_scenario_and_can_be_undone(window: MainWindow, qtbot: QtBot) -> None:
    window.trial.provider.real.setChecked(True)
    window.beginning.ask_where()
    place(window, "https://api.x.example/v1", qtbot)
    assert 'base_url = "https://api.x.example/v1"' in window.session.switchboard.base_text()
    assert "small-model at https://api.x.example/v1" in window.trial.provider.told.text().replace(
        "\u200b", ""
    )
    window.actions_table["undo"].trigger()
    assert "endpoint" not in window.session.switchboard.base_text()


def test_a_run_of_real_calls_is_not_made_again_unasked(
    window: MainWindow, provider: Endpoint, qtbot: QtBot
) -> None:
    question = asked_about(window, f"{provider.url}/v1", qtbot)
    qtbot.keyClicks(question.cap, "1")
    qtbot.mouseClick(question.go, Qt.MouseButton.LeftButton)
    session = window.session
    qtbot.waitUntil(lambda: session.state == "running")
    qtbot.waitUntil(lambda: session.state == "idle")
    assert session.run_id is not None
    assert session.run_again(session.run_id)
    assert session.state == "idle"
    assert not window.trial.provider.wants_real
    assert session.scenario().targets["primary"].endpoint is not None


def test_ready_made_scenarios_are_simulated(window: MainWindow) -> None:
    window.trial.provider.real.setChecked(True)
    window.session.open_file(open_scenario("support-assistant"))
    assert window.trial.provider.simulated.isChecked()
    assert not window.trial.provider.places.isVisible()
