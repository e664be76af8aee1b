"""Axes end and tick at round numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from widgets.charts.scales import (
    Ceiling,
    clock,
    clock_ticks,
    end_of_time,
    nice_top,
    slow_top,
    time_ticks,
    without_lone_points,
)


@given(st.floats(1e-9, 1e12))
def test_a_top_has_room_but_not_more_than_a_third_too_much(value: float) -> None:
    top = nice_top(value)
    assert value <= top * (1 + 1e-9)
    assert top <= value * 1.36


def test_nothing_has_a_top_too() -> None:
    assert nice_top(0) == nice_top(float("nan")) == 1


def test_a_ceiling_only_grows() -> None:
    ceiling = Ceiling()
    assert [ceiling.raise_to(value) for value in (0, 7, 3, 8, 8.1)] == [1, 8, 8, 8, 10]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (65, "1:05"), (599.6, "10:00"), (3600, "1:00:00"), (90_061, "1 d 1:01:01")],
)
def test_virtual_time_is_written_as_on_a_clock(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@given(st.floats(0, 1e6), st.floats(4, 3e6), st.integers(2, 12))
def test_time_ticks_lie_in_view_and_are_few(from_s: float, span_s: float, most: int) -> None:
    ticks = clock_ticks(from_s, from_s + span_s, most)
    assert len(ticks) <= most + 1
    assert all(from_s - 1e-3 <= tick <= from_s + span_s + 1e-3 for tick in ticks)


def test_the_axis_of_a_run_grows_in_steps_while_it_drains() -> None:
    assert [end_of_time(300, until, 5) for until in (0, 300, 301, 315, 316)] == [300, 300, 315, 315, 330]


def test_the_chart_of_times_ends_at_a_minute_unless_it_must_go_on() -> None:
    assert [slow_top(value) for value in (0, 60, 61, 601, 1e9)] == [60, 60, 180, 1800, 86_400]
    assert [text for _, text in time_ticks(60)] == ["0.1 s", "1 s", "10 s", "60 s"]


def test_a_value_between_two_gaps_becomes_as_wide_as_its_bin() -> None:
    starts = np.arange(0, 50, 10, dtype=np.float64)
    x, y = without_lone_points(starts, 10, np.array([np.nan, 2, np.nan, 3, 4]))
    assert x.tolist() == [5, 10, 20, 25, 35, 45]
    np.testing.assert_array_equal(y, [np.nan, 2, 2, np.nan, 3, 4])
