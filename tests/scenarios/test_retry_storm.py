"""retry-storm: a stall that is over, a prototype that stays down, a safeguarded version that is back, and why."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from app.analysis.stability.assess import assess
from app.scenario.acts import staged_text
from app.scenario.files import open_scenario, parse_scenario
from tests.harness import Ran, run_seeds
from tests.scenarios.runs import SEEDS, between, by, run_of, share

NAME = "retry-storm"
BEGIN_S, END_S = 45, 65
LAST_S = 240
SEEDS_TO_VARY = range(1, 4)


def good(ran: Ran, variant: str, begin_s: float, end_s: float) -> float:
    return share(between(ran, variant, begin_s, end_s), "good")


def calls_per_request(ran: Ran, variant: str, begin_s: float, end_s: float) -> float:
    requests = between(ran, variant, begin_s, end_s)
    return sum(int(each["attempts"]) for each in requests) / len(requests)


def at_the_end(settings: Iterable[str], variant: str) -> list[float]:
    """The share of good answers in the last minute, for several seeds, with other settings."""
    return [good(ran, variant, LAST_S - 60, LAST_S) for ran in run_seeds(NAME, SEEDS_TO_VARY, [*settings])]


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_before_the_stall_both_are_well_at_half_the_capacity(seed: int) -> None:
    ran = run_of(NAME, seed)
    for variant in ("prototype", "safeguarded"):
        assert good(ran, variant, 0, 30) > 0.9
        assert calls_per_request(ran, variant, 0, 30) <= 1.01
    of = assess(open_scenario(NAME).scenario, "prototype")
    assert of.rho < 0.5
    assert of.recoverable_per_s < of.rate_per_s < of.capacity_per_s / 2


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_the_prototype_never_comes_back_in_eight_times_the_stall(seed: int) -> None:
    ran = run_of(NAME, seed)
    assert LAST_S - END_S > 8 * (END_S - BEGIN_S)
    assert good(ran, "prototype", END_S, LAST_S) < 0.005
    assert calls_per_request(ran, "prototype", END_S, LAST_S) > 2.99


@pytest.mark.parametrize("seed", SEEDS[NAME])
def test_the_safeguarded_version_serves_everybody_and_is_back_at_the_primary_in_a_minute(seed: int) -> None:
    ran = run_of(NAME, seed)
    assert good(ran, "safeguarded", END_S, LAST_S) > 0.93
    later = between(ran, "safeguarded", END_S + 60, LAST_S)
    assert share(later, by("primary")) > 0.8
    assert share(later, by("fallback")) < 0.02
    assert calls_per_request(ran, "safeguarded", END_S + 60, LAST_S) < 1


def test_a_second_model_alone_is_not_what_saves_it() -> None:
    # Given no fallback, then breaker and budget let the queue drain all the same.
    without = ["variants.safeguarded.safeguards.fallback.on=false"]
    assert min(at_the_end(without, "safeguarded")) > 0.9


def test_without_retries_or_with_a_server_that_stops_the_prototype_comes_back_too() -> None:
    # It is the storm that keeps it down, and not the stall.
    assert min(at_the_end(["variants.prototype.safeguards.retry.on=false"], "prototype")) > 0.9
    assert min(at_the_end(["targets.primary.on_cancel=stop"], "prototype")) > 0.9


def test_a_stall_that_is_shorter_than_it_takes_to_tip_it_does_no_lasting_harm() -> None:
    of = assess(open_scenario(NAME).scenario, "prototype")
    assert of.tipping_s is not None
    shorter_s = BEGIN_S + 0.6 * of.tipping_s
    assert min(at_the_end([f"faults.stall.to_s={shorter_s}"], "prototype")) > 0.9


def test_its_acts_end_the_storm_by_switching_the_retries_off() -> None:
    # Given the story as its acts play it, when the last one begins and time has passed
    file = open_scenario(NAME)
    text = staged_text(file.text, file.scenario)
    begins_s = 0.0
    for act in file.scenario.acts:
        for switch in act.changes if begins_s else ():
            text += f'\n[[changes]]\nat_s = {begins_s}\nset = "{switch.set}"\nlabel = "an act"\n'
            text += f"value = {_toml(switch.value)}\n"
        begins_s += act.for_s or 0
    staged = parse_scenario(text, file.path)

    # Then the prototype is down to the end of the act before, and back at the end of this one
    for ran in run_seeds(staged, SEEDS_TO_VARY):
        assert good(ran, "prototype", 60, 100) < 0.01
        assert good(ran, "prototype", begins_s - 20, begins_s) > 0.9


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
