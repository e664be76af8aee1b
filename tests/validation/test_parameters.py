"""What can be set of a known result, as a form shows it."""

from __future__ import annotations

import pytest

from app.analysis.validation.parameters import parameters_of, settings_of
from app.analysis.validation.results import RESULTS, cases_of


@pytest.mark.parametrize("name", RESULTS)
def test_a_case_written_as_settings_is_the_same_case(name: str) -> None:
    for case in RESULTS[name].cases():
        assert cases_of(name, [f"{key}={value}" for key, value in settings_of(case).items()]) == [case]


def test_bounds_and_choices_are_told() -> None:
    told = {each.key: each for each in parameters_of(RESULTS["metastable"])}
    assert told["outage_mode"].choices == ("redeliver", "lost")
    assert told["drop_expired"].choices == ("false", "true")
    rho, *_, precision = parameters_of(RESULTS["md1"])
    assert (rho.key, rho.bounds) == ("rho", "more than 0 to 0.98")
    assert (precision.key, precision.bounds) == ("precision", "more than 0 to 1")


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_tells_its_source(name: str) -> None:
    assert len(RESULTS[name].source) > 20
