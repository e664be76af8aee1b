"""What faults draw beside whether they fire depends on the attempt, and not on who drew before."""

from __future__ import annotations

from app.engine.draws import Draws
from app.faults.strikes import FurtherDraws
from tests.faults.struck import struck_by


def test_a_hedge_has_draws_of_its_own_whoever_draws_first() -> None:
    fault = struck_by("slow_first_token")
    one, other = FurtherDraws("primary", Draws(3)), FurtherDraws("primary", Draws(3))
    call, hedge = one.of(fault, 7, 0, 0)("spread"), one.of(fault, 7, 0, 1)("spread")
    assert call != hedge
    assert other.of(fault, 7, 0, 1)("spread") == hedge
    assert other.of(fault, 7, 0, 0)("spread") == call


def test_attempts_share_the_draws_of_a_fault_that_strikes_by_request() -> None:
    fault = struck_by("slow_first_token", per="request")
    draws = FurtherDraws("primary", Draws(3))
    assert draws.of(fault, 7, 0, 0)("spread") == draws.of(fault, 7, 2, 1)("spread")
