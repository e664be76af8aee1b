"""Schedules: windows in exact microseconds, and random incidents that keep their places."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.draws import Draws
from app.faults.provider_errors import ServerError
from app.faults.schedule import FOREVER_US, Schedule, windows


def of(count: int = 5, *, seed: int = 1, **settings: Any) -> list[tuple[int, int]]:
    """The first windows of a fault with this schedule."""
    fault = ServerError.model_validate({"rate": 1} | settings)
    return list(islice(windows(fault, Draws(seed)), count))


def test_always_unless_told_otherwise() -> None:
    assert of() == [(0, FOREVER_US)]


def test_from_and_to_in_microseconds() -> None:
    assert of(from_s=1.5) == [(1_500_000, FOREVER_US)]
    assert of(from_s=0.1, to_s=0.3) == [(100_000, 300_000)]


def test_flapping_is_bad_for_so_long_out_of_every_period() -> None:
    assert of(3, period_s=10, bad_s=2.5) == [
        (0, 2_500_000),
        (10_000_000, 12_500_000),
        (20_000_000, 22_500_000),
    ]
    assert of(2, from_s=100, phase_s=4, period_s=10, bad_s=2) == [
        (104_000_000, 106_000_000),
        (114_000_000, 116_000_000),
    ]
    assert of(period_s=10, bad_s=4, to_s=12) == [(0, 4_000_000), (10_000_000, 12_000_000)]


def test_incidents_have_the_lengths_and_gaps_that_were_asked_for() -> None:
    found = of(20_000, mean_between_s=100, mean_duration_s=10)
    lengths = [end - begin for begin, end in found]
    gaps = [later[0] - earlier[1] for earlier, later in pairwise(found)]

    # An exponential's mean over n draws is off by 3/sqrt(n) of itself at the most, 999 times in 1,000: 2 %.
    assert sum(lengths) / len(lengths) == pytest.approx(10e6, rel=0.025)
    assert sum(gaps) / len(gaps) == pytest.approx(100e6, rel=0.025)
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(found))


def test_another_seed_has_other_incidents_and_another_id_too() -> None:
    schedule: dict[str, Any] = {"mean_between_s": 60.0, "mean_duration_s": 5.0}
    assert of(seed=1, **schedule) != of(seed=2, **schedule)
    assert of(**schedule) != of(id="other", **schedule)
    assert of(**schedule) == of(**schedule)


def test_a_shorter_stretch_has_the_same_incidents_as_far_as_it_goes() -> None:
    schedule: dict[str, Any] = {"mean_between_s": 60.0, "mean_duration_s": 20.0}
    long = of(50, to_s=1000, **schedule)
    short = of(50, to_s=400, **schedule)

    assert short == [(begin, min(end, 400_000_000)) for begin, end in long if begin < 400_000_000]


def test_incidents_begin_after_the_fault_does() -> None:
    early, late = (
        of(mean_between_s=60, mean_duration_s=5),
        of(from_s=100, mean_between_s=60, mean_duration_s=5),
    )
    assert late == [(begin + 100_000_000, end + 100_000_000) for begin, end in early]


def test_a_schedule_is_on_from_the_first_microsecond_to_the_last_but_one() -> None:
    fault = ServerError(rate=1, from_s=1, to_s=2)
    for now_us, on, next_us in (
        (0, False, 1_000_000),
        (999_999, False, 1_000_000),
        (1_000_000, True, 2_000_000),
        (1_999_999, True, 2_000_000),
        (2_000_000, False, FOREVER_US),
    ):
        schedule = Schedule(fault, Draws(1), now_us)
        assert (schedule.on, schedule.next_us) == (on, next_us)


@given(
    kind=st.sampled_from(["window", "flapping", "incidents"]),
    first=st.integers(0, 20),
    length=st.integers(1, 60),
    period=st.integers(1, 10),
    bad=st.integers(1, 10),
    seed=st.integers(0, 1000),
    now_us=st.integers(0, 100_000_000),
)
def test_a_schedule_taken_up_late_is_where_one_that_was_stepped_through_is(
    kind: str, first: int, length: int, period: int, bad: int, seed: int, now_us: int
) -> None:
    settings: dict[str, float] = {"rate": 1, "from_s": first, "to_s": first + length}
    if kind == "flapping":
        settings |= {"period_s": max(period, bad), "bad_s": min(period, bad), "phase_s": period / 2}
    elif kind == "incidents":
        settings |= {"mean_between_s": period, "mean_duration_s": bad}
    fault = ServerError.model_validate(settings)

    stepped = Schedule(fault, Draws(seed), 0)
    while stepped.next_us <= now_us:
        stepped.step()
    late = Schedule(fault, Draws(seed), now_us)

    assert (late.on, late.next_us) == (stepped.on, stepped.next_us)
    in_a_window = any(begin <= now_us < end for begin, end in windows(fault, Draws(seed)))
    assert late.on is in_a_window
