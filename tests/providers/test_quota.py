"""The quota's token bucket: exact waits, and the bound on what any window of time can admit."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.providers.quota import Quota

MINUTE_US = 60_000_000


def admit(quota: Quota, units: int, now: int) -> bool:
    """Take the units if they are there."""
    if quota.wait_us(units, now) != 0:
        return False
    quota.take(units)
    return True


def test_it_begins_full_and_holds_burst_seconds_worth() -> None:
    quota = Quota(600, 10, 0)
    assert sum(admit(quota, 1, 0) for _ in range(1000)) == 100


def test_it_says_to_the_microsecond_when_there_will_be_enough() -> None:
    quota = Quota(60, 1, 0)
    assert admit(quota, 1, 0)

    assert quota.wait_us(1, 250_000) == 750_000
    assert not admit(quota, 1, 999_999)
    assert admit(quota, 1, 1_000_000)


def test_what_is_larger_than_the_bucket_can_never_fit() -> None:
    quota = Quota(60_000, 10, 0)
    assert quota.wait_us(10_000, 0) == 0
    assert quota.wait_us(10_001, 0) is None
    quota.take(10_000)
    assert quota.wait_us(10_001, MINUTE_US) is None


def test_a_call_fits_however_small_the_quota() -> None:
    quota = Quota(0.5, 1, 0)
    assert admit(quota, 1, 0)
    assert quota.wait_us(1, 0) == 2 * MINUTE_US


def test_what_is_given_back_is_there_at_once_and_never_more_than_fits() -> None:
    quota = Quota(60, 10, 0)
    quota.take(10)
    quota.take(-4)
    assert sum(admit(quota, 1, 0) for _ in range(100)) == 4
    quota.take(-1000)
    assert sum(admit(quota, 1, 0) for _ in range(100)) == 10


def test_another_size_keeps_what_is_left() -> None:
    quota = Quota(60, 10, 0)
    quota.take(8)
    larger = quota.resized(600, 10, 1_000_000)
    assert sum(admit(larger, 1, 1_000_000) for _ in range(100)) == 3
    smaller = Quota(600, 10, 0).resized(60, 2, 0)
    assert sum(admit(smaller, 1, 0) for _ in range(100)) == 2


@given(
    per_minute=st.floats(0.1, 100_000),
    burst_s=st.floats(0.01, 60),
    calls=st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 500)), min_size=1, max_size=80),
)
def test_no_window_admits_more_than_burst_plus_rate_times_its_length(
    per_minute: float, burst_s: float, calls: list[tuple[int, int]]
) -> None:
    quota = Quota(per_minute, burst_s, 0)
    admitted: list[tuple[int, int]] = []
    now = 0
    for gap_us, units in calls:
        now += gap_us
        wait_us = quota.wait_us(units, now)
        if wait_us is not None and wait_us < 5_000_000:
            # Whoever comes back when told to is let in.
            now += wait_us
            assert admit(quota, units, now)
            admitted.append((now, units))
    # The rate is kept to a millionth of a unit, the least bucket holds one.
    per_us = (Fraction(per_minute) + Fraction(1, 10**6)) / MINUTE_US
    burst = max(Fraction(1), per_us * Fraction(burst_s) * 10**6) + Fraction(1, 10**6)
    for first in range(len(admitted)):
        total = 0
        for time_us, units in admitted[first:]:
            total += units
            assert total <= burst + per_us * (time_us - admitted[first][0])
