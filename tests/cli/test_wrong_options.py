"""Options and settings that make no sense: one message that says what, where and what to do; status 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import FIRST_DAY, seatrial


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("x", "'x' sets nothing. Write dotted.key=value."),
        ("=1", "'' is no path"),
        ("nothing=1", "nothing: unknown key"),
        ("traffic.rate=3", "did you mean 'rate_per_s'"),
        ("traffic.rate_per_s=-1", "must be at least 0"),
        ("traffic.rate_per_s=inf", "must be a finite number"),
        ("traffic.arrivals=now", "allowed: closed, constant, gamma, poisson, trace"),
        ("duration_s=nan", "must be a finite number"),
        ("seed=1.5", "must be a whole number"),
        ("seed=99999999999999999999", "must be less than"),
        ("targets.primary=3", "must be a table"),
        ("faults.outage.rate=2", "must be at most 1"),
        ("faults.outrage.on=true", "there is no 'outrage'. Did you mean 'outage'?"),
        ("variants.safeguarded.safeguards.cash.on=false", "Did you mean 'cache'?"),
        ("data.path=/etc/passwd", "lies outside of the scenario's folder"),
        ("data.path=sample:../../pyproject.toml", "there is no sample"),
        ("prompts.path=../..", "lies outside of the scenario's folder"),
        ("data.encoding=klingon", "there is no encoding 'klingon'"),
    ],
)
def test_a_setting_that_is_nonsense(setting: str, told: str, tmp_path: Path) -> None:
    complaint = seatrial("run", FIRST_DAY, "--set", setting, log=tmp_path / "log.db").complaint

    assert told in complaint


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--seed", "-1"), "must be at least 0"),
        (("--duration", "0"), "must be more than 0"),
        (("--duration", "nan"), "must be a finite number"),
        (("--duration", "-3"), "must be more than 0"),
        (("--speed", "0"), "is no speed"),
        (("--speed", "nan"), "is no speed"),
        (("--speed", "fast"), "--speed: 'fast' is no speed. Give a factor such as 10, or 'max'."),
        (("--map", "question"), "--map: 'question' maps nothing. Write variable=column."),
        (("--map", "question=quest"), "the data has no column 'quest'"),
        (("--map", "quest=question"), "the prompts have no variable 'quest'"),
        (("--prompts", "nowhere"), "nowhere: cannot be read"),
        (("--data", "nowhere.csv"), "nowhere.csv: cannot be read"),
    ],
)
def test_an_option_that_is_nonsense(options: tuple[str, str], told: str, tmp_path: Path) -> None:
    assert told in seatrial("run", FIRST_DAY, *options, log=tmp_path / "log.db").complaint


@pytest.mark.parametrize(
    "line",
    [["run", "--bogus"], ["frobnicate"], ["--bogus"], ["run", "--seed", "x"], ["export", "last"], ["check"]],
)
def test_what_is_no_command_line_shows_how_it_is_used(line: list[str]) -> None:
    said = seatrial(*line)

    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("Usage: seatrial")


@pytest.mark.parametrize("name", ["suport-assistant", "", ".", "\0", "a" * 5000, "no/such/file.toml"])
def test_a_scenario_that_is_not_there(name: str, tmp_path: Path) -> None:
    complaint = seatrial("run", name, log=tmp_path / "log.db").complaint

    assert "there is no scenario" in complaint
    assert FIRST_DAY in complaint


def test_a_scenario_that_is_no_toml(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("title = unquoted\n", encoding="utf-8")

    assert "mine.toml: no valid TOML" in seatrial("run", file, log=tmp_path / "log.db").complaint


def test_a_run_that_is_not_there(tmp_path: Path) -> None:
    log = tmp_path / "log.db"

    assert "holds no runs. 'seatrial run' makes one." in seatrial("show", log=log).complaint
    assert "There is no run 3" in seatrial("show", "3", log=log).complaint
    assert "'mine' is no run" in seatrial("show", "mine", log=log).complaint
    assert "Add --request N." in seatrial("show", "--draws", log=log).complaint
    assert "No runs yet" in seatrial("runs", log=log).out
