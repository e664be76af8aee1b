"""`seatrial compare`: runs and variants side by side, in words and as JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import FIRST_DAY, seatrial


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "log.db"
    for settings in ((), ("--set", "faults.everyday_errors.rate=0.5"), ("--seed", "8")):
        assert seatrial("run", FIRST_DAY, "--duration", "20", *settings, log=path).status == 0
    return path


def test_two_runs_side_by_side(log: Path) -> None:
    said = seatrial("compare", "1", "2", "--variant", "prototype", log=log)

    assert said.status == 0
    lines = said.out.splitlines()
    assert lines[0] == "A  Run 1, Prototype: Support assistant, seed 7"
    assert any(line.split() == ["faults.everyday_errors.rate", "0.004", "0.5"] for line in lines)
    (good,) = [line for line in lines if line.startswith("Good answers")]
    assert "best" in good
    assert "worst" in good
    (lost,) = [line for line in lines if line.startswith("  lost (good in Run 1 only): ")]
    assert lost.endswith("…")
    assert "SIMULATED" in lines[-1]


def test_a_run_alone_compares_its_variants(log: Path) -> None:
    assert (
        seatrial("compare", "last", "--json", log=log).json
        == seatrial("compare", "3:prototype", "3:safeguarded", "--json", log=log).json
    )


def test_json_has_every_number(log: Path) -> None:
    shown = seatrial("compare", "1", "2", "--json", log=log).json

    assert [each["variant"] for each in shown["sides"]] == ["safeguarded", "safeguarded"]
    assert shown["differences"] == [{"path": "faults.everyday_errors.rate", "values": [0.004, 0.5]}]
    (pairing,) = shown["pairings"]
    assert pairing["paired"]
    assert len(pairing["saved_numbers"]) == pairing["saved"]
    assert len(pairing["lost_numbers"]) == pairing["lost"] > 0
    rates = next(each for each in shown["metrics"] if each["key"] == "good_rate")
    summary = seatrial("show", "2", "--json", log=log).json["variants"]["safeguarded"]
    assert rates["values"][1] == summary["good_rate"]


def test_other_seeds_say_why_nothing_is_paired(log: Path) -> None:
    assert "not paired. The seeds differ (7 and 8)" in seatrial("compare", "1", "3", log=log).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("9",), "There is no run 9"),
        (("x",), "'x' is no run"),
        (("1:", "2"), "'1:' names no variant. Write it as RUN:VARIANT, such as 3:prototype."),
        (("1", "2", "--variant", "bare"), "Run 1 has no variant 'bare'. It has prototype, safeguarded."),
        (("1", "1"), "named twice"),
        (("1:prototype",), "1 side is given, and 2 to 4 can be compared"),
    ],
)
def test_what_cannot_be_compared(arguments: tuple[str, ...], told: str, log: Path) -> None:
    assert told in seatrial("compare", *arguments, log=log).complaint
