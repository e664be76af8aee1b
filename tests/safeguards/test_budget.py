"""The budget: what is reserved is settled, and what is spent never exceeds the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.safeguards.answer_check import AnswerCheck
from app.safeguards.base import Safeguard
from app.safeguards.budget import Budget, BudgetLayer
from app.safeguards.cache import Cache
from app.safeguards.errors import BAD_ANSWER, SERVER_ERROR, TIMEOUT
from app.safeguards.fallback import Fallback
from app.safeguards.retry import Retry
from tests.safeguards.script import PRICES_PICO, Bench, Script

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
