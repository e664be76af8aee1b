"""The bands behind the charts: when faults were on, whoever switched them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.analysis.fault_bands import FaultBands
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import parse_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.cli.commands import STEADY

FAULTS = """
[[faults]]
kind = "outage"
label = "Out"
from_s = 5
to_s = 10

[[faults]]
kind = "server_error"
id = "everyday"
rate = 0.1

[[faults]]
kind = "hang"
id = "never"
rate = 0
from_s = 1

[[faults]]
kind = "brownout"
id = "flapping"
from_s = 30
to_s = 36
period_s = 2
bad_s = 1.5
"""


def changes(*flips: tuple[float, str, str]) -> str:
    return "".join(
        f'[[changes]]\nat_s = {at_s}\nset = "{path}"\n' + (f"value = {value}\n" if value else "")
        for at_s, path, value in flips
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path_factory.mktemp("bands") / "log.db") as opened:
        yield opened


def bands(
    log: SessionLog, flips: str, *, until_s: float = 60, seen_s: float = 0.1
) -> list[tuple[float, float | None, str]]:
    """The bands of a run of the steady scenario with FAULTS and these changes."""
    text = STEADY.read_text(encoding="utf-8").partition("[[changes]]")[0]
    file = parse_scenario(f"{text}{FAULTS}{flips}", STEADY, ["duration_s=40"])
    reader = RunReader(log, run_scenario(Order(file), log, Control(), Listener()))
    followed = FaultBands(reader.record())
    followed.follow(reader.events())
    return [(band.from_s, band.to_s, band.label) for band in followed.bands(until_s, seen_s)]


FLAPPING = [(30.0, 31.5, "flapping"), (32.0, 33.5, "flapping"), (34.0, 35.5, "flapping")]


def test_scheduled_faults_have_bands_and_fixtures_have_none(log: SessionLog) -> None:
    assert bands(log, "") == [(5, 10, "Out"), *FLAPPING]


def test_gaps_that_nobody_could_see_are_closed(log: SessionLog) -> None:
    assert bands(log, "", seen_s=1) == [(5, 10, "Out"), (30, 35.5, "flapping")]


def test_of_what_is_still_on_the_end_is_not_known_yet(log: SessionLog) -> None:
    assert bands(log, "", until_s=7) == [(5, None, "Out")]
    assert bands(log, "", until_s=5) == []


def test_switched_off_and_on_in_mid_incident(log: SessionLog) -> None:
    flips = changes((7, "faults.outage.on", "false"), (8, "faults.outage.on", "true"))

    assert bands(log, flips)[:2] == [(5, 7, "Out"), (8, 10, "Out")]


def test_switched_on_too_late_there_is_nothing_to_show(log: SessionLog) -> None:
    flips = changes((7, "faults.outage.on", "false"), (12, "faults.outage.on", "true"))

    assert bands(log, flips) == [(5, 7, "Out"), *FLAPPING]


def test_a_fixture_shows_once_it_was_off(log: SessionLog) -> None:
    flips = changes(
        (1, "faults.everyday.rate", "0.2"),
        (3, "faults.everyday.on", "false"),
        (12, "faults.everyday.on", "true"),
        (13, "faults.everyday.rate", "0.3"),
    )

    assert (12, None, "everyday") in bands(log, flips)
    assert len(bands(log, flips)) == 5


def test_a_rate_of_zero_is_off_and_more_is_on(log: SessionLog) -> None:
    flips = changes((20, "faults.never.rate", "0.5"), (25, "faults.never.rate", "0"))

    assert (20, 25, "never") in bands(log, flips)


def test_a_fault_that_is_added_and_taken_away(log: SessionLog) -> None:
    flips = changes(
        (14, "faults.storm", '{ kind = "server_error", rate = 1, label = "A storm" }'),
        (16, "faults.storm", ""),
    )

    assert (14, 16, "A storm") in bands(log, flips)


def test_of_a_scenario_that_cannot_be_read_incidents_are_known_all_the_same(log: SessionLog) -> None:
    reader = RunReader(log, run_id_of_an_outage(log))
    followed = FaultBands(replace(reader.record(), scenario_toml="of = 'another version'"))

    followed.follow(reader.events())

    assert [(each.from_s, each.to_s) for each in followed.bands(60, 1)] == [(5, 10), (30, 35.5)]


def run_id_of_an_outage(log: SessionLog) -> int:
    text = STEADY.read_text(encoding="utf-8").partition("[[changes]]")[0]
    flip = changes((12, "faults.everyday.on", "false"))
    file = parse_scenario(f"{text}{FAULTS}{flip}", STEADY, ["duration_s=40", "faults.never.on=false"])
    return run_scenario(Order(file), log, Control(), Listener())
