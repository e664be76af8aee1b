"""Arrivals: Poisson ones are Poisson, constant exact, however asked for; a change moves later ones only."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.engine.draws import BLOCK, Draws
from app.traffic.arrivals import Arrivals
from app.traffic.rates import NEVER_US
from app.traffic.settings import Process, Traffic
from tests.traffic.schedules import traffics
from tests.traffic.statistics import LIMIT, assert_poisson, count_z_score, poisson_z_scores

N = 40_000
processes: st.SearchStrategy[Process] = st.sampled_from(["poisson", "constant", "gamma"])


def constant(rate_per_s: float, process: Process = "constant") -> Traffic:
    return traffic_of(process, rate_per_s=rate_per_s)


def traffic_of(process: Process, **settings: Any) -> Traffic:
    return Traffic(arrivals=process, gap_cv=2.5 if process == "gamma" else None, **settings)


def with_process(traffic: Traffic, process: Process) -> Traffic:
    return traffic.model_copy(update={"arrivals": process, "gap_cv": 2.5 if process == "gamma" else None})


def poisson(rate_per_s: float, seed: int = 1, n: int = N) -> NDArray[np.int64]:
    return Arrivals(Draws(seed), constant(rate_per_s, "poisson")).block(0, n)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rate_per_s", [1.0, 50.0, 1000.0])
def test_poisson_arrivals_are_poisson(rate_per_s: float, seed: int) -> None:
    times = poisson(rate_per_s, seed)
    assert_poisson(times)
    until_us = int(N / rate_per_s * 0.9e6)
    count = int(np.searchsorted(times, until_us))
    assert abs(count_z_score(count, until_us / 1e6 * rate_per_s)) < LIMIT


def even(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gap CV 0: what Locust's constant pacing or a metronome would give."""
    return np.linspace(times[0], times[-1], len(times)).astype(np.int64)


def eight_alike(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Eight workers with the same seed: all arrive at once."""
    return np.repeat(times[: N // 8], 8)


def each_gap_twice(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Exponential gaps that are not independent: one draw used for two requests."""
    return np.cumsum(np.repeat(np.diff(times)[: N // 2], 2))


def averaged(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each arrival moved half-way to the next."""
    return (times[1:] + times[:-1]) // 2


def bunched(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every second half minute's arrivals come in the one before: the rate is not constant."""
    window_us = 30_000_000
    return np.sort(np.where((times // window_us) % 2 == 1, times - window_us, times))


def answers_awaited(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Closed loop: the next gap begins when an answer that takes a fixed 10 ms has come back."""
    return times + 10_000 * np.arange(len(times))


@pytest.mark.parametrize(
    ("wrong", "betrayed_by"),
    [
        (even, "gap_cv"),
        (eight_alike, "dispersion"),
        (each_gap_twice, "lag_1"),
        (averaged, "gap_cv"),
        (bunched, "dispersion"),
        (answers_awaited, "gap_cv"),
    ],
)
def test_arrivals_that_are_not_poisson_are_found_out(wrong: object, betrayed_by: str) -> None:
    assert callable(wrong)
    times = wrong(poisson(50.0))
    assert abs(poisson_z_scores(times)[betrayed_by]) > 2 * LIMIT
    with pytest.raises(AssertionError, match=betrayed_by):
        assert_poisson(times)


def test_the_first_gap_is_from_time_zero() -> None:
    # given 2,000 runs at 1/s, when their first arrivals are averaged, then they come 1 s after the start
    first_us = np.array([poisson(1.0, seed, 1)[0] for seed in range(2_000)])
    assert abs((first_us.mean() / 1e6 - 1) * np.sqrt(2_000)) < LIMIT


def test_constant_arrivals_are_exact_and_begin_after_one_spacing() -> None:
    arrivals = Arrivals(Draws(1), constant(50))
    assert arrivals.next_block(3).tolist() == [20_000, 40_000, 60_000]
    assert arrivals.next_block(2).tolist() == [80_000, 100_000]


def test_a_ramp_has_the_counts_of_its_integral() -> None:
    # given 5/s, a ramp to 200/s from 60 to 360 s, a spike in it, and a fall to 20/s
    traffic = Traffic.model_validate(
        {
            "points": [
                {"at_s": 0, "rate_per_s": 5},
                {"at_s": 60, "rate_per_s": 5},
                {"at_s": 360, "rate_per_s": 200, "ramp": True},
                {"at_s": 600, "rate_per_s": 20},
            ],
            "spikes": [{"at_s": 200, "duration_s": 20, "factor": 3}],
        }
    )
    times = Arrivals(Draws(7), traffic).block(0, 120_000)
    edges_us = np.arange(0, 900_000_001, 20_000_000)
    counts, _ = np.histogram(times, bins=edges_us)
    expected = np.diff(traffic.profile().integral(edges_us))
    scores = np.array([count_z_score(c, e) for c, e in zip(counts, expected, strict=True)])
    # then no window of 20 s is off, and together they scatter as they should
    assert np.max(np.abs(scores)) < LIMIT
    assert abs((np.sum(scores**2) - len(scores)) / np.sqrt(2 * len(scores))) < LIMIT


@settings(max_examples=50)
@given(
    traffic=traffics(), process=processes, sizes=st.lists(st.integers(1, 3 * BLOCK), min_size=1, max_size=8)
)
def test_blocks_of_any_size_give_the_same_arrivals_in_order(
    traffic: Traffic, process: Process, sizes: list[int]
) -> None:
    traffic = with_process(traffic, process)
    at_once = Arrivals(Draws(3), traffic).block(0, sum(sizes))
    arrivals = Arrivals(Draws(3), traffic)
    assert np.array_equal(np.concatenate([arrivals.next_block(size) for size in sizes]), at_once)
    assert np.all(np.diff(at_once) >= 0)
    assert at_once[0] >= 0


@given(first=st.integers(0, 20_000), count=st.integers(0, 3_000))
def test_any_range_can_be_asked_for_at_any_time(first: int, count: int) -> None:
    everything = poisson(10.0, seed=4, n=23_000)
    assert np.array_equal(
        Arrivals(Draws(4), constant(10.0, "poisson")).block(first, count), everything[first : first + count]
    )


def test_next_block_goes_on_behind_the_last_range_asked_for() -> None:
    arrivals = Arrivals(Draws(4), constant(10.0, "poisson"))
    planned = arrivals.next_block(5_000)
    assert np.array_equal(arrivals.block(100, 50), planned[100:150])
    assert np.array_equal(arrivals.next_block(10), planned[150:160])


@settings(max_examples=50)
@given(old=traffics(), new=traffics(), process=processes, at_us=st.integers(0, 5_000_000_000))
def test_a_change_leaves_earlier_arrivals_where_they_were(
    old: Traffic, new: Traffic, process: Process, at_us: int
) -> None:
    arrivals = Arrivals(Draws(5), with_process(old, process))
    before = arrivals.block(0, 3_000)
    arrivals.change(at_us, new)
    after = arrivals.block(0, 3_000)
    arrived = before < at_us
    assert np.array_equal(after[arrived], before[arrived])
    assert np.all(after[~arrived] >= at_us)


def test_a_change_sets_the_new_rate_from_then_on() -> None:
    # given constant arrivals at 10/s, when the rate becomes 100/s half-way between two
    arrivals = Arrivals(Draws(1), constant(10))
    arrivals.change(450_000, constant(100))
    # then the half that was waited for counts, and the other half passes at the new rate
    times = arrivals.block(0, 7)
    assert times[:4].tolist() == [100_000, 200_000, 300_000, 400_000]
    assert np.max(np.abs(times[4:] - [455_000, 465_000, 475_000])) <= 1


def test_stopping_and_resuming_loses_no_request() -> None:
    arrivals = Arrivals(Draws(1), constant(10))
    arrivals.change(250_000, constant(0))
    assert arrivals.block(0, 4).tolist() == [100_000, 200_000, NEVER_US, NEVER_US]
    arrivals.change(9_000_000, constant(10))
    assert np.max(np.abs(arrivals.block(2, 2) - [9_050_000, 9_150_000])) <= 1


@given(rate_per_s=st.floats(0.01, 100_000), process=processes, seed=st.integers(0, 2**32))
def test_twice_the_factor_halves_the_times(rate_per_s: float, process: Process, seed: int) -> None:
    once = traffic_of(process, rate_per_s=rate_per_s)
    twice = once.model_copy(update={"factor": 2.0})
    slow = Arrivals(Draws(seed), once).block(0, 500)
    fast = Arrivals(Draws(seed), twice).block(0, 500)
    assert np.max(np.abs(slow - 2 * fast)) <= 1


def test_a_million_requests_take_no_more_memory_than_a_few() -> None:
    arrivals = Arrivals(Draws(1), constant(1000, "poisson"))
    arrivals.next_block(BLOCK)
    tracemalloc.start()
    for _ in range(1_000_000 // BLOCK):
        arrivals.next_block(BLOCK)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # then there are some arrays of a block's size, and not a million of anything
    assert peak < 20 * 8 * BLOCK
