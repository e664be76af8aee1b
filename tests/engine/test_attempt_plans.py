"""What attempts would meet: the same however, and how late, it is asked for."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.attempt_plans import AttemptPlans
from app.engine.draws import Draws
from app.faults.fault_set import FaultSet
from app.faults.latency import Hang
from app.faults.provider_errors import ServerError
from app.providers.prices import Price
from app.providers.profile import Target, Tokens

numbers = st.integers(0, 300_000)
roles = st.tuples(st.integers(0, 2), st.integers(0, 1))


def plans(*, primary: bool) -> AttemptPlans:
    """Those of a target that fails now and then."""
    draws = Draws(3)
    target = Target(price=Price(input_usd_per_million_tokens=1, output_usd_per_million_tokens=1))
    faults = FaultSet([Hang(rate=0.1), ServerError(rate=0.3)], draws, [True, True])
    return AttemptPlans("primary", target, Tokens(), faults, draws, primary=primary)


@settings(max_examples=20, deadline=None)
@given(primary=st.booleans(), asked=st.lists(st.tuples(roles, numbers), min_size=1, max_size=60))
def test_a_plan_depends_on_role_and_number_alone(
    primary: bool, asked: list[tuple[tuple[int, int], int]]
) -> None:
    # given plans that are asked for in any order, over more blocks than are kept
    many = plans(primary=primary)
    found = [many.plan(*role, number) for role, number in asked]
    # when each is asked of others that have computed nothing yet
    for (role, number), plan in zip(asked[:5], found, strict=False):
        # then it is the same
        assert plans(primary=primary).plan(*role, number) == plan
    # and the same again
    assert [many.plan(*role, number) for role, number in asked] == found
