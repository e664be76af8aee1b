"""`seatrial validate`: known results on the command line, with parameters of one's own, and what is wrong input."""

from __future__ import annotations

from math import factorial

import pytest

from app.analysis.validation import retries
from app.analysis.validation.parallel import findings_of_all
from app.analysis.validation.report import Report
from app.analysis.validation.results import RESULTS
from tests.cli.commands import seatrial


def test_parameters_by_hand_are_held_against_the_closed_form() -> None:
    said = seatrial("validate", "erlang-c", "--set", "c=7", "--set", "rho=0.85", "--json")

    assert said.status == 0, said.out
    # Erlang's sum, and not the recursion that the command uses
    offered = 7 * 0.85
    all_busy = offered**7 / factorial(7) / (1 - 0.85)
    waiting = all_busy / (sum(offered**k / factorial(k) for k in range(7)) + all_busy)
    rows = {row["what"]: row for row in said.json["rows"]}
    assert rows["P(wait)"]["known"] == pytest.approx(waiting)
    assert rows["mean wait, s"]["known"] == pytest.approx(waiting / (7 * 0.15))
    for row in rows.values():
        assert row["parameters"] == {"c": 7, "rho": 0.85}
        assert row["low"] <= row["known"] <= row["high"]
        assert abs(row["z"]) < 3.5
        assert row["passed"]
    assert said.json["passed"]


def test_a_row_prints_ours_beside_the_known_value() -> None:
    said = seatrial("validate", "layered-retries", "--set", "tries=3", "--set", "layers=4")

    assert said.status == 0
    (line,) = [line for line in said.out.splitlines() if "most calls" in line]
    assert line.split()[-4:] == ["81", "81", "exact", "pass"]
    assert "2 rows, all reproduced." in said.out


def test_a_result_that_is_not_reproduced_is_a_threshold_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an engine whose retries stop one short of what is expected
    retry = retries._retry
    monkeypatch.setattr(retries, "_retry", lambda most, more="": retry(most - 1, more))
    said = seatrial("validate", "layered-retries", "--set", "tries=2", "--set", "layers=2")

    assert said.status == 1
    assert "FAIL" in said.out
    assert "2 of 2 rows not reproduced." in said.out
    as_json = seatrial("validate", "layered-retries", "--set", "tries=2", "--set", "layers=2", "--json")
    assert as_json.status == 1
    assert [row["z"] for row in as_json.json["rows"]] == [None, None]


def test_too_few_requests_are_told_from_a_wrong_engine() -> None:
    said = seatrial("validate", "md1", "--set", "requests=1000", "--set", "precision=0.01")

    assert said.status == 1
    assert "too coarse" in said.out
    assert "--set requests=N takes more" in said.out


def test_where_the_effort_cannot_be_set_less_precision_is_offered() -> None:
    said = seatrial(
        "validate", "adaptive-throttling", "--set", "capacity_per_s=2000", "--set", "precision=1e-9"
    )

    assert "too coarse" in said.out
    assert "--set precision=P asks for less" in said.out


def test_several_results_are_tried_by_child_processes() -> None:
    begun: list[str] = []
    done: list[str] = []
    names = ("layered-retries", "stall", "breaker")
    rows = findings_of_all(names, begun.append, done.append)

    assert sorted(begun) == sorted(done) == sorted(names)
    assert [name for name in names for row in rows if row.name == name] == [row.name for row in rows]
    assert Report.of(rows).passed


def test_a_child_process_that_fails_is_not_taken_for_an_answer() -> None:
    with pytest.raises(RuntimeError, match="there is no known result 'no-such-result'"):
        findings_of_all(("no-such-result",), lambda _: None, lambda _: None)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["erlang"], "there is no known result 'erlang'. Did you mean 'erlang-c'? There is: erlang-c, "),
        (["lru_cache"], "Did you mean 'lru-cache'?"),
        ([""], "there is no known result ''"),
        (["erlang-c", "--set", "rh=0.8"], "erlang-c, --set: rh: unknown key, did you mean 'rho'?"),
        (["erlang-c", "--set", "rho=1"], "must be at most 0.98"),
        (["erlang-c", "--set", "c=two"], "must be a whole number"),
        (["erlang-c", "--set", "c"], "'c' sets nothing. Write key=value."),
        (["erlang-c", "--set", "c=200", "--set", "rho=0.3"], "would take"),
        (["erlang-c", "--set", "c=1000", "--set", "rho=0.1"], "would take"),
        (["layered-retries", "--set", "tries=20", "--set", "layers=3"], "must be at most 256"),
        (["lru-cache", "--set", "capacity=1000"], "'capacity' must be less than 'items'"),
        (["retry-budget", "--set", "failure_rate=0.01"], "keeps the bucket from running empty"),
        (["metastable", "--set", "rate_per_s=299"], "must be at most 0.95 of 'served_per_s'"),
        (["metastable", "--set", "outage_mode=gone"], "allowed: lost, redeliver"),
        (["breaker", "--set", "open_s=0.3"], "must leave the probes"),
        (["stall", "--set", "stall_s=30"], "'stall_s' must be less than 'duration_s'"),
        (["--set", "c=2"], "--set needs to know which known result is meant. Give its name first."),
    ],
)
def test_wrong_names_and_parameters(line: list[str], told: str) -> None:
    assert told in seatrial("validate", *line).complaint


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_can_be_made_without_parameters(name: str) -> None:
    assert RESULTS[name]().name == name
    assert RESULTS[name].cases()
