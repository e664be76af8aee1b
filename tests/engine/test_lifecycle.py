"""Any safeguards in any order, under any faults: every request ends, and everything adds up."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from math import prod
from operator import itemgetter
from typing import Any

import pytest
import tomlkit
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.engine.world import World
from app.providers.states import OVER
from app.safeguards.breaker import BreakerLayer
from app.safeguards.budget import BudgetLayer
from app.safeguards.cache import CacheLayer
from app.safeguards.concurrency import ConcurrencyLayer
from app.sessions.vocabulary import MAX_ATTEMPTS, OUTCOMES, SERVED_BY
from tests.engine.small import TOKEN_PICO, Small, scenario, small_runs
from tests.harness import Ran


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def table(kind: str, needs: dict[str, Any] | None = None, **values: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Settings of a kind."""
    return st.fixed_dictionaries({"kind": st.just(kind)} | (needs or {}), optional=values)


seconds = st.sampled_from([0.05, 0.5, 1, 2, 5])
rates = st.sampled_from([0, 0.1, 0.5, 0.9, 1])
BOUNDS_USD = {
    "per_run_usd": (0.001, 0.003),
    "per_minute_usd": (0.0003, 0.001),
    "per_request_usd": (0.00012, 0.0003),
}

safeguards = st.one_of(
    table("deadline", total_s=st.sampled_from([0.5, 2, 10])),
    table("attempt_timeout", attempt_s=seconds, first_token_s=seconds),
    table(
        "retry", max_retries=st.integers(0, 2), base_s=st.sampled_from([0, 0.1, 1]), max_retry_after_s=seconds
    ),
    table("retry_budget", ratio=rates, min_per_s=st.sampled_from([0, 1]), max_tokens=st.integers(1, 5)),
    table(
        "breaker",
        min_calls=st.integers(1, 5),
        open_s=seconds,
        half_open_calls=st.integers(1, 2),
        slow_call_s=seconds,
    ),
    table("fallback"),
    table("cache", ttl_s=seconds, max_entries=st.integers(1, 3), single_flight=st.booleans()),
    *(
        table(
            "budget",
            {bound: st.sampled_from([0, *usd])},
            on_exceeded=st.sampled_from(["stop", "cheaper_model", "canned"]),
        )
        for bound, usd in BOUNDS_USD.items()
    ),
    table("hedge", {"after_s": seconds}, max_hedges=st.integers(1, 2)),
    table("hedge", after_percentile=st.sampled_from([50, 95])),
    table("concurrency", max_in_flight=st.integers(1, 3), max_queue=st.integers(0, 3), max_wait_s=seconds),
    table(
        "rate_limit", rpm=st.sampled_from([60, 600]), tpm=st.sampled_from([3_000, 60_000]), max_wait_s=seconds
    ),
    table("adaptive_throttle", k=st.sampled_from([1, 2]), window_s=seconds),
    table("load_shedding", max_queue_age_s=st.sampled_from([0, 0.5])),
    table("hand_off", agents=st.integers(1, 2), handle_s=seconds, patience_s=seconds),
    table("answer_check"),
    table("canned"),
    table(
        "input_check", every_field=st.fixed_dictionaries({}, optional={"max_chars": st.sampled_from([1, 20])})
    ),
    table(
        "prompt_trim",
        max_input_tokens=st.sampled_from([1, 12, 50, 100]),
        strategy=st.sampled_from(["keep_start", "keep_end", "keep_both_ends"]),
    ),
    table(
        "prompt_cache",
        {"min_tokens": st.just(1), "prefix_tokens": st.sampled_from([0, 60, 200])},
        ttl_s=seconds,
        read_factor=st.sampled_from([0, 0.5]),
        write_factor=st.sampled_from([1, 2]),
    ),
    table("monitoring"),
)

schedules: dict[str, Any] = {
    "rate": rates,
    "per": st.sampled_from(["attempt", "request"]),
    "from_s": st.sampled_from([0, 3]),
    "to_s": st.sampled_from([5, 8]),
    "targets": st.sampled_from([[], ["primary"], ["fallback"]]),
}
faults = st.one_of(
    *(
        table(kind, **schedules)
        for kind in ("server_error", "hang", "slow_first_token", "truncated", "empty", "brownout")
    ),
    table("rate_limited", retry_after_s=seconds, **schedules),
    table("outage", outage_mode=st.sampled_from(["error", "lost"]), **schedules),
    table(
        "outage",
        {"to_s": st.sampled_from([5, 8])},  # for ever, they would hold what nobody waits for any more
        outage_mode=st.sampled_from(["freeze", "redeliver"]),
        from_s=st.just(3),
    ),
    table("typos", rate=rates),
    table("missing_field", rate=rates),
    table("duplicate", rate=rates),
)

targets = st.fixed_dictionaries(
    {},
    optional={
        "slots": st.integers(1, 5),
        "on_cancel": st.sampled_from(["stop", "finish"]),
        "drop_expired": st.booleans(),
        "slowdown": st.sampled_from([0, 1]),
        "rpm": st.sampled_from([60, 300]),
        "tpm": st.sampled_from([6_000, 60_000]),
        "context_tokens": st.sampled_from([100, 1000]),
    },
)

HANDED_OFF_PICO = 2 * 10**12
"""What a person costs unless it is set."""

CHECK = """
[[checks]]
kind = "length"
id = "not_empty"
min_chars = 1
scores = "runtime"
"""


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    pipeline=st.lists(safeguards, max_size=8),
    struck_by=st.lists(faults, max_size=5),
    primary=targets,
    fallback=targets,
    seed=st.integers(0, 1000),
    rate_per_s=st.sampled_from([3, 12]),
)
def test_every_request_ends_and_everything_adds_up(
    small: Small,
    pipeline: list[dict[str, Any]],
    struck_by: list[dict[str, Any]],
    primary: dict[str, Any],
    fallback: dict[str, Any],
    seed: int,
    rate_per_s: float,
) -> None:
    assume(prod(_calls(each) for each in pipeline) <= MAX_ATTEMPTS)
    price = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}
    named = [{"id": f"s{n}", **each} for n, each in enumerate(pipeline)]
    struck = [
        {"id": f"f{n}", **({} if each["kind"] == "outage" else {"rate": 0.3}), **each}
        for n, each in enumerate(struck_by)
    ]
    rest = {
        "targets": {"fallback": {"price": price, "quality": 0.5, "first_token_s": 0.3, **fallback}},
        "variants": {"any": {"safeguards": named} if named else {}, "bare": {}},
    } | ({"faults": struck} if struck else {})
    speed = {"first_token_s": 0.2, "tokens_per_s": 20}
    file = scenario(
        tomlkit.dumps(rest) + CHECK,
        seed=seed,
        arrivals="poisson",
        rate_per_s=rate_per_s,
        repeat_rate=0.4,
        primary=tomlkit.dumps(speed | primary),
    )
    with small.begin(file) as (simulation, names):
        simulation.advance(simulation.end_us)
        for world in simulation.worlds:
            if not world.in_flight:
                _nothing_left(world)
        simulation.finish()
        ran = Ran(simulation, names, {})

    for variant, layers in (("any", named), ("bare", [])):
        _adds_up(ran, variant, flat=all(each["kind"] != "prompt_cache" for each in layers))
        _within_bounds(ran, variant, layers)


def _calls(safeguard: dict[str, Any]) -> int:
    """By how much it multiplies the calls of a request."""
    if safeguard["kind"] == "retry":
        return int(safeguard.get("max_retries", 2)) + 1
    if safeguard["kind"] == "hedge":
        return int(safeguard.get("max_hedges", 1)) + 1
    return 2 if safeguard["kind"] == "fallback" else 1


def _adds_up(ran: Ran, variant: str, *, flat: bool) -> None:
    """`flat`: all tokens cost the same."""
    requests, attempts = ran.requests(variant), ran.attempts(variant)
    offered = ran.simulation.offered
    assert [each["number"] for each in requests] == list(range(offered))
    assert sum(Counter(each["outcome"] for each in requests)[name] for name in OUTCOMES) == offered
    assert sum(Counter(each["served_by"] for each in requests)[name] for name in SERVED_BY) == offered
    made = Counter(each["number"] for each in attempts)
    for name in ("input_tokens", "output_tokens", "cost_pico"):
        of_attempts: Counter[int] = Counter()
        for each in attempts:
            of_attempts[each["number"]] += each[name]
        fee = HANDED_OFF_PICO if name == "cost_pico" else 0
        assert all(
            each[name] == of_attempts[each["number"]] + fee * (each["served_by"] == "human")
            for each in requests
        )
    for each in requests:
        assert each["attempts"] == made[each["number"]]
        assert (each["served_by"] == "nobody") == (each["outcome"] == "failed")
        assert each["outcome"] != "good" or each["finished_us"] - each["intended_us"] <= 30_000_000
    for each in attempts:
        assert each["sequence"] < made[each["number"]]
        full_pico = each["billed"] and TOKEN_PICO * (each["input_tokens"] + each["output_tokens"])
        assert each["cost_pico"] == full_pico or not flat
        assert each["cost_pico"] <= 2 * full_pico  # with all of a prompt written at twice the price
        assert each["started_us"] + each["queued_us"] <= each["finished_us"]
    assert len({(a["number"], a["target"], a["retry"], a["hedge"]) for a in attempts}) == len(attempts)


def _within_bounds(ran: Ran, variant: str, pipeline: list[dict[str, Any]]) -> None:
    """Deadlines bound requests, budgets bound what they cost."""
    requests = ran.requests(variant)
    kinds = [each["kind"] for each in pipeline]
    outermost = next((each for each in pipeline if each["kind"] != "canned"), None)
    if outermost is not None and outermost["kind"] == "deadline" and "hand_off" not in kinds:
        total_us = round(outermost.get("total_s", 30) * 1e6)
        assert all(each["finished_us"] - each["intended_us"] <= total_us for each in requests)
    attempts = sorted(ran.attempts(variant), key=itemgetter("finished_us"))
    by_request: Counter[int] = Counter()
    lately: deque[tuple[int, int]] = deque()
    most_lately = spent_lately = 0
    for attempt in attempts:
        by_request[attempt["number"]] += attempt["cost_pico"]
        lately.append((attempt["finished_us"], attempt["cost_pico"]))
        spent_lately += attempt["cost_pico"]
        while lately[0][0] <= attempt["finished_us"] - 60_000_000:
            spent_lately -= lately.popleft()[1]
        most_lately = max(most_lately, spent_lately)
    spent_pico = {
        "per_run_usd": sum(by_request.values()),
        "per_minute_usd": most_lately,
        "per_request_usd": max(by_request.values(), default=0),
    }
    for each in pipeline:
        for bound, pico in spent_pico.items():
            if each["kind"] == "budget" and bound in each:
                assert pico <= each[bound] * 10**12


def _nothing_left(world: World) -> None:
    """A world that has nothing in flight holds nothing for anybody."""
    for provider in world.providers:
        assert provider.in_service == 0
        assert provider.standstill is None or not (provider.standstill.frozen or provider.standstill.held)
        assert all(attempt.state == OVER for attempt in provider.queue)
    for layer in world.pipeline.layers:
        if isinstance(layer, BudgetLayer):
            assert layer.ledger.reserved_pico == 0
        elif isinstance(layer, CacheLayer):
            assert not layer.flights
        elif isinstance(layer, ConcurrencyLayer):
            assert layer.places.taken == 0
            assert not layer.places.queue
        elif isinstance(layer, BreakerLayer):
            assert all(circuit.probes_out == 0 for circuit in layer.circuits)
