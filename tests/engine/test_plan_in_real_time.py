"""The plan as real time uses it: taken in small steps, given back, delayed by pauses; the requests stay what they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.draws import Draws
from app.engine.plan import Plan
from app.engine.questions import QuestionBook
from app.faults.fault_set import FaultSet
from app.inputs.bounded import BoundedWorker
from app.inputs.preparation import prepare_inputs
from app.safeguards.request import PlannedRequest
from app.scenario.files import parse_scenario
from app.traffic.rates import NEVER_US
from tests.engine.small import scenario

MICRO = 1_000_000
MAKE = Callable[..., Plan]


@pytest.fixture(scope="module")
def make() -> Iterator[MAKE]:
    """Makes plans of one scenario of a minute, with repeats."""
    file = scenario(duration_s=60, arrivals="poisson", rate_per_s=3, repeat_rate=0.3)
    plain = parse_scenario(file.text, file.path)
    with BoundedWorker() as worker:
        inputs = prepare_inputs(plain, worker)
        draws = Draws(inputs.scenario.seed)

        def plan(**options: int) -> Plan:
            book = QuestionBook(inputs, draws, worker)
            return Plan(inputs.scenario, draws, book, FaultSet((), draws, ()), **options)

        yield plan


def asked(requests: list[PlannedRequest]) -> list[tuple[object, ...]]:
    """What is asked, and when."""
    return [(each[0], each[1], each[2].key, each[3]) for each in requests]


@dataclass
class Taken:
    """Requests as they were handed out, when in the end."""

    requests: list[PlannedRequest] = field(default_factory=list)
    until_us: int = -1


steps = st.lists(
    st.tuples(st.sampled_from(["take", "back", "pause"]), st.integers(1, 8 * MICRO)), max_size=12
)


@settings(deadline=None, max_examples=15)
@given(steps=steps, block=st.integers(1, 40))
def test_however_it_is_taken_and_paused_the_same_requests_come_so_much_later(
    make: MAKE, steps: list[tuple[str, int]], block: int
) -> None:
    # given the requests as they come without a pause
    whole = make().take(120 * MICRO)
    plan = make(block=block)
    taken = Taken()
    pauses: list[tuple[int, int]] = []

    # when they are taken in steps, taken back, and paused
    for what, length_us in steps:
        if what == "take":
            taken.until_us += length_us
            taken.requests += plan.take(taken.until_us)
            continue
        at_us = max(taken.until_us - length_us, pauses[-1][0] + pauses[-1][1] if pauses else 0, 0)
        back = [each for each in taken.requests if each[1] >= at_us]
        taken.requests = taken.requests[: len(taken.requests) - len(back)]
        plan.put_back(back)
        taken.until_us = min(taken.until_us, at_us - 1)
        if what == "pause" and taken.until_us == at_us - 1:
            plan.delay(at_us, length_us)
            pauses.append((at_us, length_us))
            taken.until_us = at_us + length_us - 1
    taken.requests += plan.take(10**9)

    # then each comes so much later as the pauses before it lasted
    expected = []
    for number, first_us, key, cache_key in asked(whole):
        assert isinstance(first_us, int)
        then_us = first_us
        for at_us, length_us in pauses:
            then_us += length_us if then_us >= at_us else 0
        expected.append((number, then_us, key, cache_key))
    assert asked(taken.requests) == expected
    assert plan.exhausted
    assert plan.last_us == 60 * MICRO + sum(length_us for _, length_us in pauses)


@pytest.mark.parametrize("most", [1, 7, 10_000])
def test_the_horizon_is_no_more_requests_away_than_are_wanted(make: MAKE, most: int) -> None:
    # given a minute of three requests a second
    whole = make().take(120 * MICRO)
    # then the horizon is the arrival of one of them: so many ahead, or the last
    plan = make()
    assert plan.horizon_us(most) == whole[min(most, len(whole)) - 1][1]
    # and there is none behind the last
    assert asked(plan.take(120 * MICRO)) == asked(whole)
    assert plan.horizon_us(most) == NEVER_US
