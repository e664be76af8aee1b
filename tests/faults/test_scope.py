"""Scope and schedule through the engine: whom a fault strikes, and from which microsecond to which."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.errors import UserError
from app.faults.schedule import FOREVER_US
from tests.engine.small import Small, scenario, small_runs

TWO_TARGETS = """
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
service = "constant"
service_s = 1
[[variants.bare.safeguards]]
kind = "fallback"
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def fault(more: str) -> str:
    """A fault that fails every call it may strike."""
    return f'[[faults]]\nkind = "server_error"\nafter_s = 0\n{more}\n'


def test_a_fault_strikes_the_targets_it_names(small: Small) -> None:
    ran = small.run(scenario(TWO_TARGETS + fault('rate = 1\ntargets = ["primary"]')))
    assert {r["served_by"] for r in ran.requests("bare")} == {"fallback"}

    ran = small.run(scenario(TWO_TARGETS + fault('rate = 1\ntargets = ["fallback"]')))
    assert {r["served_by"] for r in ran.requests("bare")} == {"primary"}

    ran = small.run(scenario(TWO_TARGETS + fault("rate = 1")))
    assert {r["served_by"] for r in ran.requests("bare")} == {"nobody"}


def test_a_fault_strikes_the_variants_it_names(small: Small) -> None:
    ran = small.run(scenario(fault('rate = 1\nvariants = ["other"]') + "[variants.bare]\n[variants.other]\n"))

    assert {r["outcome"] for r in ran.requests("bare")} == {"good"}
    assert {r["outcome"] for r in ran.requests("other")} == {"failed"}
    assert ran.faults["bare"] == {}
    assert ran.faults["other"] == {"server_error": 9}


def test_a_fault_strikes_the_prompts_it_names(small: Small) -> None:
    ran = small.run(scenario(fault('rate = 1\nprompts = ["sort"]'), duration_s=60))
    requests = ran.requests("bare")

    assert {r["prompt"] for r in requests} == {0, 1}
    for each in requests:
        assert each["outcome"] == ("failed" if each["prompt"] == 1 else "good")
        assert each["faults"] == ("server_error" if each["prompt"] == 1 else "")


@pytest.mark.parametrize(
    ("rule", "rows"),
    [('equals = " LARGE "', {1, 3}), ('equals = "larg"', set()), ('contains = "MAL"', {0, 2, 4})],
)
def test_a_fault_strikes_rows_that_match(small: Small, rule: str, rows: set[int]) -> None:
    ran = small.run(scenario(fault(f'match = {{ column = "plan", {rule} }}'), duration_s=20))
    assert {r["row"] for r in ran.requests("bare") if r["outcome"] == "failed"} == rows


def test_a_rule_and_a_rate_must_both_hold(small: Small) -> None:
    tables = fault('rate = 0.5\nmatch = { column = "plan", equals = "large" }')
    ran = small.run(scenario(tables, duration_s=300))
    struck = [r["row"] for r in ran.requests("bare") if r["faults"]]

    assert set(struck) == {1, 3}
    assert 30 < len(struck) < 90


def test_a_name_that_does_not_exist_is_told(small: Small) -> None:
    with pytest.raises(UserError, match="there is no 'nowhere'"):
        scenario(fault('rate = 1\ntargets = ["nowhere"]'))


def test_a_window_holds_for_what_starts_in_it_to_the_microsecond(small: Small) -> None:
    # Calls start at 1 s, 2 s, 3 s, ...
    for begin, end, struck in (
        ("3", "5", [2, 3]),
        ("2.999999", "5.000001", [2, 3, 4]),
        ("3.000001", "5", [3]),
    ):
        ran = small.run(scenario(fault(f"rate = 1\nfrom_s = {begin}\nto_s = {end}")))
        assert [r["number"] for r in ran.requests("bare") if r["outcome"] == "failed"] == struck


def test_flapping_strikes_in_every_period(small: Small) -> None:
    ran = small.run(scenario(fault("rate = 1\nperiod_s = 4\nbad_s = 1.5\nphase_s = 1"), duration_s=14))
    # Bad in [1, 2.5), [5, 6.5), [9, 10.5), [13, 14.5).
    assert [r["number"] + 1 for r in ran.requests("bare") if r["outcome"] == "failed"] == [
        1,
        2,
        5,
        6,
        9,
        10,
        13,
    ]


def test_incidents_strike_all_variants_at_once_and_are_told(small: Small) -> None:
    tables = """
[[faults]]
kind = "outage"
hang_share = 0
mean_between_s = 30
mean_duration_s = 8
[variants.one]
[variants.two]
"""
    ran = small.run(scenario(tables, duration_s=200))
    edges = [(event.kind, event.at_us) for event in ran.simulation.events if event.at_us <= 200_000_000]
    begins = [at_us for kind, at_us in edges if kind == "incident_begin"]
    ends = [at_us for kind, at_us in edges if kind == "incident_end"] + [FOREVER_US]

    assert len(begins) > 1
    for variant in ("one", "two"):
        for each in ran.requests(variant):
            bad = any(begin <= each["intended_us"] < end for begin, end in zip(begins, ends, strict=False))
            assert each["outcome"] == ("failed" if bad else "good")


def test_shortening_a_run_moves_no_incident_and_another_seed_does(small: Small) -> None:
    tables = '[[faults]]\nkind = "outage"\nmean_between_s = 20\nmean_duration_s = 5\n'

    def incidents(**settings: float) -> list[tuple[str, int]]:
        ran = small.run(
            scenario(tables, duration_s=settings.get("duration_s", 120), seed=int(settings.get("seed", 1)))
        )
        return [(e.kind, e.at_us) for e in ran.simulation.events if e.at_us < 60_000_000]

    assert incidents() == incidents(duration_s=60)
    assert incidents() != incidents(seed=2)


def test_a_fault_can_be_switched_off_and_on_again(small: Small) -> None:
    with small.begin(scenario(fault("rate = 1"))) as (simulation, _):
        for at_s, on in ((2.5, False), (5.5, True), (7.5, False)):
            simulation.advance(round(at_s * 1e6))
            simulation.change("faults.server_error.on", on)
        simulation.advance(simulation.end_us)
        rows = simulation.worlds[0].request_rows
    assert [row[8] for row in sorted(rows, key=lambda row: row[0] or 0)] == [0, 0, 4, 4, 4, 0, 0, 4, 4]
