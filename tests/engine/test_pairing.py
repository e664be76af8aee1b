"""Pairing: switching one fault off changes nothing but what that fault did.

The draws of everything else stay the same to the bit, and a request that nothing struck fares the same to
the last column of its row, where requests do not compete for anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from app.engine.attempt_plans import AttemptPlan, AttemptPlans
from app.engine.draws import Draws
from app.engine.plan import Plan
from app.engine.simulation import Simulation
from app.faults.fault_set import FaultSet
from app.safeguards.request import PlannedRequest
from app.scenario.files import ScenarioFile
from app.scenario.model import Scenario
from tests.engine.small import Small, scenario, small_runs
from tests.harness import opened

REQUESTS = 3_000
KINDS = {
    "server_error": "rate = 0.1",
    "hang": "rate = 0.05",
    "rate_limited": "rate = 0.1",
    "slow_first_token": "rate = 0.2",
    "truncated": 'rate = 0.1\nper = "request"',
    "brownout": "rate = 0.5\nperiod_s = 50\nbad_s = 10",
    "outage": "mean_between_s = 60\nmean_duration_s = 10",
    "typos": "rate = 0.2",
    "missing_field": "rate = 0.1\nperiod_s = 40\nbad_s = 20",
    "duplicate": "rate = 0.1",
}
OF_DATA = ("typos", "missing_field", "duplicate")

AMPLE = """
[targets.fallback]
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
[variants.sdk]
preset = "prototype"
[variants.careful]
[[variants.careful.safeguards]]
kind = "deadline"
[[variants.careful.safeguards]]
kind = "fallback"
[[variants.careful.safeguards]]
kind = "retry"
[[variants.careful.safeguards]]
kind = "attempt_timeout"
attempt_s = 8
first_token_s = 5
[[variants.careful.safeguards]]
kind = "answer_check"
[[variants.careful.safeguards]]
kind = "canned"
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def with_faults(*kinds: str, off: str = "", repeat_rate: float = 0.3) -> ScenarioFile:
    """A busy five minutes with these faults, one of them perhaps switched off."""
    tables = "".join(
        f'[[faults]]\nkind = "{kind}"\n{KINDS[kind]}\n{"on = false" if kind == off else ""}\n'
        for kind in kinds
    )
    return scenario(
        tables + AMPLE,
        duration_s=310,
        arrivals="poisson",
        rate_per_s=10,
        repeat_rate=repeat_rate,
        primary="first_token_s = 0.4\ntokens_per_s = 20",
    )


def fault_set(chosen: Scenario) -> FaultSet:
    """All faults of the scenario."""
    return FaultSet(chosen.faults, Draws(chosen.seed), [True] * len(chosen.faults))


def plans(chosen: Scenario) -> dict[tuple[str, int], list[AttemptPlan]]:
    """What the attempts of all requests would meet: by target and retry."""
    faults, draws = fault_set(chosen), Draws(chosen.seed)
    made = {}
    for name, target in chosen.targets.items():
        attempts = AttemptPlans(name, target, chosen.tokens, faults, draws)
        for retry in range(3):
            made[name, retry] = [attempts.plan(retry, 0, number) for number in range(REQUESTS)]
    return made


def requests_of(simulation: Simulation) -> list[PlannedRequest]:
    """The run's first requests as they are planned."""
    chosen = simulation.scenario
    planned = Plan(chosen, simulation.draws, simulation.questions, fault_set(chosen)).take(10**12)
    assert len(planned) >= REQUESTS
    return planned[:REQUESTS]


def kinds_in(chosen: Scenario, bits: int) -> set[str]:
    """The faults in a bit set, by kind."""
    return {fault.kind for fault in fault_set(chosen).chosen(bits)}


@pytest.mark.parametrize("gone", [kind for kind in KINDS if kind not in OF_DATA])
@pytest.mark.parametrize("how", ["switched off", "left out"])
def test_without_one_fault_no_attempt_meets_anything_else(gone: str, how: str) -> None:
    whole = with_faults(*KINDS).scenario
    rest = (
        with_faults(*KINDS, off=gone)
        if how == "switched off"
        else with_faults(*(k for k in KINDS if k != gone))
    )
    without = rest.scenario

    before, after = plans(whole), plans(without)

    assert before.keys() == after.keys()
    for role, attempts in before.items():
        assert [plan[:4] for plan in attempts] == [plan[:4] for plan in after[role]]
        struck = [kinds_in(whole, plan[4]) - {gone} for plan in attempts]
        assert struck == [kinds_in(without, plan[4]) - {gone} for plan in after[role]]
        assert any(struck)


@pytest.mark.parametrize("gone", KINDS)
def test_without_one_fault_the_same_requests_arrive_in_the_same_other_mess(small: Small, gone: str) -> None:
    # A duplicate asks what the request before it asked: only without repeats can one tell who is concerned.
    repeat_rate = 0.0 if gone == "duplicate" else 0.3
    with small.begin(with_faults(*KINDS, repeat_rate=repeat_rate)) as (simulation, _):
        whole, before = simulation.scenario, requests_of(simulation)
    with small.begin(with_faults(*KINDS, off=gone, repeat_rate=repeat_rate)) as (simulation, _):
        without, after = simulation.scenario, requests_of(simulation)

    compared = 0
    for one, other in zip(before, after, strict=True):
        assert one[:2] == other[:2]
        if gone == "duplicate" and "duplicate" in kinds_in(whole, one[6]):
            continue
        compared += 1
        assert (one[2].prompt, one[2].row, one[3], one[5]) == (
            other[2].prompt,
            other[2].row,
            other[3],
            other[5],
        )
        assert kinds_in(whole, one[6]) - {gone} == kinds_in(without, other[6])
        assert kinds_in(whole, one[2].mess) - {gone} == kinds_in(without, other[2].mess)
        if one[6] == other[6]:
            assert one[4] == other[4]
    assert compared > 0.85 * REQUESTS


@pytest.mark.parametrize("gone", KINDS)
def test_a_request_that_nothing_struck_fares_the_same_without_the_faults(small: Small, gone: str) -> None:
    faulty = small.run(with_faults(gone, repeat_rate=0))
    clean = small.run(with_faults(gone, off=gone, repeat_rate=0))

    for variant in ("sdk", "careful"):
        pairs = list(zip(faulty.requests(variant), clean.requests(variant), strict=True))
        untouched = [(one, other) for one, other in pairs if not one["faults"] and not one["mess"]]
        assert 0.3 * len(pairs) < len(untouched) < len(pairs)
        for one, other in untouched:
            assert one == other
        struck = [(one, other) for one, other in pairs if one["faults"] or one["mess"]]
        assert any(one != other for one, other in struck)
        assert not any(other["faults"] or other["mess"] for _, other in pairs)
        attempts = {a["key"]: a for a in clean.attempts(variant)}
        numbers = {one["number"] for one, _ in untouched}
        for attempt in faulty.attempts(variant):
            if attempt["number"] in numbers:
                assert attempts[attempt["key"]] == attempt


def test_variants_are_offered_the_same_and_struck_alike_at_their_first_call(small: Small) -> None:
    ran = small.run(with_faults(*KINDS, repeat_rate=0))
    one, other = ran.requests("sdk"), ran.requests("careful")
    columns = ("number", "intended_us", "row", "prompt", "mess")
    assert [[r[name] for name in columns] for r in one] == [[r[name] for name in columns] for r in other]

    first = [
        {a["number"]: a["fault"] for a in ran.attempts(v) if a["sequence"] == 0} for v in ("sdk", "careful")
    ]
    assert first[0] == first[1]
    assert np.mean([bool(fault) for fault in first[0].values()]) > 0.3


def test_removing_a_variant_leaves_the_others_as_they_were(small: Small) -> None:
    both = with_faults(*KINDS)
    text = both.text.replace('[variants.sdk]\npreset = "prototype"\n', "")
    alone = small.run(opened(text))
    together = small.run(both)

    def bare(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{name: value for name, value in row.items() if name != "key"} for row in rows]

    assert bare(alone.requests("careful")) == bare(together.requests("careful"))
    assert bare(alone.attempts("careful")) == bare(together.attempts("careful"))
