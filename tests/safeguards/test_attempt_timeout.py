"""The attempt timeout bounds each call by itself."""

from __future__ import annotations

from app.safeguards.attempt_timeout import AttemptTimeout
from app.safeguards.commands import FOREVER_US
from app.safeguards.errors import TIMEOUT
from app.safeguards.retry import Retry
from tests.safeguards.script import Bench


def test_each_attempt_has_the_whole_of_it() -> None:
    bench = Bench(Retry(base_s=1, jitter="none"), AttemptTimeout(attempt_s=8, first_token_s=3))
    script = bench.arrives(at_s=2).calls(until_s=10, first_by_s=5)
    script.fails(TIMEOUT, at_s=5).sleeps(until_s=6).calls(until_s=14, first_by_s=9)


def test_without_one_a_call_is_waited_for_as_long_as_it_takes() -> None:
    assert Bench().arrives().attempt.until_us == FOREVER_US


def test_it_holds_wherever_it_is_listed() -> None:
    bench = Bench(AttemptTimeout(attempt_s=8), Retry(base_s=1, jitter="none"))
    bench.arrives().calls(until_s=8).fails(TIMEOUT, at_s=8).sleeps(until_s=9).calls(until_s=17)


def test_of_two_the_narrower_bounds_hold() -> None:
    narrow = AttemptTimeout(id="narrow", attempt_s=4, first_token_s=2)
    wide = AttemptTimeout(id="wide", attempt_s=40, first_token_s=20)
    for order in ((narrow, wide), (wide, narrow)):
        Bench(*order).arrives().calls(until_s=4, first_by_s=2)
