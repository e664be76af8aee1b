"""Runs and variants compared, on real logs: settings, metrics, and requests saved and lost, counted by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.analysis.comparison import Comparison, MetricRow, Side, as_json, chosen_sides, compare
from app.analysis.comparison_text import as_text
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.scenario.files import open_scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from tests.engine.real_runs import SCENARIO as REAL_SCENARIO
from tests.engine.real_runs import run_real, servers
from tests.sessions.sample import write_run

SCENARIO = "support-assistant"
FEW = "duration_s=20"


def ran(
    log: SessionLog, *settings: str, order_data: Path | None = None, control: Control | None = None
) -> int:
    order = Order(open_scenario(SCENARIO, [FEW, *settings]), data=order_data)
    return run_scenario(order, log, control or Control(), Listener())


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SessionLog]:
    """1: as it comes; 2: half of all calls fail, no cache; 3: another seed; 4: longer; 5: twice the traffic."""
    with SessionLog.open(tmp_path_factory.mktemp("compare") / "log.db") as session_log:
        ran(session_log)
        ran(session_log, "faults.everyday_errors.rate=0.5", "variants.safeguarded.safeguards.cache.on=false")
        ran(session_log, "seed=8")
        ran(session_log, "duration_s=30")
        ran(session_log, "traffic.rate_per_s=16")
        yield session_log


def compared(log: SessionLog, *wanted: tuple[int, str | None]) -> Comparison:
    return compare(log, chosen_sides(log, wanted))


def changed(comparison: Comparison) -> dict[str, tuple[object, ...]]:
    return {each.path: each.values for each in comparison.differences if each.differs}


def row(comparison: Comparison, key: str) -> MetricRow:
    return next(each for each in comparison.metrics if each.metric.key == key)


def test_only_what_was_set_differently_is_a_difference(log: SessionLog) -> None:
    comparison = compared(log, (1, "safeguarded"), (2, "safeguarded"))

    assert changed(comparison) == {
        "faults.everyday_errors.rate": (0.004, 0.5),
        "safeguards.cache.on": (True, False),
    }
    assert any(each.path == "traffic.rate_per_s" and not each.differs for each in comparison.differences)


def test_a_variant_only_answers_for_its_own_safeguards(log: SessionLog) -> None:
    # The cache belongs to the other variant: between two prototypes it is no difference.
    assert list(changed(compared(log, (1, "prototype"), (2, "prototype")))) == ["faults.everyday_errors.rate"]


def test_a_safeguard_that_only_one_has_is_one_row(log: SessionLog) -> None:
    differences = changed(compared(log, (1, None)))

    assert differences["safeguards.deadline"][0] is None
    assert differences["safeguards.retry.jitter"] == ("sdk", "full")
    assert "safeguards.deadline.total_s" not in differences


def test_a_switch_flipped_while_the_run_went_is_a_difference(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "log.db") as log:
        # given a run as planned, and one in which two switches are flipped at its begin
        ran(log)
        control = Control()
        control.flip("traffic.repeat_rate", 0.5)
        control.flip("variants.safeguarded.safeguards.cache.on", False)
        ran(log, control=control)

        # then both are told of the variant they concern, with their time
        differences = changed(compared(log, (1, "safeguarded"), (2, "safeguarded")))
        flipped = {path.partition(": ")[2]: values for path, values in differences.items()}
        assert flipped == {"traffic.repeat_rate": (None, "0.5"), "safeguards.cache.on": (None, "off")}
        assert len(changed(compared(log, (1, "prototype"), (2, "prototype")))) == 1


def test_the_planned_changes_of_a_shorter_run_are_told_as_not_reached(log: SessionLog) -> None:
    paths = [each.path for each in compared(log, (1, None)).differences]
    values = {each.path: each.values for each in compared(log, (1, None)).differences}

    assert "change at 80 s: targets.primary.rpm" in paths
    assert values["change at 80 s: targets.primary.rpm"] == ("500 (not reached)",) * 2


def test_real_calls_beside_simulated_ones_are_told_with_where_they_went(tmp_path: Path) -> None:
    # given one scenario, once with real calls and once simulated
    with SessionLog.open(tmp_path / "log.db") as log, servers() as there:
        file = there.file(tmp_path, REAL_SCENARIO, "duration_s=0.3")
        real = run_real(log, file).run_id
        simulated = run_scenario(Order(file), log, Control(), Listener())
        first, second = there.urls

        comparison = compared(log, (real, "safe"), (simulated, "safe"))
        # then that is what differs, and in words, too
        assert changed(comparison) == {
            "calls": ("real", "simulated"),
            "calls.primary": (f"first-model at {first.removesuffix('/v1')}", None),
            "calls.fallback": (f"second-model at {second.removesuffix('/v1')}", None),
        }
        assert "SIMULATED beside REAL CALLS" in as_text(comparison)
        # and the variants of one run are alike in it
        alike = compared(log, (real, "bare"), (real, "safe")).differences
        assert not any(each.differs for each in alike if each.path.startswith("calls"))


def test_saved_and_lost_are_exactly_the_requests_whose_outcome_differs(log: SessionLog) -> None:
    (pairing,) = compared(log, (1, None)).pairings

    # given the outcomes, read one by one
    reader = RunReader(log, 1)
    good = {
        name: {each.number for each in reader.each_request(name) if each.outcome == "good"}
        for name in ("prototype", "safeguarded")
    }
    assert pairing.paired
    assert pairing.saved.tolist() == sorted(good["safeguarded"] - good["prototype"])
    assert pairing.lost.tolist() == sorted(good["prototype"] - good["safeguarded"])
    assert pairing.good_in_both == len(good["prototype"] & good["safeguarded"])


def test_half_of_the_calls_failing_loses_requests(log: SessionLog) -> None:
    (pairing,) = compared(log, (1, "prototype"), (2, "prototype")).pairings

    assert pairing.lost.size > pairing.saved.size


def test_other_seeds_are_no_pairs_and_say_so(log: SessionLog) -> None:
    (pairing,) = compared(log, (1, None), (3, None)).pairings

    assert not pairing.paired
    assert pairing.why.startswith("The seeds differ (7 and 8)")
    assert pairing.saved.size == pairing.lost.size == 0


def test_the_same_seed_with_other_traffic_is_no_pair(log: SessionLog) -> None:
    (pairing,) = compared(log, (1, None), (5, None)).pairings

    assert not pairing.paired
    assert "request 0 is the first that arrives at another time" in pairing.why


def test_a_longer_run_is_paired_as_far_as_the_shorter_goes(log: SessionLog) -> None:
    (pairing,) = compared(log, (1, "prototype"), (4, "prototype")).pairings

    assert pairing.paired
    assert pairing.common == RunReader(log, 1).record().offered
    assert pairing.only_side == RunReader(log, 4).record().offered - pairing.common > 0
    assert pairing.saved.size == pairing.lost.size == 0  # the longer run begins as the shorter one does


def test_the_same_row_of_other_data_is_no_pair(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "log.db") as log:
        for text in ("the first", "the second"):
            data = tmp_path / "rows.csv"
            columns = "question,customer,plan,order_id,date,expected_intent"
            data.write_text(f"{columns}\n{text},Ann,free,1,2026-01-01,gift_card\n", encoding="utf-8")
            ran(log, "duration_s=3", order_data=data)

        (pairing,) = compared(log, (1, None), (2, None)).pairings
        assert pairing.why.startswith("Row 1 of the data has other values in each run")


def test_metrics_name_best_and_worst_where_one_direction_is_better(log: SessionLog) -> None:
    comparison = compared(log, (2, "prototype"), (1, "prototype"))

    good = row(comparison, "good_rate")
    assert (good.best, good.worst) == (frozenset({1}), frozenset({0}))
    assert good.differences[0] == 0
    assert good.differences[1] == pytest.approx((good.values[1] or 0) - (good.values[0] or 0))
    assert row(comparison, "requests").best == row(comparison, "cost_usd").best == frozenset()
    assert row(comparison, "answer_s.p99").few == (True, True)  # 160 requests; 299 are needed
    assert row(comparison, "answer_s.p95").few == (False, False)


def test_no_answer_is_worse_than_any_answer(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "log.db") as log:
        ran(log)
        ran(log, "faults.outage.from_s=0", "faults.outage.to_s=20")
        comparison = compared(log, (1, "prototype"), (2, "prototype"))

    answer = row(comparison, "answer_s.p95")
    assert answer.values[1] == float("inf")
    assert answer.worst == frozenset({1})
    entry = next(each for each in as_json(comparison)["metrics"] if each["key"] == "answer_s.p95")
    assert (entry["values"][1], entry["endless"], entry["differences"][1]) == (None, [False, True], None)
    assert "no answer worst" in as_text(comparison)


@pytest.mark.parametrize(
    ("wanted", "sides"),
    [
        ([(1, None)], [Side(1, "prototype"), Side(1, "safeguarded")]),
        ([(1, None), (2, None)], [Side(1, "safeguarded"), Side(2, "safeguarded")]),
        ([(1, "prototype"), (2, None)], [Side(1, "prototype"), Side(2, "safeguarded")]),
    ],
)
def test_which_sides_are_meant(
    wanted: Sequence[tuple[int, str | None]], sides: Sequence[Side], log: SessionLog
) -> None:
    assert chosen_sides(log, wanted) == sides


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ([(1, "prototype")], "1 side is given, and 2 to 4 can be compared"),
        ([(1, None), (1, None)], "named twice"),
        ([(1, None), (9, None)], "There is no run 9"),
        ([(1, "x"), (2, None)], "Run 1 has no variant 'x'. It has prototype, safeguarded."),
        ([(each, None) for each in (1, 2, 3, 4, 5)], "5 sides are given"),
    ],
)
def test_sides_that_cannot_be_compared(
    wanted: Sequence[tuple[int, str | None]], told: str, log: SessionLog
) -> None:
    with pytest.raises(UserError) as raised:
        chosen_sides(log, wanted)
    assert told in str(raised.value)


def test_a_scenario_that_cannot_be_read_costs_only_the_settings(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "log.db") as log:
        write_run(log)
        comparison = compared(log, (1, None))

    assert comparison.differences == ()
    assert comparison.notes[0].startswith("The settings of run 1 cannot be compared")
    assert row(comparison, "requests").values == (100, 100)


def test_whoever_waits_can_give_up(log: SessionLog) -> None:
    told: list[tuple[float, float]] = []

    def check(done: float, total: float) -> None:
        told.append((done, total))
        if done >= total:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        compare(log, chosen_sides(log, [(1, None)]), check)
    assert [done / total for done, total in told] == [0.5, 1]
