"""`--fail-if`: a gate for CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import seatrial


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fail_if") / "log.db"


def test_a_threshold_that_is_met_changes_nothing(log: Path) -> None:
    said = seatrial("run", "--duration", "5", "--fail-if", "safeguarded.good_rate < 0.5", log=log)

    assert said.status == 0
    assert "missed" not in said.err


def test_every_threshold_that_is_missed_is_told_and_the_status_is_1(log: Path) -> None:
    said = seatrial(
        *("run", "--duration", "5", "--json"),
        *("--fail-if", "safeguarded.answer_s.p95 > 0.001"),
        *("--fail-if", "prototype.wrong_rate > 1"),
        *("--fail-if", "prototype.requests>=1"),
        log=log,
    )

    assert said.status == 1
    told = [line for line in said.err.splitlines() if line.startswith("missed")]
    assert told == ["missed: safeguarded.answer_s.p95 > 0.001", "missed: prototype.requests>=1"]
    assert said.json["variants"]  # the summary is printed all the same


def test_a_percentile_without_an_answer_is_as_bad_as_can_be(log: Path) -> None:
    out = ["--set", "faults.outage.from_s=0", "--set", "faults.outage.hang_share=0"]

    said = seatrial("run", "--duration", "3", *out, "--fail-if", "prototype.answer_s.p95 > 1e9", log=log)

    assert said.status == 1


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("safeguraded.good_rate < 1", "Did you mean 'safeguarded'?"),
        ("safeguarded.god_rate < 1", "Did you mean 'good_rate'?"),
        ("safeguarded.answer_s.p96 > 1", "There is p50, p95, p99."),
        ("safeguarded.answer_s > 1", "is no single number. It holds p50, p95, p99"),
        ("safeguarded.good_rate < nan", "'nan' is no number"),
        ("safeguarded.good_rate < much", "'much' is no number"),
        ("safeguarded.good_rate", "Write VARIANT.METRIC OP NUMBER"),
        ("good", "Write VARIANT.METRIC OP NUMBER"),
        ("", "Write VARIANT.METRIC OP NUMBER"),
    ],
)
def test_nonsense_is_told_before_anything_runs(expression: str, told: str, tmp_path: Path) -> None:
    log = tmp_path / "log.db"

    said = seatrial("run", "--fail-if", expression, log=log)

    assert told in said.complaint
    assert "--fail-if" in said.complaint
    assert not log.exists()
