"""The quota's token bucket: exact waits, and the bound on what any window of time can admit."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.providers.quota import Limits, Quota, Quotas

MINUTE_US = 60_000_000


def admitted(quota: Quota, now: int) -> int:
    """How many single units it lets in now."""
    count = 0
    while quota.take(1, now) == 0:
        count += 1
    return count


def test_it_begins_full_and_holds_burst_seconds_worth() -> None:
    assert admitted(Quota(600, 10, 0), 0) == 100


def test_it_says_to_the_microsecond_when_there_will_be_enough() -> None:
    quota = Quota(60, 1, 0)
    assert quota.take(1, 0) == 0

    assert quota.take(1, 250_000) == 750_000
    assert quota.take(1, 999_999) == 1
    assert quota.take(1, 1_000_000) == 0


def test_who_is_turned_away_takes_nothing() -> None:
    quota = Quota(60, 10, 0)
    assert quota.take(4, 0) == 0
    assert [quota.take(7, 0) for _ in range(5)] == [1_000_000] * 5
    assert quota.take(6, 0) == 0


def test_what_is_larger_than_the_bucket_can_never_fit() -> None:
    quota = Quota(60_000, 10, 0)
    assert quota.take(10_001, 0) is None
    assert quota.take(10_000, 0) == 0
    assert quota.take(10_001, MINUTE_US) is None


def test_a_call_fits_however_small_the_quota() -> None:
    quota = Quota(0.5, 1, 0)
    assert quota.take(1, 0) == 0
    assert quota.take(1, 0) == 2 * MINUTE_US


def test_what_is_given_back_is_there_at_once_and_never_more_than_fits() -> None:
    quota = Quota(60, 10, 0)
    assert quota.take(10, 0) == 0
    quota.give_back(4)
    assert admitted(quota, 0) == 4
    quota.give_back(1000)
    assert admitted(quota, 0) == 10


def test_what_was_used_beyond_what_was_taken_is_missing_later() -> None:
    quota = Quota(60, 10, 0)
    assert quota.take(10, 0) == 0
    quota.give_back(-2)
    assert admitted(quota, 2_000_000) == 0
    assert admitted(quota, 5_000_000) == 3


def test_another_size_keeps_what_is_left() -> None:
    quota = Quota(60, 10, 0)
    assert quota.take(8, 0) == 0
    assert admitted(quota.resized(600, 10, 1_000_000), 1_000_000) == 3
    assert admitted(Quota(600, 10, 0).resized(60, 2, 0), 0) == 2


def test_it_tells_what_is_left_and_when_it_is_full_again() -> None:
    quota = Quota(60, 10, 0)
    assert (quota.left(0), quota.full_in_us(0)) == (10, 0)
    assert quota.take(4, 0) == 0

    assert (quota.left(0), quota.full_in_us(0)) == (6, 4_000_000)
    assert (quota.left(999_999), quota.full_in_us(999_999)) == (6, 3_000_001)
    assert (quota.left(1_000_000), quota.full_in_us(1_000_000)) == (7, 3_000_000)
    assert (quota.left(60_000_000), quota.full_in_us(60_000_000)) == (10, 0)


def test_nothing_is_left_of_what_was_overdrawn() -> None:
    quota = Quota(60, 10, 0)
    assert quota.take(10, 0) == 0
    quota.give_back(-5)

    assert (quota.left(0), quota.full_in_us(0)) == (0, 15_000_000)


@given(
    per_minute=st.floats(0.1, 100_000),
    burst_s=st.floats(0.01, 60),
    calls=st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 500)), min_size=1, max_size=60),
)
def test_no_window_admits_more_than_burst_plus_rate_times_its_length(
    per_minute: float, burst_s: float, calls: list[tuple[int, int]]
) -> None:
    quota = Quota(per_minute, burst_s, 0)
    let_in: list[tuple[int, int]] = []
    now = 0
    for gap_us, units in calls:
        now += gap_us
        wait_us = quota.take(units, now)
        if wait_us is not None and 0 < wait_us < 5_000_000:
            # Whoever comes back when told to is let in, and not a microsecond earlier.
            now += wait_us
            assert quota.take(units, now - 1) == 1
            wait_us = quota.take(units, now)
            assert wait_us == 0
        if wait_us == 0:
            let_in.append((now, units))
    # The rate is kept to a millionth of a unit, the least bucket holds one.
    per_us = (Fraction(per_minute) + Fraction(1, 10**6)) / MINUTE_US
    burst = max(Fraction(1), per_us * Fraction(burst_s) * 10**6) + Fraction(1, 10**6)
    for first, (begin_us, _) in enumerate(let_in):
        total = 0
        for time_us, units in let_in[first:]:
            total += units
            assert total <= burst + per_us * (time_us - begin_us)


calls = st.lists(st.tuples(st.integers(0, 30_000_000), st.integers(0, 900)), min_size=1, max_size=60)
"""Microseconds since the call before, and tokens."""


@given(
    rpm=st.none() | st.integers(1, 600),
    tpm=st.none() | st.integers(1, 60_000),
    calls=calls,
    count=st.booleans(),
)
def test_a_call_takes_of_both_quotas_or_of_none(
    rpm: int | None, tpm: int | None, calls: list[tuple[int, int]], count: bool
) -> None:
    # given both quotas together, and each by itself
    both = Quotas(Limits(rpm, tpm, 5), 0)
    requests = None if rpm is None else Quota(rpm, 5, 0)
    tokens = None if tpm is None else Quota(tpm, 5, 0)
    now = 0
    for gap_us, size in calls:
        now += gap_us
        # when a call comes
        wait_us = both.take(size, now, count)
        # then it is let in if each has room for it, and waits for the slower one otherwise
        waits = [
            0 if requests is None else requests.take(1, now),
            0 if tokens is None else tokens.take(size, now),
        ]
        assert wait_us == (None if None in waits else max(wait for wait in waits if wait is not None))
        if wait_us != 0:
            if requests is not None and waits[0] == 0 and not count:
                requests.give_back(1)
            if tokens is not None and waits[1] == 0:
                tokens.give_back(size)
        elif size:
            both.give_back(size // 2)
            if tokens is not None:
                tokens.give_back(size // 2)
        # and what is left is what each has left
        assert (both.rpm and both.rpm.left(now)) == (requests and requests.left(now))
        assert (both.tpm and both.tpm.left(now)) == (tokens and tokens.left(now))


def test_a_quota_that_stays_keeps_what_is_left_when_the_other_is_lifted() -> None:
    before = Quotas(Limits(60, 6_000, 10), 0)
    assert before.take(400, 0, False) == 0

    after = Quotas(Limits(None, 6_000, 10), 0, before)

    assert after.rpm is None
    assert after.tpm is not None
    assert after.tpm.left(0) == 600
    assert [after.take(200, 0, False) for _ in range(4)] == [0, 0, 0, 2_000_000]
