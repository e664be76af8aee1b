"""Questions as safeguards of the input have them: sent so to real endpoints, replayed alike, and recalled from the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.control import Control
from app.engine.recall import Recall
from app.engine.replay import replay
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.inputs.bounded import BoundedWorker
from app.scenario.files import parse_scenario
from app.sessions.reader import RunReader
from app.sessions.records import ObservationRecord
from app.sessions.session_log import SessionLog
from tests.engine.live_runs import GOOD, SCENARIO, live
from tests.engine.loopback import Play, says

ROWS = """question,customer,plan,order_id,date,expected_intent
<p>Where is my <b>lamp</b>?</p>,Ann,basic,A-1,2026-01-08,where_is_my_order
n/a,Ben,basic,A-2,2026-01-09,where_is_my_order
I want my money back.,Cem,basic,A-3,2026-01-10,refund_request
"""
GUARDS = """
[data]
path = "rows.csv"
[variants.guarded]
safeguards = [
  { kind = "input_check", reply = "Please say it again." },
  { kind = "prompt_trim", max_input_tokens = 10000 },
  { kind = "budget", per_run_usd = 0.01, per_minute_usd = 0.01 },
  { kind = "canned", text = "", texts = { triage = "Later." } },
]
"""


def good(_n: int) -> Play:
    return says(GOOD, usage=(200, 10))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.csv").write_text(ROWS, encoding="utf-8")
    return tmp_path


def test_real_calls_are_asked_the_repaired_question_and_replay_alike(folder: Path) -> None:
    text = SCENARIO.replace("repeat_rate = 0.3", "repeat_rate = 0") + GUARDS
    lived = live(folder, "guarded", good, good, requests=6, text=text)

    assert len(lived.heard[0]) == 4
    heard = [str(each.body["messages"]) for each in lived.heard[0]]
    assert sum("Where is my lamp?" in each for each in heard) == 2
    assert not any("<b>" in each for each in heard)
    assert Counter((request.served_by, request.reason) for request in lived.requests) == {
        ("primary", "input check: repaired"): 2,
        ("canned", "input check: field question is empty"): 2,
        ("primary", ""): 2,
    }
    assert replay(lived.observations, lived.scenario) == []


def test_a_record_with_a_damaged_question_is_refused(folder: Path) -> None:
    text = SCENARIO + GUARDS
    lived = live(folder, "guarded", good, good, requests=2, text=text)
    first = lived.observations[0]
    damaged = ObservationRecord(
        first.sequence, first.now_us, first.number, first.command, {**first.outcome, "asked": {"prompt": 3}}
    )
    with pytest.raises(UserError, match="'asked' is wrong"):
        replay([damaged, *lived.observations[1:]], lived.scenario)


MESSY = """
[[faults]]
kind = "far_too_long"
rate = 0.5
repeat_to_chars = 4000
[[faults]]
kind = "mojibake"
rate = 0.5
[[faults]]
kind = "server_error"
rate = 0.3
[variants.checked]
safeguards = [
  { kind = "input_check", every_field = { drop_repeats = false }, reply = "Please say it again." },
  { kind = "prompt_trim", max_input_tokens = 700, strategy = "keep_both_ends" },
  { kind = "canned", texts = { triage = "Sorry." } },
]
"""


@pytest.fixture(params=["", "input_tokens = 650\ninput_sigma = 0.3\n"], ids=["by text", "drawn"])
def recall(folder: Path, request: pytest.FixtureRequest) -> Iterator[Recall]:
    """A logged run's requests."""
    text = SCENARIO.replace("max_tokens = 50", f"max_tokens = 50\n{request.param}").replace(
        "rate_per_s = 100", "rate_per_s = 2"
    )
    file = parse_scenario(text + GUARDS + MESSY, folder / "run.toml")
    with SessionLog.open(folder / "log.db") as log, BoundedWorker() as worker:
        run_id = run_scenario(Order(file), log, Control(), Listener())
        yield Recall(RunReader(log, run_id), worker)


def test_what_was_asked_and_said_is_recalled_as_the_safeguards_had_it(recall: Recall) -> None:
    seen = set()
    for number in range(40):
        for each in recall.request(number, with_draws=True):
            if each.request.variant != "checked":
                continue
            said, asked = each.texts.answer, str(each.texts.messages)
            reason = each.request.reason
            seen.add(reason)
            if reason == "input check: field question is empty":
                assert said == "Please say it again."
                assert asked == "field question is empty"
            elif reason.startswith("canned"):
                assert said == "Sorry."
            else:
                assert said
                assert "<p>" not in asked
            if reason.startswith("prompt trim") and "far_too_long" in each.request.mess:
                assert "[...]" in asked
                assert "[...]" not in str(each.texts.mutated)
            if reason == "input check: repaired":
                assert "[...]" not in asked
    assert {"input check: repaired", "prompt trim: cut to 700 tokens"} <= seen
    assert any(reason.startswith("canned") for reason in seen)
    assert "input check: field question is empty" in seen
