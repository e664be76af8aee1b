"""What is predicted against what the engine does: where it recovers and where it does not, and how soon.

Where the target works on to the end of calls whose callers have left, the prediction holds both ways, 15 % from the
boundary. Where it stops or drops them, "recovers" holds, and "may not recover" says no more than that: chance may free it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from app.analysis.fault_bands import Band
from app.analysis.stability.assess import Assessment, assess
from app.analysis.stability.measured import Return, course_of, measure
from app.scenario.edit import with_setting
from app.scenario.files import ScenarioFile
from app.sessions.vocabulary import OUTCOMES
from tests.analysis.stability.scenarios import (
    BREAKER,
    BUDGET,
    CONSTANT,
    DURATION_S,
    EXPONENTIAL,
    LOGNORMAL,
    OUTAGE,
    overload,
)
from tests.engine.small import Small, small_runs

MARGIN = 0.15
TOLERANCE_S, TOLERANCE = 4.0, 0.15
"""Of the predicted time, for evenly spaced arrivals."""
SERVICES = {"constant": CONSTANT, "lognormal": LOGNORMAL, "exponential": EXPONENTIAL}
BOUNDS = {"plain": "", "budget": BUDGET, "breaker": BREAKER}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("stability")) as runs:
        yield runs


def assessed(file: ScenarioFile) -> Assessment:
    return assess(file.scenario, "bare")


def after_the_outage(small: Small, file: ScenarioFile) -> tuple[Return, float]:
    """When it was back, and how many of the last half minute's requests were well."""
    requests = small.run(file).requests("bare")
    columns = (
        np.array([each["intended_us"] for each in requests]),
        np.array([each["attempts"] for each in requests]),
        np.array([OUTCOMES.index(each["outcome"]) for each in requests]),
    )
    course = course_of(*columns, DURATION_S)
    share = course.share_good(DURATION_S - 30, DURATION_S)
    assert share is not None
    return measure(course, [Band(*OUTAGE, "Out")]).returns[0], share


@pytest.mark.parametrize("share", [0.6, 0.85])
@pytest.mark.parametrize(
    ("service", "retries", "bound"),
    [
        ("constant", 0, "plain"),
        ("constant", 1, "plain"),
        ("constant", 2, "plain"),
        ("lognormal", 1, "plain"),
        ("lognormal", 4, "plain"),
        ("lognormal", 2, "budget"),
        ("constant", 2, "breaker"),
        ("lognormal", 4, "breaker"),
    ],
)
def test_below_the_boundary_it_is_back_when_predicted(
    small: Small, service: str, retries: int, bound: str, share: float
) -> None:
    # Given a load that is a share of what it recovers from
    of = assessed(overload(retries=retries, service=SERVICES[service], more=BOUNDS[bound]))
    file = overload(of.recoverable_per_s * share, retries, service=SERVICES[service], more=BOUNDS[bound])
    expected = assessed(file)
    assert expected.verdict == "recovers"
    after_s = expected.recoveries[0].after_s
    assert after_s is not None

    # When the target has stood still for 20 s, then it is back at the predicted time, and stays
    returned, last = after_the_outage(small, file)
    assert returned.after_s is not None
    assert abs(returned.after_s - after_s) <= TOLERANCE_S + TOLERANCE * after_s
    assert last > 0.97


@pytest.mark.parametrize("above", [1 + MARGIN, 1.4])
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("retries", [1, 2, 4])
def test_above_the_boundary_it_never_is(small: Small, service: str, retries: int, above: float) -> None:
    of = assessed(overload(retries=retries, service=SERVICES[service]))
    file = overload(
        of.recoverable_per_s * above, retries, service=SERVICES[service], arrivals="poisson", seed=retries
    )
    expected = assessed(file)
    assert expected.verdict == "may not recover"
    assert expected.recoveries[0].after_s is None

    returned, last = after_the_outage(small, file)
    assert returned.after_s is None
    assert last < 0.02


@pytest.mark.parametrize("service", ["lognormal", "exponential"])
@pytest.mark.parametrize("on_cancel", ["finish", "stop"])
@pytest.mark.parametrize("bound", BOUNDS)
def test_below_the_boundary_it_recovers_whatever_chance_does(
    small: Small, service: str, on_cancel: str, bound: str
) -> None:
    given = partial(
        overload, retries=4, service=SERVICES[service], more=BOUNDS[bound], on_cancel=on_cancel, seed=3
    )
    below = assessed(given()).recoverable_per_s * (1 - MARGIN)
    file = given(below, arrivals="poisson")
    assert assessed(file).verdict == "recovers"

    returned, last = after_the_outage(small, file)
    assert returned.after_s is not None
    assert last > 0.9


def test_a_target_that_stops_may_stay_half_down_when_its_calls_all_take_about_as_long(small: Small) -> None:
    of = assessed(overload(retries=2, service=LOGNORMAL, on_cancel="stop"))
    file = overload(
        of.recoverable_per_s * 1.2, 2, service=LOGNORMAL, on_cancel="stop", arrivals="poisson", seed=1
    )
    assert assessed(file).verdict == "may not recover"

    returned, last = after_the_outage(small, file)
    assert returned.after_s is None
    assert last < 0.7


def test_where_the_outages_work_is_lost_it_is_back_at_once(small: Small) -> None:
    # Given a load at which work that is kept would never drain
    file = overload(13, 1, mode="lost")
    expected = assessed(file)
    assert expected.recoveries[0].after_s == 0

    returned, last = after_the_outage(small, file)
    assert returned.after_s is not None
    assert returned.after_s <= TOLERANCE_S
    assert last == 1


def test_an_outage_that_is_too_short_tips_nothing_and_one_that_is_longer_does(small: Small) -> None:
    given = overload(12, 2)
    tipping_s = assessed(given).tipping_s
    assert tipping_s is not None
    for factor, back in ((0.8, True), (1.2, False)):
        to_s = OUTAGE[0] + factor * tipping_s
        file = replace(given, scenario=with_setting(given.scenario, "faults.outage.to_s", to_s))
        assert (assessed(file).recoveries[0].after_s is not None) is back
        _, last = after_the_outage(small, file)
        assert (last > 0.97) is back
