"""The budget: what is reserved is settled, and what is spent never exceeds the limit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.safeguards.answer_check import AnswerCheck
from app.safeguards.base import Safeguard
from app.safeguards.budget import Budget, BudgetLayer
from app.safeguards.cache import Cache
from app.safeguards.errors import BAD_ANSWER, SERVER_ERROR, TIMEOUT
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from tests.safeguards.script import PRICES_PICO, Bench, Flat, Script

MOST = (100 + 50) * PRICES_PICO[0]
"""What a call to the primary costs at the most."""


def usd(pico: int) -> float:
    """A sum as settings have it."""
    return pico / 10**12


def ledger_of(bench: Bench, name: str = "budget") -> tuple[int, int]:
    """What is spent, and what is reserved."""
    layer = next(layer for layer in bench.pipeline.layers if layer.id == name)
    assert isinstance(layer, BudgetLayer)
    return layer.ledger.spent_pico, layer.ledger.reserved_pico


def test_a_call_reserves_the_most_and_settles_what_it_cost() -> None:
    bench = Bench(Budget(per_run_usd=usd(MOST)))
    script = bench.arrives().calls()
    assert ledger_of(bench) == (0, MOST)

    script.answers(at_s=1, cost=70_000)
    assert ledger_of(bench) == (70_000, 0)


def test_calls_under_way_are_not_forgotten() -> None:
    bench = Bench(Budget(per_run_usd=usd(2 * MOST)))
    first, _ = bench.arrives(0).calls(), bench.arrives(1).calls()

    turned = bench.arrives(2)
    assert turned.error is not None
    assert turned.error.name == "budget_exceeded_canned"

    first.answers(at_s=1, cost=0)
    bench.arrives(3, at_s=1).calls()


def test_the_last_picodollar_can_be_spent_and_not_one_more() -> None:
    assert Bench(Budget(per_run_usd=usd(MOST))).arrives().attempt
    assert Bench(Budget(per_run_usd=usd(MOST - 1))).arrives().error is not None


def test_calls_that_fail_are_charged_for() -> None:
    bench = Bench(Retry(max_retries=1, base_s=1, jitter="none"), Budget(per_run_usd=1))
    script = bench.arrives().calls().fails(TIMEOUT, at_s=1, cost=30_000).wakes()
    script.calls().fails(SERVER_ERROR, at_s=9, cost=20_000)

    assert ledger_of(bench) == (50_000, 0)


def test_an_answer_that_is_refused_is_charged_for() -> None:
    bench = Bench(Budget(per_run_usd=1), AnswerCheck())
    script = bench.arrives().calls().answers(at_s=1, failed_checks=frozenset({"format"}), cost=70_000)

    assert script.error is BAD_ANSWER
    assert ledger_of(bench) == (70_000, 0)


def test_an_answer_from_the_cache_costs_nothing() -> None:
    bench = Bench(Budget(per_run_usd=usd(2 * MOST)), Cache())
    bench.arrives(0, key="same").calls().answers(at_s=1, cost=70_000)
    assert bench.arrives(1, at_s=2, key="same").served_by == "cache"

    assert ledger_of(bench) == (70_000, 0)


def test_around_retries_and_a_fallback_it_reserves_for_every_call_they_may_make_and_settles_them_all() -> (
    None
):
    inside = (Fallback(), Retry(max_retries=1, base_s=1, jitter="none"))
    assert Bench(Budget(per_run_usd=usd(4 * MOST - 1)), *inside).arrives().error is not None

    bench = Bench(Budget(per_run_usd=usd(4 * MOST)), *inside)
    script = bench.arrives().calls().fails(SERVER_ERROR, at_s=1, cost=1).wakes()
    script.calls().fails(SERVER_ERROR, at_s=3, cost=10).calls("fallback").fails(
        SERVER_ERROR, at_s=4, cost=100
    ).wakes()
    assert ledger_of(bench) == (0, 4 * MOST)
    script.calls("fallback").answers(at_s=6, cost=1000)

    assert ledger_of(bench) == (1111, 0)


def test_it_reserves_at_the_price_of_the_dearest_target_that_a_fallback_inside_may_lead_to() -> None:
    # From the second bench target, the cheap one, the chain leads to the dear one.
    bench = Bench(
        Fallback(targets=["cheap"]),
        Budget(per_run_usd=1),
        Fallback(id="up", targets=["dear"]),
        targets=("dear", "cheap"),
    )
    bench.arrives().calls("dear").fails(SERVER_ERROR, at_s=1).calls("dear").fails(SERVER_ERROR, at_s=2).calls(
        "cheap"
    )

    assert ledger_of(bench) == (0, 2 * MOST)


def test_two_budgets_each_keep_their_own_ledger() -> None:
    outer, inner = Budget(id="outer", per_run_usd=1), Budget(id="inner", per_run_usd=usd(MOST))
    bench = Bench(outer, Retry(max_retries=1, base_s=1, jitter="none"), inner)
    script = bench.arrives().calls()
    assert ledger_of(bench, "outer") == (0, 2 * MOST)
    assert ledger_of(bench, "inner") == (0, MOST)

    # The retry no longer fits into the inner one.
    script.fails(SERVER_ERROR, at_s=1, cost=40_000).wakes()

    assert script.error is not None
    assert script.error.name == "budget_exceeded_canned"
    assert ledger_of(bench, "outer") == (40_000, 0)
    assert ledger_of(bench, "inner") == (40_000, 0)


def test_money_spent_stays_spent_when_the_limit_is_changed() -> None:
    bench = Bench(Budget(per_run_usd=usd(MOST)))
    script = bench.arrives(0).calls()
    bench.change(Budget(per_run_usd=usd(MOST + 70_000)))
    assert ledger_of(bench) == (0, MOST)

    script.answers(at_s=1, cost=70_000)
    assert ledger_of(bench) == (70_000, 0)
    bench.arrives(1, at_s=1).calls()
    assert bench.arrives(2, at_s=1).error is not None


@given(
    limit=st.integers(0, 12),
    order=st.permutations(["budget", "retry", "fallback"]),
    ends=st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.floats(0, 1)), min_size=1, max_size=80),
)
def test_it_is_never_overspent_wherever_it_stands(
    limit: int, order: list[str], ends: list[tuple[int, bool, float]]
) -> None:
    kinds: dict[str, Safeguard] = {
        "budget": Budget(per_run_usd=usd(limit * MOST // 2)),
        "retry": Retry(max_retries=1, base_s=0, jitter="none"),
        "fallback": Fallback(),
    }
    bench = Bench(*(kinds[name] for name in order))
    under_way: list[Script] = []
    everybody: list[Script] = []
    for number, (which, well, share) in enumerate(ends):
        under_way.append(bench.arrives(number))
        everybody.append(under_way[-1])
        under_way = [script for script in under_way if script.result is None]
        if which < len(under_way):
            script = under_way[which]
            price = PRICES_PICO[script.attempt.target]
            cost = int(share * 150 * price)
            if well:
                script.answers(at_s=0, cost=cost)
            else:
                script.fails(SERVER_ERROR, at_s=0, cost=cost)
        spent, reserved = ledger_of(bench)
        assert spent + reserved <= round(usd(limit * MOST // 2) * 10**12)
    for script in everybody:
        while script.result is None:
            script.fails(SERVER_ERROR, at_s=0, cost=PRICES_PICO[script.attempt.target] * 150)
    spent, reserved = ledger_of(bench)
    assert reserved == 0
    assert spent == sum(attempt.cost_pico for script in everybody for attempt in script.request.attempts)
    assert spent <= round(usd(limit * MOST // 2) * 10**12)


def test_prices_that_change_hold_for_the_requests_that_arrived_before() -> None:
    # The ledger of old and new pipelines is one, and so are its prices.
    bench = Bench(Budget(per_run_usd=1))
    before = bench.layer("budget")
    bench.change(Budget(per_run_usd=2))
    after = bench.layer("budget")
    assert isinstance(before, BudgetLayer)
    assert isinstance(after, BudgetLayer)
    assert before.ledger is after.ledger
    assert before.ledger.tariffs is bench.world.tariffs


def test_attempts_are_counted_once_however_often_the_budget_is_entered() -> None:
    bench = Bench(Retry(max_retries=3, base_s=1, jitter="none"), Budget(per_run_usd=1))
    script = bench.arrives()
    spent = []
    for n in range(4):
        script.calls(retry=n).fails(SERVER_ERROR, at_s=bench.clock.now / 1e6 + 1, cost=10**n)
        spent.append(ledger_of(bench)[0])
        if n < 3:
            script.wakes()
    assert spent == [1, 11, 111, 1111]
    assert [attempt.sequence for attempt in script.request.attempts] == [0, 1, 2, 3]


# -- per request and per minute --------------------------------------------------------------------------------------


def test_it_bounds_something() -> None:
    with pytest.raises(ValidationError, match="at least one of 'per_run_usd'"):
        Budget()


def test_the_calls_of_one_request_together_are_bounded_and_those_of_others_do_not_count() -> None:
    budget = Budget(per_request_usd=usd(MOST + 40_000))
    bench = Bench(Retry(max_retries=5, base_s=1, jitter="none", cap_s=1), budget)
    script, other = bench.arrives(0).calls(), bench.arrives(1).calls()
    script.fails(SERVER_ERROR, at_s=1, cost=40_000).wakes().calls().fails(SERVER_ERROR, at_s=3, cost=1)
    assert script.wakes().error is not None
    assert script.error is not None
    assert script.error.name == "request_budget_exceeded_canned"
    other.answers(at_s=5, cost=MOST)


def test_around_retries_the_bound_of_a_request_is_for_all_that_they_may_cost() -> None:
    retry = Retry(max_retries=1, base_s=1, jitter="none")
    assert Bench(Budget(per_request_usd=usd(2 * MOST)), retry).arrives().calls()
    assert Bench(Budget(per_request_usd=usd(2 * MOST - 1)), retry).arrives().error is not None


def test_what_was_settled_in_the_last_sixty_seconds_counts_for_the_minute() -> None:
    bench = Bench(Budget(per_minute_usd=usd(2 * MOST), on_exceeded="stop"))
    first = bench.arrives(0).calls()
    bench.arrives(1, at_s=5).calls().answers(at_s=30, cost=MOST)
    first.answers(at_s=31, cost=1)
    turned = bench.arrives(2, at_s=89.999999)
    assert turned.error is not None
    assert turned.error.name == "minute_budget_exceeded"
    bench.arrives(3, at_s=90).calls()


def test_a_call_under_way_counts_however_long_ago_it_began() -> None:
    bench = Bench(Budget(per_minute_usd=usd(MOST)))
    bench.arrives(0).calls()
    assert bench.arrives(1, at_s=500).error is not None


def test_a_minute_that_is_bounded_in_mid_run_counts_from_then_on_for_calls_under_way_too() -> None:
    bench = Bench(Budget(per_run_usd=1))
    under_way = bench.arrives(0).calls()
    bench.arrives(1).calls().answers(at_s=1, cost=MOST)
    bench.change(Budget(per_minute_usd=usd(MOST)))
    under_way.answers(at_s=2, cost=MOST)
    assert bench.arrives(2, at_s=61.9).error is not None
    bench.arrives(3, at_s=62).calls()


@pytest.mark.parametrize("bound", ["per_run_usd", "per_minute_usd", "per_request_usd"])
def test_the_last_part_of_each_bound_is_kept_for_the_cheapest_target(bound: str) -> None:
    budget = Budget.model_validate(
        {bound: usd(MOST), "on_exceeded": "cheaper_model", "cheaper_from": 0.5, "kind": "budget"}
    )
    bench = Bench(Fallback(), budget)
    script = bench.arrives().calls("fallback")
    assert script.request.reason.endswith("budget_exceeded_cheaper")
    script.answers(at_s=1)


def test_a_free_model_out_of_budget_does_not_fall_back_to_a_dear_one_without_limit() -> None:
    # The first target costs nothing, so that no budget turns its calls back; the second is the dear one.
    bench = Bench(Fallback(), Budget(per_minute_usd=usd(2 * MOST)))
    bench.world = replace(bench.world, tariffs=(Flat(0), Flat(PRICES_PICO[0])))
    bench.change(Fallback(), Budget(per_minute_usd=usd(2 * MOST)))
    spent = 0
    for number in range(10):
        script = bench.arrives(number, at_s=number).calls("primary").fails(SERVER_ERROR, at_s=number)
        if script.result is None:
            script.calls("fallback").answers(at_s=number, cost=MOST)
            spent += MOST
    assert spent == 2 * MOST


@given(
    limits=st.tuples(*[st.none() | st.integers(0, 12)] * 3).filter(
        lambda each: any(x is not None for x in each)
    ),
    on_exceeded=st.sampled_from(["stop", "cheaper_model", "canned"]),
    order=st.permutations(["budget", "retry", "fallback"]),
    steps=st.lists(
        st.tuples(st.floats(0, 40), st.integers(0, 5), st.booleans(), st.floats(0, 1)),
        min_size=1,
        max_size=60,
    ),
)
def test_no_bound_is_ever_overspent_whatever_the_settings_the_order_and_what_goes_on_at_once(
    limits: tuple[int | None, int | None, int | None],
    on_exceeded: str,
    order: list[str],
    steps: list[tuple[float, int, bool, float]],
) -> None:
    run, minute, one = (None if each is None else each * MOST // 2 for each in limits)
    names = ("per_run_usd", "per_minute_usd", "per_request_usd")
    bounds = {
        name: usd(pico) for name, pico in zip(names, (run, minute, one), strict=True) if pico is not None
    }
    kinds: dict[str, Safeguard] = {
        "budget": Budget.model_validate({"kind": "budget", "on_exceeded": on_exceeded, **bounds}),
        "retry": Retry(max_retries=1, base_s=0, jitter="none"),
        "fallback": Fallback(),
    }
    bench = Bench(*(kinds[name] for name in order))
    everybody: list[Script] = []
    settled: list[tuple[float, int]] = []
    now_s = 0.0

    def ends(script: Script, well: bool, share: float) -> None:
        cost = int(share * 150 * PRICES_PICO[script.attempt.target])
        settled.append((now_s, cost))
        if well:
            script.answers(at_s=now_s, cost=cost)
        else:
            script.fails(SERVER_ERROR, at_s=now_s, cost=cost)

    for number, (wait_s, which, well, share) in enumerate(steps):
        now_s = round(now_s + wait_s, 6)
        everybody.append(bench.arrives(number, at_s=now_s))
        under_way = [script for script in everybody if script.result is None]
        if which < len(under_way):
            ends(under_way[which], well, share)
    for script in everybody:
        while script.result is None:
            ends(script, False, 1)

    spent, reserved = ledger_of(bench)
    assert reserved == 0
    assert spent == sum(cost for _, cost in settled)
    if run is not None:
        assert spent <= round(usd(run) * 10**12)
    if one is not None:
        for script in everybody:
            assert sum(each.cost_pico for each in script.request.attempts) <= round(usd(one) * 10**12)
    if minute is not None:
        for until_s, _ in settled:
            window = sum(cost for at_s, cost in settled if round((until_s - at_s) * 1e6) in range(60_000_000))
            assert window <= round(usd(minute) * 10**12)


def test_a_target_that_bills_more_than_its_price_is_set_aside_more_for_from_the_first_bill_on() -> None:
    # Given a bound of nine calls at the list price, and a target that bills three times that
    bench = Bench(Budget(per_run_usd=usd(9 * MOST)))
    under_way = [bench.arrives(number).calls() for number in range(2)]
    # When the first bill comes
    under_way[0].answers(at_s=1, cost=3 * MOST)
    # Then as much is set aside for who comes after
    bench.arrives(2, at_s=1).calls()
    assert ledger_of(bench) == (3 * MOST, MOST + 3 * MOST)
    assert bench.arrives(3, at_s=1).error is not None
    # And only the call that was under way could cost more than was set aside for it
    under_way[1].answers(at_s=1, cost=3 * MOST)
    assert ledger_of(bench) == (6 * MOST, 3 * MOST)


def test_what_a_target_billed_once_is_minded_for_a_minute() -> None:
    bench = Bench(Budget(per_run_usd=usd(100 * MOST)))
    bench.arrives(0).calls().answers(at_s=0, cost=5 * MOST)
    bench.arrives(1).calls().answers(at_s=0, cost=2 * MOST)
    for at_s, most in ((59.999999, 5 * MOST), (60, MOST)):
        script = bench.arrives(int(at_s), at_s=at_s).calls()
        assert ledger_of(bench)[1] == most
        script.answers(at_s=at_s, cost=MOST)


@given(
    factor=st.integers(2, 9),
    limit=st.integers(1, 40),
    ending=st.lists(st.integers(0, 8), min_size=1, max_size=60),
)
def test_dearer_than_listed_a_bound_is_overspent_by_what_was_under_way_at_most(
    factor: int, limit: int, ending: list[int]
) -> None:
    bench = Bench(Budget(per_run_usd=usd(limit * MOST)))
    under_way: list[Script] = []
    surprised: list[Script] = []  # they had set out before the first bill came
    told = False
    for number, which in enumerate(ending):
        script = bench.arrives(number, at_s=number / 10)
        if script.result is None:
            under_way.append(script)
            if not told:
                surprised.append(script)
        if which < len(under_way):
            told = True
            under_way.pop(which).answers(at_s=number / 10, cost=factor * MOST)
    for script in under_way:
        script.answers(at_s=len(ending) / 10, cost=factor * MOST)
    assert ledger_of(bench)[0] <= limit * MOST + (factor - 1) * MOST * len(surprised)
