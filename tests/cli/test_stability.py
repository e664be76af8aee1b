"""`seatrial stability`: a scenario's arithmetic, and a run's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import FIRST_DAY, seatrial


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stability") / "log.db"
    assert seatrial("run", "retry-storm", "--duration", "100", log=path).status == 0
    return path


def test_a_scenario_in_a_table_with_a_sentence_for_each_variant() -> None:
    said = seatrial("stability", "retry-storm")

    assert said.status == 0
    lines = [line.split() for line in said.out.splitlines()]
    assert ["Recovers", "below", "6.81", "per", "s", "22.70", "per", "s"] in lines
    assert "Prototype, 10 requests/s: may never come back." in said.out
    assert "With safeguards, 10 requests/s: comes back from any outage." in said.out
    assert "SIMULATED, seed 7" in said.out
    assert "What run" not in said.out


def test_other_settings_and_another_outage_as_json() -> None:
    found = seatrial(
        *("stability", "retry-storm", "--set", "traffic.rate_per_s=6", "--outage", "5", "--json")
    ).json

    assert found["run"] is None
    bare = found["variants"]["prototype"]
    assert (bare["offered_per_s"], bare["verdict"], bare["measured"]) == (6, "recovers", None)
    assert [each["outage_s"] for each in bare["expected"]] == [5]
    assert bare["expected"][0]["back_after_s"] == 0


def test_a_run_with_what_it_did(log: Path) -> None:
    said = seatrial("stability", "last", log=log)
    assert said.status == 0
    (line,) = [each for each in said.out.splitlines() if "Back after: The provider stands still (45" in each]
    assert "not in 35 s (expected: never)" in line

    found = seatrial("stability", "1", "--json", log=log).json
    assert found["run"] == 1
    (incident,) = found["variants"]["prototype"]["measured"]["incidents"]
    assert (incident["from_s"], incident["to_s"], incident["back_after_s"]) == (45, 65, None)


def test_wrong_input_is_said_to_be(log: Path) -> None:
    assert "there is no scenario 'retry-strom'" in seatrial("stability", "retry-strom").complaint
    assert "a run is as it was" in seatrial("stability", "1", "--set", "seed=2", log=log).complaint
    assert "no run 9" in seatrial("stability", "9", log=log).complaint


def test_every_variant_of_the_sample_can_be_asked_about() -> None:
    assert set(seatrial("stability", FIRST_DAY, "--json").json["variants"]) == {"prototype", "safeguarded"}
