"""Trouble, complaints and alerts of a run: when they are told, that nothing else depends on them, and that they are the same
however the run goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engine.control import Control
from app.engine.draws import Draws
from app.engine.events import Event
from app.engine.run import Listener, Order, Progress, run_scenario
from app.scenario.assumptions import assumptions
from app.scenario.export import scenario_text
from app.scenario.files import ScenarioFile, parse_scenario
from app.sessions.exporting import export_run
from app.sessions.importing import import_run
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.engine.small import Small, scenario, small_runs

COMPLAINTS = "\n[complaints]\nper_bad_outcome = 1\nmean_delay_s = 20\nto_notice = 3\n"
OUTAGE = """
[[faults]]
kind = "server_error"
label = "Out"
rate = 1
from_s = 30
to_s = 60
"""
WATCHED = """
[variants.bare]
[variants.watched]
[[variants.watched.safeguards]]
kind = "monitoring"
rules = [{ kind = "error_rate", window_s = 10, above_rate = 0.5, for_s = 2, min_requests = 1 }]
"""
TROUBLED = COMPLAINTS + OUTAGE + WATCHED


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as made:
        yield made


def watched(tables: str = TROUBLED, **given: Any) -> ScenarioFile:
    return scenario(tables, **{"duration_s": 120, "rate_per_s": 1, **given})


def told(events: list[Event], variant: str | None = None) -> list[tuple[str, float]]:
    return [
        (event.kind, event.at_us / 1e6)
        for event in events
        if variant is None or event.details.get("variant") == variant
    ]


def test_trouble_alert_and_complaints_are_told_when_they_can_be_known(small: Small) -> None:
    # Given a request every second, served within a second, and an outage for those that arrive from 30 s to 59 s
    events = small.run(watched()).simulation.events
    # Then trouble is told once 3 have failed within ten seconds, of which they are 30 % (the first at 30 s),
    # and it has ended with 60 s: it is told when less than 20 % of the last 30 s have failed.
    bare = [event for event in events if event.details.get("variant") == "bare"]
    begin, end = (
        next(each for each in bare if each.kind == kind) for kind in ("trouble_begin", "trouble_end")
    )
    assert (begin.at_us, begin.details["onset_s"]) == (33_000_000, 30)
    assert (end.details["onset_s"], end.details["end_s"]) == (30, 60)
    assert end.at_us == 85_000_000  # 5 of 30, at 84 s 6 of 30 had failed
    # With monitoring there is an alert two seconds after 36 s, when 6 of 11 had failed in ten seconds; it ends two seconds
    # after 66 s, when 4 of 9 had. (Who arrives at 60 s has an answer at 61 s.)
    alerts = [(kind, at_s) for kind, at_s in told(events, "watched") if kind.startswith("alert")]
    assert alerts == [("alert", 38), ("alert_end", 68)]
    assert not any(kind.startswith("alert") for kind, _ in told(events, "bare"))
    # Customers are the same in both: so are their complaints.
    noticed = [event for event in events if event.kind == "complaint_noticed"]
    assert [event.details["variant"] for event in noticed] == ["bare", "watched"]
    assert noticed[0].at_us == noticed[1].at_us


def test_a_complaint_is_drawn_by_the_number_of_its_request(small: Small) -> None:
    # Given that everybody complains whose request failed, each after a time of their own
    events = small.run(watched()).simulation.events
    noticed = next(event for event in events if event.kind == "complaint_noticed")
    draws = Draws(1)
    # Then the third complaint is the third smallest of these times, at the end of its second
    failed = range(29, 59)  # request 0 arrives at 1 s and fails at once
    delays = [-np.log1p(-draws.one("complaint.delay", None, number)) * 20 for number in failed]
    due = sorted(number + 1 + delay for number, delay in zip(failed, delays, strict=True))
    assert noticed.at_us / 1e6 == np.ceil(due[2])


def test_who_never_complains_is_never_heard(small: Small) -> None:
    quiet = watched(settings=("complaints.per_bad_outcome=0",))
    assert "complaint_noticed" not in dict(told(small.run(quiet).simulation.events))


def test_a_calm_run_has_no_trouble(small: Small) -> None:
    assert small.run(watched(COMPLAINTS + WATCHED)).simulation.events == []


def test_nobody_watches_unless_asked_to_and_no_row_depends_on_it(small: Small) -> None:
    # Given the same run with complaints and monitoring, and without
    bare = small.run(watched(OUTAGE + "[variants.bare]\n[variants.watched]\n"))
    seen = small.run(watched())
    # Then there are no events of variants in it, and its rows are the same
    assert {kind for kind, _ in told(bare.simulation.events)} == {"incident_begin", "incident_end"}
    for variant in ("bare", "watched"):
        assert bare.rows(variant) == seen.rows(variant)


@pytest.mark.parametrize("step_us", [100_000, 333_333, 1_000_000, 7_654_321, 500_000_000])
def test_events_are_the_same_in_the_same_order_however_the_run_is_cut_into_pieces(
    small: Small, step_us: int
) -> None:
    whole = small.run(watched(rate_per_s=7, arrivals="poisson")).simulation.events
    with small.begin(watched(rate_per_s=7, arrivals="poisson")) as (simulation, _):
        while not simulation.done:
            simulation.advance(simulation.now_us + step_us)
        simulation.finish()
        last_us = simulation.now_us
        pieces = simulation.events
    assert len(whole) >= 10
    upto = [event for event in whole if event.at_us <= last_us]
    assert pieces[: len(upto)] == upto
    assert [event.at_us for event in whole] == sorted(event.at_us for event in whole)


def test_monitoring_that_is_switched_on_in_mid_run_sees_what_comes_after_and_switched_off_ends_its_alerts(
    small: Small,
) -> None:
    # Given a run that nobody watches, in an outage from 30 s on
    with small.begin(watched(OUTAGE + "[variants.bare]\n")) as (simulation, _):
        simulation.advance(40_000_000)
        # When monitoring is switched on, then an alert tells of it, on what has come since;
        rules = [{"kind": "error_rate", "window_s": 10, "min_requests": 5, "for_s": 0}]
        simulation.change("variants.bare.safeguards", [{"kind": "monitoring", "rules": rules}])
        simulation.advance(50_000_000)
        assert ("alert", 45.0) in told(simulation.events)
        # switched off, the alert ends with that.
        event = simulation.change("variants.bare.safeguards.monitoring.on", False)
        assert ("alert_end", event.at_us / 1e6) in told(simulation.events)
        simulation.advance(120_000_000)
        assert sum(kind == "alert" for kind, _ in told(simulation.events)) == 1


def test_a_change_of_something_else_leaves_an_alert_as_it_is(small: Small) -> None:
    # Given an alert, when the customers' patience changes, then it is still on, and ends when its condition does.
    planned = '\n[[changes]]\nat_s = 50\nset = "patience_s"\nvalue = 29\n'
    there, changed = (small.run(watched(TROUBLED + each)).simulation.events for each in ("", planned))
    assert told(there, "watched") == told(changed, "watched")


def test_money_spent_stays_spent_when_the_rule_about_it_is_changed(small: Small) -> None:
    # Given 110 tokens a second at 1 USD a million, and a rule whose threshold is raised after 60 s
    tables = """
[variants.watched]
[[variants.watched.safeguards]]
kind = "monitoring"
rules = [{ kind = "budget_left", per_run_usd = 0.011, below_share = 0.1, for_s = 0 }]
[[changes]]
at_s = 60
set = "variants.watched.safeguards.monitoring.rules"
value = [{ kind = "budget_left", per_run_usd = 0.011, below_share = 0.3, for_s = 0 }]
"""
    events = small.run(watched(tables)).simulation.events
    # Then less than 30 % is left when the 71st has ended, and not after as many since the change
    (alert,) = (event for event in events if event.kind == "alert")
    assert alert.at_us == 73_000_000


def test_what_is_assumed_of_complaints_is_listed() -> None:
    paths = [path for path, _, _ in assumptions(watched().scenario)]
    assert "complaints.per_bad_outcome" in paths
    paths = [path for path, _, _ in assumptions(watched(WATCHED).scenario)]
    assert "complaints.mean_delay_s" in paths
    assert not any("complaint" in path for path, _, _ in assumptions(watched("").scenario))


# -- runs in a log ---------------------------------------------------------------------------------------------------

FULL = """
title = "Watched"
seed = 3
duration_s = 90
drain_s = 20
[traffic]
rate_per_s = 12
[targets.primary]
slots = 40
quality = 0.95
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 2 }
[[faults]]
kind = "malformed_json"
rate = 0
[complaints]
mean_delay_s = 15
[[answers]]
[answers.schema]
type = "object"
required = ["reply"]
[answers.schema.properties]
reply = { type = "string" }
[[checks]]
kind = "json_schema"
id = "form"
[checks.schema]
type = "object"
[[checks]]
kind = "json_schema"
id = "truth"
scores = "truth"
[checks.schema]
type = "object"
[variants.prototype]
preset = "prototype"
[variants.watched]
[[variants.watched.safeguards]]
kind = "monitoring"
rules = [{ kind = "wrong_rate" }, { kind = "burn_rate" }]
"""


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.db") as opened:
        yield opened


def run_of(log: SessionLog, text: str, speed: float | None = None, *, flip: bool = False) -> RunReader:
    control = Control(speed)
    flips: list[tuple[float, Any]] = [(20, 0.7), (30, 0)] if flip else []
    """After so many seconds since the last, however late that was: machines may be busy."""
    since_us = 0

    def act(progress: Progress) -> None:
        nonlocal since_us
        if flips and progress.virtual_us - since_us >= flips[0][0] * 1e6:
            control.flip("faults.malformed_json.rate", flips.pop(0)[1])
            since_us = progress.virtual_us

    order = Order(parse_scenario(text, Path("watched.toml").resolve()))
    return RunReader(log, run_scenario(order, log, control, Listener(progress=act)))


PLANNED = """
[[changes]]
at_s = 20
set = "faults.malformed_json.rate"
value = 0.7
[[changes]]
at_s = 55.5
set = "faults.malformed_json.rate"
value = 0
"""


def test_a_paced_run_tells_the_same_as_one_at_full_speed(log: SessionLog) -> None:
    fast, paced = run_of(log, FULL + PLANNED), run_of(log, FULL + PLANNED, 60)
    assert fast.events() == paced.events()
    kinds = [event.kind for event in fast.events() if event.variant == "watched"]
    assert {"alert", "alert_end", "trouble_begin", "trouble_end", "complaint_noticed"} <= set(kinds)


def test_a_switched_run_exports_as_a_scenario_that_tells_the_same(log: SessionLog) -> None:
    first = run_of(log, FULL, 30, flip=True)
    again = run_of(log, scenario_text(first))
    assert [event.kind for event in first.events()].count("change") == 2
    assert any(event.kind == "alert" for event in first.events())
    assert again.events() == first.events()


def test_events_survive_export_and_import(log: SessionLog, tmp_path: Path) -> None:
    here = run_of(log, FULL + PLANNED)
    export_run(log, here.run_id, tmp_path / "run.zip")
    with SessionLog.open(tmp_path / "other.db") as elsewhere:
        there = RunReader(elsewhere, import_run(elsewhere, tmp_path / "run.zip"))
        assert there.events() == here.events()
        variants = {row[0] for row in elsewhere.db.execute("select variant from events where kind = 'alert'")}
    assert variants == {"watched"}
