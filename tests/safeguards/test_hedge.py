"""Hedging: the first answer wins, the loser is cancelled and billed, and whatever it held is given back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UserError
from app.safeguards.breaker import BreakerLayer
from app.safeguards.concurrency import ConcurrencyLayer
from app.safeguards.hedge import HedgeLayer, Times
from tests.engine.small import Small, scenario, small_runs
from tests.harness import Ran

EXPONENTIAL = 'service = "exponential"\nservice_s = 1'


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def hedged(
    small: Small,
    safeguards: str,
    *,
    tables: str = "",
    primary: str = EXPONENTIAL,
    duration_s: float = 200,
    rate_per_s: float = 1,
) -> Ran:
    variant = f"\n[variants.any]\nsafeguards = [{safeguards}]\n"
    return small.run(
        scenario(tables + variant, primary=primary, duration_s=duration_s, rate_per_s=rate_per_s)
    )


def by_request(ran: Ran) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    attempts = ran.attempts("any")
    return [
        (request, [each for each in attempts if each["number"] == request["number"]])
        for request in ran.requests("any")
    ]


def test_the_first_answer_wins_and_the_loser_is_cancelled_and_billed(small: Small) -> None:
    ran = hedged(small, '{ kind = "hedge", after_s = 0.7 }')
    won = {"primary": 0, "hedge": 0}
    for request, attempts in by_request(ran):
        assert request["outcome"] == "good"
        if len(attempts) == 1:
            assert request["finished_us"] - request["intended_us"] <= 700_000
            continue
        first, second = attempts
        assert (first["hedge"], second["hedge"], second["reason"]) == (0, 1, "hedge")
        assert second["started_us"] == first["started_us"] + 700_000
        assert first["finished_us"] == second["finished_us"] == request["finished_us"]
        (winner,) = (each for each in attempts if not each["error"])
        (loser,) = (each for each in attempts if each["error"])
        assert loser["error"] == "cancelled"
        assert loser["billed"]
        assert loser["cost_pico"] >= 100 * 1_000_000, "its prompt was read"
        assert request["cost_pico"] == winner["cost_pico"] + loser["cost_pico"]
        assert request["served_by"] == ("hedge" if winner["hedge"] else "primary")
        won[request["served_by"]] += 1
    assert min(won.values()) > 20


def test_a_call_that_fails_before_the_time_is_not_hedged(small: Small) -> None:
    fault = '[[faults]]\nkind = "server_error"\nid = "down"\nrate = 1\n'
    ran = hedged(small, '{ kind = "hedge", after_s = 2 }', tables=fault, duration_s=20)
    assert all(len(attempts) == 1 for _, attempts in by_request(ran))
    assert {request["reason"] for request in ran.requests("any")} == {"server_error"}


def test_a_hedge_rescues_what_hangs(small: Small) -> None:
    fault = '[[faults]]\nkind = "hang"\nid = "stuck"\nrate = 0.5\n'
    ran = hedged(small, '{ kind = "deadline", total_s = 30 }, { kind = "hedge", after_s = 5 }', tables=fault)
    requests = by_request(ran)
    hung = [attempts for _, attempts in requests if attempts[0]["fault"]]
    rescued = [
        request for request, attempts in requests if len(attempts) == 2 and request["outcome"] == "good"
    ]
    assert 60 < len(hung) < 140
    assert len(hung) / 4 < len(rescued) < len(hung) * 3 / 4
    # A call that hangs is never billed, cancelled or not.
    assert all(not each["billed"] for each in ran.attempts("any") if each["fault"])
    failed = [request for request, _ in requests if request["outcome"] == "failed"]
    assert {request["reason"] for request in failed} == {"deadline_exceeded"}


def test_each_branch_has_its_own_retries(small: Small) -> None:
    fault = '[[faults]]\nkind = "server_error"\nid = "down"\nrate = 0.6\nafter_s = 1.5\n'
    ran = hedged(
        small,
        '{ kind = "hedge", after_s = 1 }, { kind = "retry", max_retries = 2, base_s = 0.2, jitter = "none" }',
        tables=fault,
    )
    roles = {(each["hedge"], each["retry"]) for each in ran.attempts("any")}
    assert roles == {(hedge, retry) for hedge in (0, 1) for retry in (0, 1, 2)}
    assert any(each["hedge"] == 1 and each["reason"] == "retry: server_error" for each in ran.attempts("any"))


def test_what_a_branch_that_lost_went_through_is_not_why_another_one_answered(small: Small) -> None:
    # Given calls that often fail, and next to no retries to share between the branches
    fault = '[[faults]]\nkind = "server_error"\nid = "down"\nrate = 0.5\nafter_s = 0.3\n'
    ran = hedged(
        small,
        '{ kind = "hedge", after_s = 0.2 }, { kind = "retry" }, '
        '{ kind = "retry_budget", max_tokens = 1, min_per_s = 0.1, ratio = 0 }',
        tables=fault,
        primary='service = "constant"\nservice_s = 1',
    )

    # Then only who got no answer reads that there was none left
    reasons = {
        served: {
            request["reason"]
            for request in ran.requests("any")
            if (request["served_by"] == "nobody") == (served == "no")
        }
        for served in ("yes", "no")
    }
    assert reasons == {"yes": {""}, "no": {"retry budget empty"}}


def test_more_calls_than_the_log_has_numbers_for_are_refused() -> None:
    safeguards = '{ kind = "hedge", max_hedges = 5 }, { kind = "retry", max_retries = 63 }'
    with pytest.raises(UserError, match="multiply to 384 calls for one request; at most 256 are allowed"):
        scenario(f"\n[variants.any]\nsafeguards = [{safeguards}]\n")


def test_more_than_one(small: Small) -> None:
    fault = '[[faults]]\nkind = "hang"\nid = "stuck"\nrate = 1\n'
    ran = hedged(
        small,
        '{ kind = "deadline", total_s = 30 }, { kind = "hedge", after_s = 2, max_hedges = 3 }',
        tables=fault,
        duration_s=10,
    )
    for request, attempts in by_request(ran):
        starts = [each["started_us"] - request["intended_us"] for each in attempts]
        assert starts == [0, 2_000_000, 4_000_000, 6_000_000]
        assert request["finished_us"] - request["intended_us"] == 30_000_000


def test_places_and_probes_of_the_losers_are_given_back(small: Small) -> None:
    safeguards = (
        '{ kind = "hedge", after_s = 0.3, max_hedges = 2 }, { kind = "breaker", min_calls = 2, open_s = 1 }, '
        '{ kind = "concurrency", max_in_flight = 3, max_queue = 50, max_wait_s = 3 }'
    )
    fault = '[[faults]]\nkind = "server_error"\nid = "down"\nrate = 0.3\n'
    ran = hedged(small, safeguards, tables=fault, rate_per_s=4)
    world = next(world for world in ran.simulation.worlds if world.name == "any")
    layers = {layer.kind: layer for layer in world.pipeline.layers}
    concurrency, breaker = layers["concurrency"], layers["breaker"]
    assert isinstance(concurrency, ConcurrencyLayer)
    assert isinstance(breaker, BreakerLayer)
    assert (concurrency.places.taken, len(concurrency.places.queue)) == (0, 0)
    assert all(circuit.probes_out == 0 for circuit in breaker.circuits)
    assert sum(each["error"] == "cancelled" for each in ran.attempts("any")) > 50
    assert any(each["reason"] == "hedge, waited for a free place" for each in ran.attempts("any"))


def test_the_time_to_hedge_is_learnt_from_the_last_calls(small: Small) -> None:
    ran = hedged(small, '{ kind = "hedge", after_percentile = 90 }', duration_s=2000)
    hedges = [each for each in ran.attempts("any") if each["hedge"]]
    assert min(each["number"] for each in hedges) >= 20
    # A tenth of the calls take longer than their p90, and that others were hedged does not change it.
    assert 150 < len(hedges) < 250


def test_answers_that_took_no_call_tell_nothing_about_calls(small: Small) -> None:
    # Given a cache further in that answers most requests at once, and calls that all take a second
    tables = "[prompts]\nonly = ['ask']\n"
    safeguards = '{ kind = "hedge", after_percentile = 50 }, { kind = "cache" }'
    file = scenario(
        tables + f"[variants.any]\nsafeguards = [{safeguards}]\n",
        settings=("traffic.same_row_same_question=true",),
        duration_s=200,
    )
    ran = small.run(file)
    assert sum(each["served_by"] == "cache" for each in ran.requests("any")) > 100
    (layer,) = next(world for world in ran.simulation.worlds if world.name == "any").pipeline.layers[:1]
    assert isinstance(layer, HedgeLayer)
    assert set(layer.times[0].last) == {1_000_000}


def test_a_polite_reply_further_in_does_not_win_over_a_call_under_way(small: Small) -> None:
    # Given calls of a second, one at a time, and shedding within the hedge once somebody has waited
    safeguards = (
        '{ kind = "hedge", after_s = 0.3 }, { kind = "load_shedding", max_queue_age_s = 0 }, '
        '{ kind = "concurrency", max_in_flight = 1 }'
    )
    ran = hedged(
        small, safeguards, primary='service = "constant"\nservice_s = 1', rate_per_s=1.5, duration_s=20
    )
    assert any(each["served_by"] == "canned" for each in ran.requests("any"))
    for request, attempts in by_request(ran):
        assert not (request["served_by"] == "canned" and attempts), "it was asked about, and then shed"


@pytest.mark.parametrize("within_s", [0.1, 0.7])
@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (1, 2), (2, 1)])
def test_calls_of_hedges_within_hedges_are_told_apart(
    small: Small, outer: int, inner: int, within_s: float
) -> None:
    # Given a deadline that in some branches leaves no time for hedges within them
    ran = hedged(
        small,
        '{ kind = "deadline", total_s = 1 }, '
        f'{{ kind = "hedge", id = "a", after_s = 0.1, max_hedges = {outer} }}, '
        f'{{ kind = "hedge", id = "b", after_s = {within_s}, max_hedges = {inner} }}',
        primary=EXPONENTIAL,
        duration_s=50,
    )
    roles = [(each["number"], each["target"], each["retry"], each["hedge"]) for each in ran.attempts("any")]
    assert len(set(roles)) == len(roles)
    for request, attempts in by_request(ran):
        winners = ["hedge" if each["hedge"] else "primary" for each in attempts if not each["error"]]
        assert [request["served_by"]] == (winners or ["nobody"])
    assert {each["retry"] for each in ran.attempts("any")} == {0}
    assert {each["hedge"] for each in ran.attempts("any")} <= set(range((1 + outer) * (1 + inner)))


@given(times=st.lists(st.integers(0, 10**6), max_size=500), percent=st.floats(1, 99))
def test_percentiles_are_those_of_the_last_200_by_nearest_rank(times: list[int], percent: float) -> None:
    known = Times()
    for time in times:
        known.add(time)
    last = sorted(times[-200:])
    found = known.percentile(percent)
    if len(times) < 20:
        assert found is None
    else:
        assert found is not None
        assert sum(each < found for each in last) < percent / 100 * len(last) + 1e-9
        assert sum(each <= found for each in last) >= percent / 100 * len(last) - 1e-9
