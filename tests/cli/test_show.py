"""`seatrial show --request`: what one request asked and got, made again from the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.analysis.metrics import metric
from tests.cli.commands import FIRST_DAY, seatrial


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("show") / "log.db"
    assert seatrial("run", FIRST_DAY, "--duration", "20", log=path).status == 0
    return path


def test_a_request_is_shown_as_each_variant_took_it(log: Path) -> None:
    said = seatrial("show", "last", "--request", "12", log=log)

    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("Request 12: prompt '")
    assert "Prototype" in lines
    assert "With safeguards" in lines
    assert any(line.startswith("  answer: ") for line in lines)


def test_the_draws_come_with_their_meaning(log: Path) -> None:
    said = seatrial("show", "last", "--request", "12", "--draws", log=log)

    assert "Draws of the request, the same for all variants" in said.out
    assert "fault:everyday_errors" in said.out
    assert "rate 0.004" in said.out
    assert "fault:outage" not in said.out  # it was not on yet


def test_json_has_texts_and_draws(log: Path) -> None:
    shown = seatrial("show", "last", "--request", "12", "--draws", "--json", log=log).json

    assert shown["number"] == 12
    taken = shown["variants"]["prototype"]
    assert set(taken) == {"request", "attempts", "texts", "draws"}
    assert (
        "draws"
        not in seatrial("show", "last", "--request", "12", "--json", log=log).json["variants"]["prototype"]
    )
    assert taken["texts"]["messages"][0][0] in ("system", "user")
    assert {each["purpose"] for each in taken["draws"]} >= {
        "traffic.gap",
        "traffic.prompt",
        "provider.quality",
    }


@pytest.mark.parametrize("number", ["-1", "5000", str(2**32 + 5), str(2**70)])
def test_a_request_that_never_was(number: str, log: Path) -> None:
    assert "Requests are numbered 0 to" in seatrial("show", "last", "--request", number, log=log).complaint


def test_runs_are_listed_newest_first(log: Path) -> None:
    said = seatrial("runs", log=log)

    heading, newest, *_ = said.out.splitlines()
    assert heading.split() == ["run", "when", "scenario", "calls", "seed", "state", "requests", "length"]
    assert newest.split()[-4:-1] == ["finished", newest.split()[-3], "20"]


def test_scenarios_are_listed_with_what_they_teach() -> None:
    listed = seatrial("scenarios", "--json").json["scenarios"]

    assert FIRST_DAY in [each["name"] for each in listed]
    assert all(len(each["teaches"]) > 40 for each in listed)
    assert FIRST_DAY in seatrial("scenarios").out
    for each in listed:
        checked = seatrial("check", each["name"], "--json").json
        assert checked["rows"] > 0
        assert all(assumption["source"] for assumption in checked["assumptions"])


def test_the_table_of_a_run_has_the_metrics_under_their_names_in_compare(log: Path) -> None:
    said = seatrial("show", "last", log=log).out.casefold()
    for key in ("answer_s.p95", "attempts_per_request", "cost_usd", "cost_usd_per_1000_good"):
        assert f"\n{metric(key).title.casefold()}  " in said
