"""The `[traffic]` table: what it accepts, what it refuses, and the rate it comes down to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.errors import UserError
from app.traffic.settings import LEVELS, RatePoint, Spike, Traffic


def expected(traffic: Traffic, until_s: float) -> float:
    return float(traffic.profile().integral(np.array([round(until_s * 1e6)]))[0])


def test_levels_rise_and_say_that_they_are_assumed() -> None:
    levels = list(LEVELS.values())
    assert [level.basis for level in levels] == ["assumed"] * 4
    assert [level.rate_per_s for level in levels] == [0.1, 2.0, 25.0, 200.0]
    assert all(level.sentence.endswith(".") for level in levels)


def test_a_level_is_its_rate() -> None:
    assert expected(Traffic(level="launch_day"), 10) == 250.0


def test_factor_multiplies_everything() -> None:
    assert expected(Traffic(rate_per_s=3, factor=4), 10) == 120.0


def test_points_step_and_ramp() -> None:
    # given 10/s from 0 s, 20/s at once at 10 s, and a ramp down to 0/s at 30 s
    traffic = Traffic(
        points=(
            RatePoint(at_s=0, rate_per_s=10),
            RatePoint(at_s=10, rate_per_s=20),
            RatePoint(at_s=30, rate_per_s=0, ramp=True),
        )
    )
    assert expected(traffic, 10) == 100
    assert expected(traffic, 20) == 100 + 150
    assert expected(traffic, 30) == 100 + 200
    assert expected(traffic, 1000) == 100 + 200


@pytest.mark.parametrize(("ramp", "arrived"), [(False, 0.0), (True, 25.0)])
def test_before_the_first_point_nothing_arrives_unless_it_ramps(ramp: bool, arrived: float) -> None:
    traffic = Traffic(points=(RatePoint(at_s=10, rate_per_s=10, ramp=ramp),))
    assert expected(traffic, 10) == 2 * arrived
    assert expected(traffic, 12) == 2 * arrived + 20


def test_spikes_multiply_where_they_overlap_and_cut_ramps() -> None:
    # given a ramp from 0 to 100/s over 10 s, doubled from 4 to 8 s, and that tripled from 6 to 12 s
    traffic = Traffic(
        points=(RatePoint(at_s=0, rate_per_s=0), RatePoint(at_s=10, rate_per_s=100, ramp=True)),
        spikes=(Spike(at_s=4, duration_s=4, factor=2), Spike(at_s=6, duration_s=6, factor=3)),
    )
    plain = [0, 80, 180, 320, 500, 700]  # the ramp's integral at 0, 4, 6, 8, 10, 12 s
    multiples = [1, 2, 6, 3, 3]
    assert expected(traffic, 12) == pytest.approx(np.dot(np.diff(plain), multiples), rel=1e-12)
    assert expected(traffic, 13) - expected(traffic, 12) == pytest.approx(100, rel=1e-9)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "exactly one of level, rate_per_s and points must be given, here none"),
        ({"level": "demo", "rate_per_s": 1}, "here level and rate_per_s"),
        ({"points": []}, "at least 1 item"),
        ({"points": [{"at_s": 5, "rate_per_s": 1}, {"at_s": 5, "rate_per_s": 2}]}, "in order of at_s"),
        ({"rate_per_s": -1}, "greater than or equal to 0"),
        ({"rate_per_s": float("nan")}, "finite"),
        ({"rate_per_s": 2_000_000}, "less than or equal to 1000000"),
        ({"rate_per_s": 1_000, "factor": 1_001}, "1.001e\\+06 requests per second at 0 s"),
        (
            {"rate_per_s": 1_000, "spikes": [{"at_s": 7, "duration_s": 1, "factor": 5_000}]},
            "5e\\+06 requests per second at 7 s",
        ),
        ({"rate_per_s": 1, "repeat_rate": 1.5}, "less than or equal to 1"),
        ({"rate_per_s": 1, "repeat_window": 0}, "greater than or equal to 1"),
        ({"rate_per_s": 1, "speed": 3}, "Extra inputs"),
        ({"rate_per_s": 1, "arrivals": "gamma"}, "arrivals = 'gamma' needs 'gap_cv'"),
        ({"rate_per_s": 1, "gap_cv": 2}, "'gap_cv' needs arrivals = 'gamma', here it is 'poisson'"),
        ({"rate_per_s": 1, "arrivals": "trace"}, "arrivals = 'trace' needs 'trace'"),
        ({"rate_per_s": 1, "trace": {"path": "t.csv"}}, "'trace' needs arrivals = 'trace'"),
        (
            {"arrivals": "trace", "trace": {"path": "t.csv"}, "level": "demo", "rate_per_s": 1},
            "with a trace at most one of level, rate_per_s and points",
        ),
        ({"rate_per_s": 1, "bursts": {"factor": 0.5}}, "greater than or equal to 1"),
        ({"rate_per_s": 200_000, "launch": {"at_s": 5}}, "2e\\+06 requests per second"),
    ],
)
def test_what_is_wrong_is_said(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Traffic.model_validate(table)


def test_a_copy_with_too_high_a_factor_is_refused_when_its_rate_is_asked_for() -> None:
    traffic = Traffic(rate_per_s=1_000).model_copy(update={"factor": 1e4})
    with pytest.raises(UserError, match="1e\\+07 requests per second"):
        traffic.profile()
