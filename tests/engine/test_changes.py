"""Changes: a switch flipped while the run goes is the same as one that is planned, to the last row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.scenario.files import ScenarioFile, changed_text
from app.scenario.model import Change
from tests.engine.small import Small, scenario, small_runs
from tests.harness import Ran, opened

TABLES = """
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
first_token_s = 0.2

[[faults]]
kind = "server_error"
rate = 0.1

[[faults]]
kind = "outage"
outage_mode = "freeze"
from_s = 4
to_s = 6
on = false

[[faults]]
kind = "typos"
rate = 0.3
on = false

[variants.plain]
preset = "prototype"

[variants.careful]
preset = "safeguarded"
"""

Flip = tuple[float, str, Any]
"""At (s), path, value."""

FLIPS: list[tuple[str, Any]] = [
    ("traffic.rate_per_s", 25),
    ("traffic.rate_per_s", 0),
    ("traffic.factor", 0.5),
    ("traffic.repeat_rate", 0.8),
    ("tokens.max_tokens", 8),
    ("tokens.output_tokens", 18),
    ("patience_s", 1),
    ("duration_s", 12),
    ("faults.server_error.rate", 0.7),
    ("faults.server_error.on", False),
    ("faults.outage.on", True),
    ("faults.outage.to_s", 9),
    ("faults.typos.on", True),
    ("faults.late", {"kind": "hang", "rate": 0.2, "from_s": 5}),
    ("targets.primary.slots", 2),
    ("targets.primary.rpm", 120),
    ("targets.primary.quality", 0.2),
    ("targets.primary.on_cancel", "finish"),
    ("variants.careful.safeguards.cache.on", False),
    ("variants.careful.safeguards.deadline.total_s", 0.5),
    ("variants.careful.safeguards.breaker.failure_ratio", 0.05),
    ("variants.careful.safeguards.budget.per_run_usd", 0.001),
    ("variants.careful.safeguards.retry.max_retries", 0),
]

NOTHING_BY_ITSELF = ("faults.outage.to_s", "targets.primary.on_cancel")
"""What makes a difference only together with another one."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def busy(tables: str = TABLES, **more: Any) -> ScenarioFile:
    """Ten seconds of eight requests a second."""
    return scenario(
        tables,
        arrivals="poisson",
        rate_per_s=8,
        repeat_rate=0.3,
        primary="first_token_s = 0.4\ntokens_per_s = 20\nslots = 20",
        **more,
    )


def planned(file: ScenarioFile, flips: Sequence[Flip]) -> ScenarioFile:
    """The scenario with these changes written into it."""
    changes = [Change(at_s=at_s, set=path, value=value) for at_s, path, value in flips]
    return opened(changed_text(file.text, [], changes))


def flipped(small: Small, file: ScenarioFile, flips: Sequence[Flip], *, steps_us: Sequence[int] = ()) -> Ran:
    """A run in which somebody flips these switches as it goes, with stops on the way."""
    with small.begin(file) as (simulation, names):
        stops = [(round(at_s * 1e6) - 1, path, value) for at_s, path, value in flips]
        for at_us, path, value in sorted(
            [*stops, *((us, "", None) for us in steps_us)], key=lambda stop: stop[0]
        ):
            simulation.advance(at_us)
            if path:
                assert simulation.now_us == at_us
                simulation.change(path, value)
        while not simulation.done:
            simulation.advance(simulation.horizon_us())
        simulation.finish()
        return Ran(simulation, names, {})


def equal(one: Ran, other: Ran) -> None:
    """Both runs logged the same."""
    assert one.simulation.arrived_us == other.simulation.arrived_us
    assert one.simulation.events == other.simulation.events
    for world in one.simulation.worlds:
        assert one.requests(world.name) == other.requests(world.name)
        assert one.attempts(world.name) == other.attempts(world.name)


@pytest.mark.parametrize(("path", "value"), FLIPS, ids=[f"{path}={value}" for path, value in FLIPS])
def test_a_switch_flipped_while_the_run_goes_is_a_change_of_the_scenario(
    small: Small, path: str, value: Any
) -> None:
    flips = [(3.5, path, value)]
    live, written = flipped(small, busy(), flips), small.run(planned(busy(), flips))

    equal(live, written)
    untouched = small.run(busy())
    differs = any(live.requests(v) != untouched.requests(v) for v in ("plain", "careful"))
    assert differs is (path not in NOTHING_BY_ITSELF)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.integers(1, 99), st.sampled_from(FLIPS)), max_size=6),
    steps_us=st.lists(st.integers(0, 12_000_000), max_size=5),
)
def test_any_switches_in_any_order_with_stops_on_the_way(
    small: Small, flips: list[tuple[int, tuple[str, Any]]], steps_us: list[int]
) -> None:
    # Off the edges of the fault's schedule, which lie on whole seconds.
    at = [
        (tenths / 10 + 0.000_003, path, value)
        for tenths, (path, value) in sorted(flips, key=lambda flip: flip[0])
    ]
    equal(flipped(small, busy(), at, steps_us=steps_us), small.run(planned(busy(), at)))


def test_a_change_holds_from_its_very_microsecond(small: Small) -> None:
    # Requests arrive, and are sent, at 1 s, 2 s, 3 s, ...
    tables = '[[faults]]\nkind = "server_error"\nrate = 1\non = false\n'
    for at_s, first in ((3.0, 2), (3.000001, 3), (2.999999, 2)):
        ran = small.run(planned(scenario(tables), [(at_s, "faults.server_error.on", True)]))
        assert next(r["number"] for r in ran.requests("bare") if r["outcome"] == "failed") == first


def test_undo_is_another_change_and_restores_what_was(small: Small) -> None:
    once = [(3.0, "faults.server_error.rate", 0.9)]
    ran = small.run(planned(busy(), [*once, (6.0, "faults.server_error.rate", 0.1)]))
    plain = small.run(busy())

    assert [event.kind for event in ran.simulation.events] == ["change", "change"]
    early, late = ran.attempts("plain"), plain.attempts("plain")
    later = {a["key"]: a for a in late if a["started_us"] >= 6_000_000}
    again = {a["key"]: a for a in early if a["started_us"] >= 6_000_000}
    first_calls = [key for key in later if key in again and later[key]["sequence"] == 0]
    assert len(first_calls) > 20
    assert all(later[key] == again[key] for key in first_calls)
    assert ran.simulation.arrived_us == plain.simulation.arrived_us


def test_a_change_of_level_leaves_earlier_arrivals_where_they_were(small: Small) -> None:
    plain = small.run(busy()).simulation.arrived_us
    ran = small.run(planned(busy(), [(5.0, "traffic.rate_per_s", 40)]))
    arrived = ran.simulation.arrived_us

    before = [at_us for at_us in plain if at_us < 5_000_000]
    assert arrived[: len(before)] == before
    assert len([at_us for at_us in arrived if at_us >= 5_000_000]) > 150
    assert arrived[len(before)] >= 5_000_000


def test_and_what_they_asked_is_what_they_asked(small: Small) -> None:
    plain, ran = small.run(busy()), small.run(planned(busy(), [(5.0, "traffic.rate_per_s", 40)]))

    asked = [(r["number"], r["row"], r["prompt"]) for r in plain.requests("plain")]
    again = [(r["number"], r["row"], r["prompt"]) for r in ran.requests("plain")]
    assert again[: len(asked)] == asked


def test_requests_in_flight_keep_the_pipeline_they_began_with(small: Small) -> None:
    # Given calls that hang, and clients who wait 5 s until somebody makes it 1 s at 3.5 s
    tables = """
[[faults]]
kind = "hang"
rate = 1
[variants.bare]
[[variants.bare.safeguards]]
kind = "attempt_timeout"
attempt_s = 5
first_token_s = 5
[[changes]]
at_s = 3.5
set = "variants.bare.safeguards.attempt_timeout.attempt_s"
value = 1
"""
    ran = small.run(scenario(tables))

    waited = [(r["finished_us"] - r["intended_us"]) / 1e6 for r in ran.requests("bare")]
    assert waited == [5, 5, 5, 1, 1, 1, 1, 1, 1]


def test_a_retry_after_the_change_still_belongs_to_the_old_pipeline_and_meets_the_new_faults(
    small: Small,
) -> None:
    tables = """
[[faults]]
kind = "server_error"
rate = 1
after_s = 0
[variants.bare]
[[variants.bare.safeguards]]
kind = "retry"
max_retries = 1
base_s = 2
jitter = "none"
"""
    flips: list[Flip] = [
        (2.5, "variants.bare.safeguards.retry.on", False),
        (2.5, "faults.server_error.on", False),
    ]
    ran = small.run(planned(scenario(tables, duration_s=4), flips))

    assert [(r["outcome"], r["attempts"]) for r in ran.requests("bare")] == [
        ("good", 2),
        ("good", 2),
        ("good", 1),
    ]


def test_a_cache_that_was_off_for_a_while_knows_what_it_knew(small: Small) -> None:
    tables = '[variants.bare]\n[[variants.bare.safeguards]]\nkind = "cache"\n'
    file = scenario(tables, settings=("traffic.same_row_same_question=true",), duration_s=31)
    flips: list[Flip] = [
        (10.5, "variants.bare.safeguards.cache.on", False),
        (15.5, "variants.bare.safeguards.cache.on", True),
    ]
    ran = small.run(planned(file, flips))

    # Ten questions, of five rows and two prompts: what was asked while it was on is known, and what was not is not.
    known: set[tuple[int, int]] = set()
    for request in ran.requests("bare"):
        question = (request["prompt"], request["row"])
        off = 10 <= request["number"] < 15
        assert request["cache"] == ("off" if off else "hit" if question in known else "miss")
        if not off:
            known.add(question)


def test_a_breaker_and_a_budget_remember_too(small: Small) -> None:
    tables = """
[[faults]]
kind = "server_error"
rate = 1
after_s = 0
[variants.bare]
[[variants.bare.safeguards]]
kind = "breaker"
min_calls = 2
open_s = 100
"""
    ran = small.run(planned(scenario(tables), [(4.5, "variants.bare.safeguards.breaker.window_s", 10)]))
    assert [r["reason"] for r in ran.requests("bare")] == ["server_error"] * 2 + ["breaker_open"] * 7


@pytest.mark.parametrize(
    "path", ["seed", "prompts.path", "data.path", "variants.plain", "targets.primary", "changes"]
)
def test_what_cannot_change_while_a_run_goes_is_refused_and_the_run_goes_on(small: Small, path: str) -> None:
    with small.begin(busy()) as (simulation, _):
        simulation.advance(1_000_000)
        with pytest.raises(UserError, match="cannot change while a run goes"):
            simulation.change(path, 1)
        with pytest.raises(UserError):
            simulation.change("faults.server_error.rate", 2)
        with pytest.raises(UserError):
            simulation.change("faults.nowhere.rate", 1)
        simulation.advance(simulation.end_us)
        assert simulation.events == []
        assert len(simulation.worlds[0].request_rows) == simulation.offered
