"""The integrated rate and its inverse: exact on whole numbers, monotone, changed only from a time on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.traffic.rates import NEVER_US, RateProfile
from app.traffic.settings import Traffic
from tests.traffic.schedules import profiles, traffics


def constant(rate_per_s: float) -> RateProfile:
    return RateProfile.of_pieces([0], [rate_per_s], [rate_per_s])


def test_a_constant_rate_puts_whole_numbers_on_exact_microseconds() -> None:
    assert constant(50).invert(np.arange(1.0, 1501.0)).tolist() == list(range(20_000, 30_000_001, 20_000))


def test_a_ramp_from_nothing_follows_the_square_root() -> None:
    # given 0 to 100/s in 100 s: t²/2 arrivals until t seconds
    ramp = RateProfile.of_pieces([0, 100_000_000], [0, 100], [100, 100])
    assert ramp.invert(np.array([0.5, 2.0, 50.0, 5000.0, 5100.0])).tolist() == [
        1_000_000,
        2_000_000,
        10_000_000,
        100_000_000,
        101_000_000,
    ]


def test_a_ramp_to_nothing_mirrors_it_and_then_nothing_arrives() -> None:
    ramp = RateProfile.of_pieces([0, 100_000_000], [100, 0], [0, 0])
    times = ramp.invert(np.array([0.0, 4950.0, 4999.5, 5000.0, 5000.1]))
    assert times.tolist() == [0, 90_000_000, 99_000_000, 100_000_000, NEVER_US]


def test_a_hardly_rising_ramp_loses_no_precision() -> None:
    # given 1,000/s rising by one part in 1e9 over a day: as good as constant
    day_us = 86_400_000_000
    ramp = RateProfile.of_pieces([0, day_us], [1000, 1000.000001], [1000.000001, 1000.000001])
    values = np.arange(1.0, 86_400_000.0, 9_999.0)
    true = 2e6 * values / (1000 + np.sqrt(1e6 + 2 * values * (1e-6 / 86_400)))
    assert np.max(np.abs(ramp.invert(values) - true)) <= 1.0


def test_arrivals_skip_a_stretch_without_any() -> None:
    pause = RateProfile.of_pieces([0, 10_000_000, 60_000_000], [1, 0, 1], [1, 0, 1])
    assert pause.invert(np.array([9.0, 10.0, 10.5, 11.0])).tolist() == [
        9_000_000,
        10_000_000,
        60_500_000,
        61_000_000,
    ]


def test_a_rate_of_zero_means_never() -> None:
    assert constant(0).invert(np.array([0.1, 1e9])).tolist() == [NEVER_US, NEVER_US]
    assert constant(1e-300).invert(np.array([0.1])).tolist() == [NEVER_US]


@pytest.mark.parametrize("rate", [-1.0, 1_000_001.0])
def test_a_rate_that_cannot_be_is_the_users_to_put_right(rate: float) -> None:
    with pytest.raises(UserError, match="requests per second"):
        constant(rate)


def test_profiles_are_equal_if_their_pieces_are() -> None:
    assert Traffic(rate_per_s=2).profile() == Traffic(level="pilot").profile()
    assert constant(2) != constant(3)
    assert constant(2) != constant(2).with_change(5, constant(3))


def test_pieces_must_follow_one_another() -> None:
    with pytest.raises(ValueError, match="start at 0"):
        RateProfile.of_pieces([5], [1], [1])


@given(profile=profiles, shares=st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_the_inverse_undoes_the_integral(profile: RateProfile, shares: list[float]) -> None:
    # given values up to what is expected in 20,000 s
    total = float(profile.integral(np.array([20_000_000_000]))[0])
    values = np.array(shares) * total
    # when they are inverted
    times = profile.invert(values)
    # then each is reached within the microsecond it was given
    slack = 1e-9 * (1 + total)
    assert np.all(profile.integral(times) <= values + slack)
    assert np.all(profile.integral(times + 1) >= values - slack)


@given(profile=profiles, values=st.lists(st.floats(0, 1e7), min_size=2, max_size=60))
def test_the_inverse_never_decreases(profile: RateProfile, values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    # when each has its next neighbour among the floats beside it
    times = profile.invert(np.sort(np.concatenate([ordered, np.nextafter(ordered, np.inf)])))
    assert np.all(np.diff(times) >= 0)
    assert times[0] >= 0


@given(profile=profiles, times=st.lists(st.integers(0, 20_000_000_000), min_size=2, max_size=60))
def test_the_integral_never_decreases(profile: RateProfile, times: list[int]) -> None:
    values = profile.integral(np.array(sorted(times)))
    assert np.all(np.diff(values) >= -1e-9 * (1 + values[:-1]))


@settings(max_examples=60)
@given(
    traffic=traffics(),
    new=profiles,
    at_us=st.integers(0, 12_000_000_000),
    again_us=st.integers(0, 12_000_000_000),
)
def test_a_change_leaves_what_has_arrived_and_continues_the_integral(
    traffic: Traffic, new: RateProfile, at_us: int, again_us: int
) -> None:
    old = traffic.profile()
    values = np.sort(
        np.random.default_rng(1).uniform(0, float(old.integral(np.array([at_us]))[0]) * 1.5 + 5, 400)
    )
    joined, before = old, old.invert(values)
    # when the rate changes once, and again later or earlier
    for change_us, other in ((at_us, new), (again_us, old)):
        changed = joined.with_change(change_us, other)
        after = changed.invert(values)
        arrived = before < change_us
        # then what came before is where it was, and the rest comes from then on
        assert np.array_equal(after[arrived], before[arrived])
        assert np.all(after[~arrived] >= change_us)
        assert np.all(np.diff(after) >= 0)
        # and the integral goes on: the same as before until then, the other's growth afterwards
        now, later = np.array([change_us]), change_us + np.array([1_000_000, 500_000_000, 9_000_000_000])
        stood = joined.integral(now)
        assert changed.integral(now) == pytest.approx(stood, rel=1e-9, abs=1e-9)
        grown = other.integral(later) - other.integral(now)
        assert changed.integral(later) - stood == pytest.approx(grown, rel=1e-9, abs=1e-9 * (1 + stood[0]))
        joined, before = changed, after


def test_hundreds_of_changes_stay_exact() -> None:
    # given a slider dragged back and forth: a change every 0.1 s
    values = np.arange(1.0, 20_001.0)
    profile = constant(200)
    for i in range(1, 301):
        before = profile.invert(values)
        profile = profile.with_change(i * 100_000, constant(100.0 + (i * 37) % 200))
        after = profile.invert(values)
        assert np.array_equal(after[before < i * 100_000], before[before < i * 100_000])
        assert after[before >= i * 100_000].min() >= i * 100_000
