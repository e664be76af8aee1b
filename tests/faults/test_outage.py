"""What an outage does to the work, on examples small enough for exact times.

Requests 0, 1, 2, ... arrive at 1 s, 2 s, 3 s, ...; unless told otherwise each takes 1.5 s, there are slots
for all, and the target is out from 3.25 s to 6.25 s.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.small import TOKEN_PICO, Small, scenario, small_runs
from tests.harness import Ran


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("small")) as runs:
        yield runs


def outage(
    small: Small,
    mode: str,
    *,
    patience_s: float | None = None,
    fault: str = "",
    primary: str = "",
    service_s: float = 1.5,
) -> Ran:
    """A run through an outage of a kind; clients give up after `patience_s`."""
    timeout = ""
    if patience_s is not None:
        bounds = f"attempt_s = {patience_s}\nfirst_token_s = {patience_s}"
        timeout = f'[[variants.bare.safeguards]]\nkind = "attempt_timeout"\n{bounds}\n'
    tables = f"""
[[faults]]
kind = "outage"
outage_mode = "{mode}"
from_s = 3.25
to_s = 6.25
{fault}
[variants.bare]
{timeout}
"""
    return small.run(
        scenario(tables, duration_s=8.5, primary=f'service = "constant"\nservice_s = {service_s}\n{primary}')
    )


def ends(ran: Ran) -> list[float]:
    """When each request was over, in seconds."""
    return [r["finished_us"] / 1e6 for r in ran.requests("bare")]


def errors(ran: Ran) -> dict[int, str]:
    """Attempts that failed, by request."""
    return {a["number"]: a["error"] for a in ran.attempts("bare") if a["error"]}


def test_error_calls_get_an_instant_503_and_work_in_service_goes_on(small: Small) -> None:
    ran = outage(small, "error", fault="hang_share = 0\nafter_s = 0.02")

    assert ends(ran) == [2.5, 3.5, 4.5, 4.02, 5.02, 6.02, 8.5, 9.5]
    assert errors(ran) == {3: "overloaded", 4: "overloaded", 5: "overloaded"}
    assert not any(a["billed"] for a in ran.attempts("bare") if a["error"])


def test_error_a_share_of_the_calls_hangs_until_the_client_gives_up(small: Small) -> None:
    ran = outage(small, "error", fault="hang_share = 1", patience_s=3)

    assert ends(ran) == [2.5, 3.5, 4.5, 7.0, 8.0, 9.0, 8.5, 9.5]
    assert errors(ran) == {3: "timeout", 4: "timeout", 5: "timeout"}


def test_lost_calls_are_never_answered(small: Small) -> None:
    ran = outage(small, "lost", patience_s=4)
    assert ends(ran) == [2.5, 3.5, 4.5, 8.0, 9.0, 10.0, 8.5, 9.5]
    assert sum(a["cost_pico"] for a in ran.attempts("bare")) == 5 * 110 * TOKEN_PICO

    # Without a timeout they wait until the run ends: 8.5 s of arrivals and 200 s of drain.
    ran = outage(small, "lost")
    assert ends(ran) == [2.5, 3.5, 4.5, 208.5, 208.5, 208.5, 8.5, 9.5]
    assert [r["reason"] for r in ran.requests("bare")].count("run_ended") == 3


def test_freeze_work_stands_still_and_goes_on_where_it_was(small: Small) -> None:
    ran = outage(small, "freeze")

    # Requests 1 and 2 had 0.25 s and 1.25 s to go; 3, 4 and 5 queue until 6.25 s.
    assert ends(ran) == [2.5, 6.5, 7.5, 7.75, 7.75, 7.75, 8.5, 9.5]
    assert [a["queued_us"] for a in ran.attempts("bare")][3:6] == [2_250_000, 1_250_000, 250_000]
    assert not errors(ran)


def test_freeze_clients_go_on_counting(small: Small) -> None:
    ran = outage(small, "freeze", patience_s=2.75)

    # Of what stood still only request 5 is through in time, and 6 as if nothing had been.
    assert ends(ran) == [2.5, 4.75, 5.75, 6.75, 7.75, 7.75, 8.5, 9.5]
    assert errors(ran) == {1: "timeout", 2: "timeout", 3: "timeout"}
    assert [a["billed"] for a in ran.attempts("bare")] == [1] * 8


def test_redeliver_what_arrives_is_held_back_and_comes_all_at_once(small: Small) -> None:
    ran = outage(small, "redeliver")
    assert ends(ran) == [2.5, 3.5, 4.5, 7.75, 7.75, 7.75, 8.5, 9.5]

    # With one slot, what comes at once is served one after the other, in the order in which it came.
    ran = outage(small, "redeliver", primary="slots = 1")
    assert ends(ran) == [2.5, 4.0, 5.5, 7.75, 9.25, 10.75, 12.25, 13.75]


STOP = [1.5, 2.5, 3.5, 6.0, 6.75, 7.25, 7.75, 8.5]
FINISH = [1.5, 2.5, 3.5, 6.0, 7.0, 7.75, 8.25, 8.75]


@pytest.mark.parametrize(
    ("on_cancel", "expected", "lost", "billed"),
    [
        ('on_cancel = "stop"', STOP, {3}, 7),
        ('on_cancel = "finish"', FINISH, {3, 4}, 8),
        ('on_cancel = "finish"\ndrop_expired = true', STOP, {3}, 7),
    ],
)
def test_redeliver_what_nobody_waits_for_any_more(
    small: Small, on_cancel: str, expected: list[float], lost: set[int], billed: int
) -> None:
    # Given one slot, service of half a second, and clients who give up after two: request 3 does at 6 s, in
    # the outage. A server that finishes what it has taken on works on it at 6.25 s, and so is too late for
    # request 4 at 7 s.
    ran = outage(small, "redeliver", primary=f"slots = 1\n{on_cancel}", service_s=0.5, patience_s=2)

    assert ends(ran) == expected
    assert set(errors(ran)) == lost
    assert sum(a["billed"] for a in ran.attempts("bare")) == billed
    assert sum(a["cost_pico"] for a in ran.attempts("bare")) == billed * 110 * TOKEN_PICO


def test_of_two_outages_at_once_freezing_outdoes_holding_back(small: Small) -> None:
    tables = """
[[faults]]
kind = "outage"
id = "held"
outage_mode = "redeliver"
from_s = 3.25
to_s = 8.25
[[faults]]
kind = "outage"
id = "frozen"
outage_mode = "freeze"
from_s = 3.25
to_s = 6.25
"""
    ran = small.run(scenario(tables, duration_s=8.5, primary='service = "constant"\nservice_s = 1.5'))
    # What was frozen, and what arrived then, goes on at 6.25 s; requests 6 and 7 are held back until 8.25 s.
    assert ends(ran) == [2.5, 6.5, 7.5, 7.75, 7.75, 7.75, 9.75, 9.75]


def test_an_outage_switched_off_by_hand_is_over(small: Small) -> None:
    file = scenario(
        '[[faults]]\nkind = "outage"\noutage_mode = "freeze"\nfrom_s = 3.25\n',
        duration_s=8.5,
        primary='service = "constant"\nservice_s = 1.5',
    )
    with small.begin(file) as (simulation, _):
        simulation.advance(6_249_999)
        simulation.change("faults.outage.on", False)
        simulation.advance(simulation.end_us)
        finished = sorted(row[6] or 0 for row in simulation.worlds[0].request_rows)
    assert [us / 1e6 for us in finished] == [2.5, 6.5, 7.5, 7.75, 7.75, 7.75, 8.5, 9.5]


def test_an_outage_of_one_variant_leaves_the_other_alone(small: Small) -> None:
    tables = """
[[faults]]
kind = "outage"
outage_mode = "freeze"
variants = ["one"]
from_s = 3.25
to_s = 6.25
[variants.one]
[variants.two]
"""
    ran = small.run(scenario(tables, duration_s=8.5, primary='service = "constant"\nservice_s = 1.5'))
    assert [r["finished_us"] - r["intended_us"] for r in ran.requests("two")] == [1_500_000] * 8
    assert ran.requests("one")[1]["finished_us"] == 6_500_000
