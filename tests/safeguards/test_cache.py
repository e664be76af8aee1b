"""The exact cache: what it keeps and for how long, and that concurrent misses make one call."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from app.safeguards.cache import Cache, CacheLayer
from app.safeguards.commands import Answer, Result
from app.safeguards.deadline import Deadline
from app.safeguards.errors import BAD_ANSWER, DEADLINE, SERVER_ERROR
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench, Script, request, world


def cache_of(bench: Bench) -> CacheLayer:
    """The cache of the present pipeline."""
    layer = bench.layer("cache")
    assert isinstance(layer, CacheLayer)
    return layer


def asked_and_answered(bench: Bench, number: int, key: str, *, at_s: float) -> Script:
    """A request that the cache has no answer for, answered at once."""
    return bench.arrives(number, at_s=at_s, key=key).calls().answers(at_s=at_s)


def test_the_same_question_is_answered_without_a_call() -> None:
    bench = Bench(Cache())
    first = asked_and_answered(bench, 0, "same", at_s=1)
    second = bench.arrives(1, at_s=2, key="same")

    assert (first.cache, second.cache) == ("miss", "hit")
    assert second.served_by == "cache"
    assert second.request.attempts == ()
    assert second.end.answer is first.end.answer
    assert bench.arrives(2, at_s=3, key="another").calls().cache == "miss"


def test_an_answer_is_kept_for_its_time_to_live_to_the_microsecond() -> None:
    bench = Bench(Cache(ttl_s=10))
    asked_and_answered(bench, 0, "same", at_s=1)

    assert bench.arrives(1, at_s=10.999999, key="same").cache == "hit"
    stale = bench.arrives(2, at_s=11, key="same").calls()
    assert stale.cache == "stale"
    stale.answers(at_s=12)
    assert bench.arrives(3, at_s=21.999999, key="same").cache == "hit"


def test_the_least_recently_used_goes_first() -> None:
    bench = Bench(Cache(max_entries=2))
    for number, key in enumerate(("a", "b")):
        asked_and_answered(bench, number, key, at_s=number)
    assert bench.arrives(2, at_s=2, key="a").cache == "hit"
    last = asked_and_answered(bench, 3, "c", at_s=3)

    assert list(cache_of(bench).entries) == ["a", "c"]
    assert last.cache == "miss_evicted"


def test_an_answer_that_was_too_old_may_put_out_another_when_it_is_back() -> None:
    # given a full cache, and a question whose answer there is too old
    bench = Bench(Cache(max_entries=2, ttl_s=10))
    asked_and_answered(bench, 0, "a", at_s=0)
    asked_and_answered(bench, 1, "b", at_s=8)
    stale = bench.arrives(2, at_s=11, key="a").calls()
    # when its place is taken before its new answer comes
    assert asked_and_answered(bench, 3, "c", at_s=12).cache == "miss"
    stale.answers(at_s=13)
    # then the oldest one goes
    assert list(cache_of(bench).entries) == ["c", "a"]
    assert stale.cache == "stale_evicted"


def test_an_error_is_not_kept() -> None:
    bench = Bench(Cache())
    bench.arrives(0, key="same").calls().fails(SERVER_ERROR, at_s=1)

    bench.arrives(1, at_s=2, key="same").calls()


def test_concurrent_misses_make_one_call() -> None:
    # Given one request that asks, and nine more that ask the same before it is answered
    bench = Bench(Cache())
    leader = bench.arrives(0, key="same").calls()
    followers = [bench.arrives(n, at_s=n / 10, key="same").waits() for n in range(1, 10)]

    # When it is answered
    leader.answers(at_s=2)
    assert len(leader.resolved) == 1
    for follower in followers:
        follower.lands(leader.resolved[0], at_s=2)

    # Then all are, by that one call
    assert leader.served_by == "primary"
    assert leader.cache == "miss"
    for follower in followers:
        assert follower.served_by == "cache"
        assert follower.cache == "shared"
        assert follower.request.attempts == ()
        assert follower.end.answer is leader.end.answer
    assert not cache_of(bench).flights


def test_the_leaders_failure_is_shared_and_the_next_to_ask_leads_anew() -> None:
    bench = Bench(Cache())
    leader = bench.arrives(0, key="same").calls()
    follower = bench.arrives(1, at_s=1, key="same").waits()

    leader.fails(SERVER_ERROR, at_s=2)
    follower.lands(leader.resolved[0], at_s=2)

    assert follower.error is SERVER_ERROR
    assert follower.request.reason == "shared: server_error"
    assert leader.request.reason == ""
    assert not cache_of(bench).entries
    assert not cache_of(bench).flights
    bench.arrives(2, at_s=2, key="same").calls()


def test_each_follower_keeps_its_own_deadline_and_the_others_wait_on() -> None:
    bench = Bench(Deadline(total_s=10), Cache())
    leader = bench.arrives(0, at_s=5, key="same").calls()
    early = bench.arrives(1, at_s=5, key="same").waits(until_s=15)
    late = bench.arrives(2, at_s=9, key="same").waits(until_s=19)

    early.runs_out_of_time()
    leader.answers(at_s=15)
    late.lands(leader.resolved[0], at_s=15)

    assert early.error is DEADLINE
    assert late.served_by == "cache"


def test_the_leader_goes_on_leading_through_its_retries() -> None:
    bench = Bench(Cache(), Retry(base_s=1, jitter="none"))
    leader = bench.arrives(0, key="same").calls().fails(SERVER_ERROR, at_s=1)
    follower = bench.arrives(1, at_s=1.5, key="same").waits()

    leader.sleeps(until_s=2).calls(retry=1).answers(at_s=3)

    assert follower.lands(leader.resolved[0], at_s=3).served_by == "cache"


def test_a_retry_around_the_cache_has_leader_and_followers_try_again_and_one_call_is_made() -> None:
    bench = Bench(Retry(base_s=1, jitter="none"), Cache())
    leader = bench.arrives(0, key="same").calls()
    follower = bench.arrives(1, key="same").waits()

    leader.fails(BAD_ANSWER, at_s=1)
    follower.lands(leader.resolved[0], at_s=1)
    leader.sleeps(until_s=2).calls(retry=1)
    follower.sleeps(until_s=2).waits()
    leader.answers(at_s=3)

    assert follower.lands(leader.resolved[1], at_s=3).served_by == "cache"


def test_a_leader_that_is_turned_back_further_in_lands_too() -> None:
    bench = Bench(Cache(), Deadline(total_s=1))
    leader = bench.arrives(0, at_s=0, key="same", unaskable=True)

    assert leader.error is not None
    assert not cache_of(bench).flights


def test_without_single_flight_each_makes_its_own_call() -> None:
    bench = Bench(Cache(single_flight=False))
    for number in range(3):
        bench.arrives(number, key="same").calls()


def test_it_finds_its_entries_again_after_it_was_off_for_a_while() -> None:
    bench = Bench(Cache())
    asked_and_answered(bench, 0, "same", at_s=1)
    bench.change(Cache(on=False))
    bench.arrives(1, at_s=2, key="same").calls().answers(at_s=2)
    bench.change(Cache())

    assert bench.arrives(2, at_s=3, key="same").cache == "hit"


def test_a_flight_that_began_before_a_change_is_joined_after_it() -> None:
    bench = Bench(Cache())
    leader = bench.arrives(0, key="same").calls()
    bench.change(Cache(ttl_s=5))
    follower = bench.arrives(1, at_s=1, key="same").waits()

    leader.answers(at_s=2)

    assert follower.lands(leader.resolved[0], at_s=2).served_by == "cache"


@given(
    ttl_us=st.integers(1, 50),
    size=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=200),
)
def test_it_does_what_a_plain_lru_with_times_does(
    ttl_us: int, size: int, steps: list[tuple[int, int]]
) -> None:
    layer = Cache(ttl_s=ttl_us / 1e6, max_entries=size).layer(world())
    known: OrderedDict[int, int] = OrderedDict()
    now = 0
    for gap_us, key in steps:
        now += gap_us
        asked = request(key=key)
        found = layer.enter(asked, now)
        fresh = key in known and now < known[key]
        assert (found is not None) is fresh
        if fresh:
            known.move_to_end(key)
            continue
        known.pop(key, None)
        layer.answered(asked, Result.of(Answer("right"), 0), now)
        known[key] = now + ttl_us
        while len(known) > size:
            known.popitem(last=False)
        assert isinstance(layer, CacheLayer)
        assert list(layer.entries) == list(known)
