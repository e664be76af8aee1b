"""What a run did after an incident: the rule on courses made by hand, and on a real run's log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.analysis.fault_bands import Band
from app.analysis.stability.figures import figures, verdict_of
from app.analysis.stability.measured import Course, measure
from app.analysis.stability.report import of_run, of_scenario
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.scenario.files import open_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog


def course(good: list[tuple[int, float]], per_s: int = 10) -> Course:
    """So many seconds each with this share of good answers."""
    shares = np.concatenate([np.full(seconds, share) for seconds, share in good])
    arrived = np.full(len(shares), per_s)
    return Course(arrived, arrived * 2, np.rint(arrived * shares).astype(np.int64))


class TestReturn:
    def test_it_is_back_when_a_whole_window_is_as_good_as_nine_tenths_of_before(self) -> None:
        found = measure(course([(50, 1.0), (30, 0.0), (60, 1.0)]), [Band(50, 60, "out")]).returns[0]
        # From 79 s on nine in ten of ten seconds are good.
        assert (found.after_s, found.well_before, found.watched_s) == (19, 1.0, 80)

    def test_what_was_never_better_than_half_is_back_at_nearly_half(self) -> None:
        found = measure(course([(50, 0.5), (10, 0.0), (60, 0.5)]), [Band(50, 60, "out")]).returns[0]
        assert (found.after_s, found.well_before) == (0, 0.5)

    def test_not_within_the_run(self) -> None:
        found = measure(course([(50, 1.0), (100, 0.3)]), [Band(50, 60, "out")]).returns[0]
        assert (found.after_s, found.watched_s) == (None, 90)

    def test_every_incident_is_held_against_what_was_before_the_first(self) -> None:
        bands = [Band(50, 60, "out"), Band(100, 110, "again")]
        found = measure(course([(50, 1.0), (100, 0.3)]), bands).returns
        assert [each.well_before for each in found] == [1.0, 1.0]
        assert [each.after_s for each in found] == [None, None]

    def test_without_a_before_it_cannot_be_told(self) -> None:
        found = measure(course([(60, 1.0)]), [Band(1, 10, "out")]).returns[0]
        assert (found.well_before, found.after_s) == (None, None)


def test_attempts_and_load_over_time() -> None:
    found = measure(course([(100, 1.0)]), [])
    assert (found.arrived_per_s, found.attempts_per_request, found.returns) == (10, 2, ())
    assert [each.from_s for each in found.steps] == list(range(0, 100, 10))
    nothing = measure(Course(*(np.zeros(5, np.int64),) * 3), [])
    assert nothing.attempts_per_request is nothing.most_attempts_per_request is None


@pytest.fixture(scope="module")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with a short storm: the outage at 20 s, ended by a switch and not by its schedule."""
    path = tmp_path_factory.mktemp("measured") / "log.db"
    settings = [
        *("duration_s=120", "faults.stall.from_s=20", "faults.stall.to_s="),
        'changes=[{at_s = 40, set = "faults.stall.on", value = false, label = "back"}]',
    ]
    with SessionLog.open(path) as log:
        run_scenario(Order(open_scenario("retry-storm", settings)), log, Control(), Listener())
    return path


def test_a_run_says_what_was_expected_and_what_happened(log_path: Path) -> None:
    with SessionLog.open(log_path) as log:
        report = of_run(RunReader(log, 1))
    bare, guarded = report.variants
    (incident,) = bare.incidents
    assert (incident.measured.from_s, round(incident.measured.to_s)) == (20, 40)
    assert incident.measured.after_s is None
    assert incident.expected is not None
    assert incident.expected.after_s is None
    assert incident.expected.trigger.outage_s == pytest.approx(20)
    assert guarded.incidents[0].measured.after_s is not None
    assert bare.measured is not None
    assert bare.measured.last_attempts_per_request == pytest.approx(3)

    # And in JSON, never is a null beside a word
    told = report.as_json()["variants"]["prototype"]
    assert told["verdict"] == "may not recover"
    assert told["measured"]["incidents"][0]["back_after_s"] is None
    assert told["measured"]["incidents"][0]["expected"]["recovers"] is False


def test_other_settings_may_be_asked_about_beside_what_a_run_did(log_path: Path) -> None:
    calm = open_scenario("retry-storm", ["variants.prototype.safeguards.retry.on=false"]).scenario
    with SessionLog.open(log_path) as log:
        report = of_run(RunReader(log, 1), settings=calm, outage_s=60)
    bare = report.variants[0]
    assert bare.assessment.verdict == "recovers"
    assert bare.assessment.recoveries[0].trigger.outage_s == 60
    assert bare.incidents[0].expected is not None
    assert bare.incidents[0].expected.after_s is None


def test_every_figure_has_a_formula_and_a_text_for_each_variant(log_path: Path) -> None:
    with SessionLog.open(log_path) as log:
        of_the_run = of_run(RunReader(log, 1))
    for report in (of_the_run, of_scenario(open_scenario("launch-day").scenario, "launch-day")):
        for figure in figures(report):
            assert figure.formula.endswith(".")
            assert len(figure.texts) == len(report.variants)
            assert all(figure.texts)
    assert verdict_of(of_the_run.variants[0]) == "Prototype, 10 requests/s: may never come back."
