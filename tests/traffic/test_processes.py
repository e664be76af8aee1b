"""Every arrival process against its own theory, at 1, 50 and 1,000 per second, and while the rate changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.engine.draws import BLOCK, Draws
from app.traffic.arrivals import Arrivals
from app.traffic.rates import NEVER_US
from app.traffic.sequences import gap_purposes, unit_gaps
from app.traffic.settings import Bursts, Day, Launch, Replay, Spike, Traffic
from app.traffic.trace import Trace
from tests.traffic.schedules import traffics
from tests.traffic.statistics import LIMIT, assert_poisson, count_z_score
from tests.traffic.theory import Look, burst_look, gamma_look, z_scores

REPLICAS = 60
RATES = [1.0, 50.0, 1000.0]


def arrivals_until(traffic: Traffic, seed: int, until_s: float) -> NDArray[np.int64]:
    arrivals = Arrivals(Draws(seed), traffic, until_us=round(until_s * 1e6))
    parts = [arrivals.next_block(BLOCK)]
    while parts[-1][-1] < until_s * 1e6:
        parts.append(arrivals.next_block(BLOCK))
    times = np.concatenate(parts)
    return times[times < until_s * 1e6]


def assert_looks(traffic: Traffic, until_s: float, window_s: float, theory: Look, precision: Look) -> None:
    """All z below LIMIT, with standard errors that are small enough to mean something."""
    replicas = [arrivals_until(traffic, seed, until_s) for seed in range(REPLICAS)]
    found = z_scores(replicas, window_s * 1e6, theory)
    for name, (z, error) in found.items():
        assert abs(z) < LIMIT, (name, z, theory)
        assert error < getattr(precision, name), (name, error, theory)


@pytest.mark.parametrize("rate_per_s", RATES)
def test_poisson_arrivals_look_like_their_theory(rate_per_s: float) -> None:
    # given 60 runs of 8,000 gaps; windows of 400 arrivals
    assert_looks(
        Traffic(rate_per_s=rate_per_s),
        until_s=8_000 / rate_per_s,
        window_s=400 / rate_per_s,
        theory=Look(1, 1, 0),
        precision=Look(0.01, 0.06, 0.003),
    )


@pytest.mark.parametrize("rate_per_s", [*RATES, 3.0, 700.0])
def test_constant_arrivals_vary_by_no_more_than_the_rounding(rate_per_s: float) -> None:
    times = arrivals_until(Traffic(arrivals="constant", rate_per_s=rate_per_s), 1, 10_000 / rate_per_s)
    gaps = np.diff(times)
    assert np.ptp(gaps) <= 1
    # the gaps' CV is at most half a microsecond over their mean, and every window of 100 has its 100
    assert gaps.std() / gaps.mean() <= 0.5 / (1e6 / rate_per_s)
    counts = np.bincount(((times - times[0]) * rate_per_s / 1e8 + 0.005).astype(np.int64))
    assert set(counts[:-1].tolist()) == {100}


@pytest.mark.parametrize("rate_per_s", RATES)
def test_a_trace_stretched_to_a_rate_looks_as_it_was_recorded(rate_per_s: float) -> None:
    # given gamma gaps as a trace at 20 a second
    recorded = arrivals_until(Traffic(arrivals="gamma", gap_cv=2, rate_per_s=20), 6, 1_000)
    recorded -= recorded[0]
    traffic = Traffic(arrivals="trace", trace=Replay(path="t.csv"), rate_per_s=rate_per_s)
    played = Arrivals(Draws(1), traffic, Trace(recorded, None, None, ())).block(0, len(recorded))
    # then gaps and windows of as many arrivals are in proportion, to the microsecond
    stretch = played[-1] / recorded[-1]
    assert stretch == pytest.approx(20 / rate_per_s, rel=0.05)
    assert np.max(np.abs(played - recorded * stretch)) <= 2 + stretch


@pytest.mark.parametrize("rate_per_s", RATES)
@pytest.mark.parametrize("cv", [0.3, 1.0, 3.0])
def test_gamma_gaps_look_like_their_theory(cv: float, rate_per_s: float) -> None:
    # given 60 runs of 8,000 gaps; windows of 400 arrivals
    assert_looks(
        Traffic(arrivals="gamma", gap_cv=cv, rate_per_s=rate_per_s),
        until_s=8_000 / rate_per_s,
        window_s=400 / rate_per_s,
        theory=gamma_look(cv, 400),
        precision=Look(0.02 * cv, 0.06 * cv**2, 0.003),
    )


@pytest.mark.parametrize("rate_per_s", RATES)
def test_bursts_look_like_a_markov_modulated_poisson_process(rate_per_s: float) -> None:
    # given stays of 50 and 200 arrivals on average, eight times the rate in bursts; 60 runs of 25,000 arrivals
    bursts = Bursts(factor=8, mean_burst_s=50 / rate_per_s, mean_quiet_s=200 / rate_per_s)
    window_s = 100 / rate_per_s
    assert_looks(
        Traffic(rate_per_s=rate_per_s, bursts=bursts),
        until_s=25_000 / rate_per_s,
        window_s=window_s,
        theory=burst_look(bursts, rate_per_s, window_s),
        precision=Look(0.02, 1.6, 0.005),
    )


@pytest.mark.parametrize("rate_per_s", RATES)
@pytest.mark.parametrize(
    "shape",
    [
        {"day": Day(peak_at_s=700, length_s=1_000, low_share=0.2)},
        {"launch": Launch(at_s=100, rise_s=50, hold_s=20, half_life_s=60, peak_factor=5)},
        {"spikes": (Spike(at_s=5, duration_s=10, factor=4), Spike(at_s=10, duration_s=500, factor=0.3))},
    ],
)
def test_a_rate_with_a_course_is_poisson_on_the_scale_of_its_integral(
    shape: dict[str, Any], rate_per_s: float
) -> None:
    traffic = Traffic.model_validate({"rate_per_s": rate_per_s, **shape})
    until_s = min(30_000 / rate_per_s, 5_000.0)
    times = arrivals_until(traffic, 3, until_s)
    profile = traffic.profile()
    # the arrivals' integrals, in thousandths, are Poisson arrivals of rate one
    assert_poisson(np.rint(profile.integral(times) * 1e6).astype(np.int64))
    expected = profile.integral(np.array([round(until_s * 1e6)]))[0]
    assert abs(count_z_score(len(times), expected)) < LIMIT


def rate_at(traffic: Traffic, at_s: float) -> float:
    around = np.array([round(at_s * 1e6) - 50, round(at_s * 1e6) + 50])
    return float(np.diff(traffic.profile().integral(around))[0] * 1e4)


def test_a_day_has_its_peak_and_its_low_every_day() -> None:
    traffic = Traffic(rate_per_s=100, day=Day(peak_at_s=50_000, low_share=0.1))
    for day in (0, 1, 364):
        assert rate_at(traffic, 50_000 + day * 86_400) == pytest.approx(100, rel=1e-3)
        assert rate_at(traffic, 50_000 + 43_200 + day * 86_400) == pytest.approx(10, rel=1e-3)
        assert rate_at(traffic, 50_000 + 21_600 + day * 86_400) == pytest.approx(55, rel=1e-3)


def test_a_launch_rises_holds_and_falls_by_half_lives() -> None:
    launch = Launch(at_s=100, rise_s=50, hold_s=20, half_life_s=60, peak_factor=10, settled_factor=2)
    traffic = Traffic(rate_per_s=10, launch=launch)
    wanted = {50: 10, 125: 55, 160: 100, 230: 60, 290: 40, 2_000: 20}
    assert {at: round(rate_at(traffic, at), 1) for at in wanted} == pytest.approx(wanted, rel=0.01)


def test_bursts_keep_the_mean_rate() -> None:
    bursts = Bursts(factor=30, mean_burst_s=2, mean_quiet_s=20)
    share = bursts.mean_burst_s / (bursts.mean_burst_s + bursts.mean_quiet_s)
    assert share * bursts.burst_factor + (1 - share) * bursts.quiet_factor == pytest.approx(1)
    assert bursts.burst_factor / bursts.quiet_factor == pytest.approx(30)


@pytest.mark.parametrize("cv", [0.3, 1.0, 3.0])
def test_a_gap_is_the_same_alone_and_in_a_block_and_its_draws_are_known(cv: float) -> None:
    draws, numbers = Draws(9), np.arange(200, dtype=np.uint64)
    together = unit_gaps(draws, cv**-2, numbers)
    alone = [unit_gaps(draws, cv**-2, numbers[i : i + 1])[0] for i in range(200)]
    assert np.array_equal(together, alone)
    purposes = gap_purposes(draws, Traffic(arrivals="gamma", gap_cv=cv, rate_per_s=1), 7)
    assert ("traffic.gap.boost" in purposes) == (cv > 1)
    assert "traffic.gap.try0" in purposes


@settings(max_examples=40)
@given(
    old=traffics(),
    new=traffics(),
    at_us=st.integers(0, 2_000_000_000),
    bursts=st.builds(Bursts, mean_burst_s=st.floats(1, 50), mean_quiet_s=st.floats(1, 500)),
    reach_us=st.integers(0, 3_000_000_000),
)
def test_bursts_that_reach_further_or_change_move_no_earlier_arrival(
    old: Traffic, new: Traffic, at_us: int, bursts: Bursts, reach_us: int
) -> None:
    old, new = (each.model_copy(update={"bursts": bursts}) for each in (old, new))
    arrivals = Arrivals(Draws(5), old, until_us=reach_us)
    before = arrivals.block(0, 2_000)
    arrivals.reach(reach_us + 1_000_000_000)
    further = arrivals.block(0, 2_000)
    assert np.array_equal(further[before < reach_us], before[before < reach_us])
    arrivals.change(at_us, new)
    after = arrivals.block(0, 2_000)
    arrived = further < at_us
    assert np.array_equal(after[arrived], further[arrived])
    assert np.all(after[~arrived] >= at_us)
    assert np.all(np.diff(after) >= 0)


def trace_of(*times_s: float) -> Trace:
    return Trace(np.array([round(t * 1e6) for t in times_s], dtype=np.int64), None, None, ())


@given(times=st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_a_trace_plays_to_the_microsecond_and_then_ends(times: list[int]) -> None:
    recorded = np.sort(np.array(times, dtype=np.int64)) - min(times)
    traffic = Traffic(arrivals="trace", trace=Replay(path="t.csv"))
    rate = Trace(recorded, None, None, ()).rate_per_s
    if rate <= 1e6:
        played = Arrivals(Draws(1), traffic, Trace(recorded, None, None, ())).block(0, len(times) + 2)
        assert played.tolist() == [*recorded.tolist(), NEVER_US, NEVER_US]


def test_a_trace_plays_faster_is_multiplied_and_stretched() -> None:
    trace = trace_of(0, 1, 4, 10)
    replay = Replay(path="t.csv", speed=2)
    played = Arrivals(Draws(1), Traffic(arrivals="trace", trace=replay, factor=5), trace).block(0, 4)
    assert played.tolist() == [0, 100_000, 400_000, 1_000_000]
    # three gaps in ten seconds at 3/s on average: a second in all
    stretched = Arrivals(Draws(1), Traffic(arrivals="trace", trace=replay, rate_per_s=3), trace).block(0, 4)
    assert stretched.tolist() == [0, 100_000, 400_000, 1_000_000]


def test_a_trace_changes_its_pace_while_it_plays() -> None:
    traffic = Traffic(arrivals="trace", trace=Replay(path="t.csv"))
    arrivals = Arrivals(Draws(1), traffic, trace_of(0, 1, 4, 10))
    arrivals.change(2_000_000, traffic.model_copy(update={"factor": 2.0}))
    assert np.max(np.abs(arrivals.block(0, 4) - [0, 1_000_000, 3_000_000, 6_000_000])) <= 1
