"""The retry budget: what goes into the bucket, and that nothing comes out which is not there."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.safeguards.commands import Answer, Attempt, Result
from app.safeguards.errors import SERVER_ERROR
from app.safeguards.retry import Retry
from app.safeguards.retry_budget import RetryBudget, RetryBudgetLayer
from tests.safeguards.script import Bench, request, us, world


def bucket(settings: RetryBudget) -> RetryBudgetLayer:
    """The settings at work."""
    layer = settings.layer(world())
    assert isinstance(layer, RetryBudgetLayer)
    return layer


def succeed(layer: RetryBudgetLayer, times: int) -> None:
    """So many calls are answered."""
    for _ in range(times):
        layer.answered(request(), Attempt().begun(request(), 0, 0, 0, 0), 0)


def drain(layer: RetryBudgetLayer, now: int = 0) -> int:
    """How many retries it lets through now."""
    taken = 0
    while layer.withdraw(now):
        taken += 1
    return taken


def test_it_begins_full_and_lets_so_many_through() -> None:
    assert drain(bucket(RetryBudget(ratio=0, min_per_s=0, max_tokens=7))) == 7
    assert drain(bucket(RetryBudget(ratio=0, min_per_s=0, max_tokens=7, starts_full=False))) == 0


def test_a_retry_for_every_ten_successes() -> None:
    layer = bucket(RetryBudget(ratio=0.1, min_per_s=0, max_tokens=100, starts_full=False))

    succeed(layer, 9)
    assert drain(layer) == 0
    succeed(layer, 1)
    assert drain(layer) == 1
    succeed(layer, 250)
    assert drain(layer) == 25


def test_answers_without_a_call_bring_no_retries() -> None:
    # A cache further in that answers most questions would else pay for a storm on the rest.
    layer = bucket(RetryBudget(ratio=1, min_per_s=0, max_tokens=100, starts_full=False))
    for _ in range(50):
        layer.answered(request(), Result.of(Answer("right"), 0), 0)
    assert drain(layer) == 0


def test_time_alone_brings_retries_to_the_microsecond() -> None:
    layer = bucket(RetryBudget(ratio=0, min_per_s=4, max_tokens=10, starts_full=False))

    assert not layer.withdraw(us(0.25) - 1)
    assert layer.withdraw(us(0.25))
    assert not layer.withdraw(us(0.5) - 1)
    assert drain(layer, us(2.25)) == 8


def test_it_holds_no_more_than_its_size() -> None:
    layer = bucket(RetryBudget(ratio=1, min_per_s=10, max_tokens=3, starts_full=False))

    succeed(layer, 100)
    assert drain(layer, us(1000)) == 3


def test_without_budget_a_failure_goes_on_and_says_why() -> None:
    bench = Bench(Retry(base_s=1, jitter="none"), RetryBudget(ratio=0, min_per_s=0, max_tokens=1))

    bench.arrives(0).calls().fails(SERVER_ERROR, at_s=1).sleeps(until_s=2).calls(retry=1)
    script = bench.arrives(1, at_s=2).calls().fails(SERVER_ERROR, at_s=3)

    assert script.error is SERVER_ERROR
    assert script.request.reason == "retry budget empty"


def test_a_retry_that_is_not_made_for_other_reasons_takes_nothing() -> None:
    bench = Bench(Retry(max_retries=0), RetryBudget(ratio=0, min_per_s=0, max_tokens=2))
    bench.arrives().calls().fails(SERVER_ERROR, at_s=1)

    layer = bench.layer("retry_budget")
    assert isinstance(layer, RetryBudgetLayer)
    assert drain(layer, us(1)) == 2


def test_of_several_budgets_none_loses_a_token_to_a_retry_that_another_one_refuses() -> None:
    # Given a large budget and one that holds a single token
    large = RetryBudget(id="large", ratio=0, min_per_s=0, max_tokens=9)
    small = RetryBudget(id="small", ratio=0, min_per_s=0, max_tokens=1)
    bench = Bench(Retry(base_s=1, jitter="none"), large, small)

    # When one retry is made and many are refused
    bench.arrives(0).calls().fails(SERVER_ERROR, at_s=1).sleeps(until_s=2).calls(retry=1)
    for number in range(1, 6):
        script = bench.arrives(number, at_s=2).calls().fails(SERVER_ERROR, at_s=3)
        assert script.request.reason == "retry budget empty"

    # Then the large one has paid for the one that was made
    layer = next(each for each in bench.pipeline.layers if each.id == "large")
    assert isinstance(layer, RetryBudgetLayer)
    assert drain(layer, us(3)) == 8


def test_requests_in_flight_over_a_change_draw_on_the_same_bucket() -> None:
    # Given a bucket of two, and a request that began before the settings were changed
    retry = Retry(max_retries=5, base_s=1, jitter="none")
    bench = Bench(retry, RetryBudget(ratio=0, min_per_s=0, max_tokens=2))
    old = bench.arrives(0).calls()
    bench.change(retry, RetryBudget(ratio=0.5, min_per_s=0, max_tokens=2))

    # When it takes one and a newcomer the other
    old.fails(SERVER_ERROR, at_s=1).sleeps(until_s=2).calls()
    new = bench.arrives(1, at_s=2).calls().fails(SERVER_ERROR, at_s=3).sleeps(until_s=4).calls()

    # Then there is none left for either
    assert old.fails(SERVER_ERROR, at_s=5).error is SERVER_ERROR
    assert new.fails(SERVER_ERROR, at_s=6).error is SERVER_ERROR


@given(
    ratio=st.floats(0, 1),
    min_per_s=st.floats(0, 20),
    size=st.integers(1, 20),
    steps=st.lists(st.tuples(st.integers(0, 2_000_000), st.booleans()), max_size=200),
)
def test_retries_never_exceed_size_plus_ratio_of_successes_plus_rate_times_time(
    ratio: float, min_per_s: float, size: int, steps: list[tuple[int, bool]]
) -> None:
    layer = bucket(RetryBudget(ratio=ratio, min_per_s=min_per_s, max_tokens=size))
    now = successes = granted = 0
    for gap_us, success in steps:
        now += gap_us
        if success:
            successes += 1
            succeed(layer, 1)
        else:
            granted += layer.withdraw(now)
        # The settings are kept to a millionth of a token.
        most = size + successes * (Fraction(ratio) + Fraction(1, 10**6))
        most += (Fraction(min_per_s) + Fraction(1, 10**6)) * Fraction(now, 10**6)
        assert granted <= most
