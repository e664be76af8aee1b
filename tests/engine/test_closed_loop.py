"""A closed loop: users who think, ask, and wait for their answers, in each world at its own pace; never paired."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.analysis.comparison import Side, as_json, compare
from app.analysis.summary import summary
from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.scenario.files import ScenarioFile
from app.sessions.filters import Filter
from app.sessions.reader import RunReader
from app.sessions.search import matching
from app.sessions.session_log import SessionLog
from tests.engine.small import Small, scenario, small_runs
from tests.harness import Ran

_key = itemgetter(0)

SLOW_AND_QUICK = """
[[faults]]
kind = "server_error"
rate = 0.3
[variants.bare]
[[variants.retrying.safeguards]]
kind = "retry"
max_retries = 3
base_s = 2
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("closed")) as made:
        yield made


def closed(tables: str = "", *, users: str = "count = 1, think_s = 4", **more: Any) -> ScenarioFile:
    """A small scenario whose requests come from so many users; each takes a second."""
    settings = ("traffic.rate_per_s=", "traffic.arrivals=closed", f"traffic.users={{ {users} }}")
    return scenario(tables, settings=(*settings, *more.pop("settings", ())), **more)


def at_s(ran: Ran, variant: str = "bare", column: str = "intended_us") -> list[float]:
    return [row[column] / 1e6 for row in ran.requests(variant)]


def test_a_user_asks_again_once_the_answer_is_there_and_thought_over(small: Small) -> None:
    ran = small.run(closed(users='count = 1, think_s = 4, think = "constant"', duration_s=20))
    assert at_s(ran) == [4, 9, 14, 19]
    assert at_s(ran, column="finished_us") == [5, 10, 15, 20]


def test_no_more_wait_than_there_are_users(small: Small) -> None:
    ran = small.run(closed(users="count = 5, think_s = 1", duration_s=100))
    came, left = np.array(at_s(ran)), np.array(at_s(ran, column="finished_us"))
    waiting = [int(((came <= now) & (left > now)).sum()) for now in came]
    assert max(waiting) == 5
    assert len(came) == pytest.approx(5 / 2 * 100, rel=0.15)  # a second to think, and one for the answer


def test_each_variant_has_arrivals_of_its_own_and_request_n_asks_the_same_in_both(small: Small) -> None:
    ran = small.run(closed(SLOW_AND_QUICK, users="count = 10, think_s = 5", duration_s=200))
    bare, retrying = ran.requests("bare"), ran.requests("retrying")
    assert len(bare) > len(retrying)
    assert at_s(ran) != at_s(ran, "retrying")
    both = list(zip(bare, retrying, strict=False))
    assert [row["row"] for row, _ in both] == [row["row"] for _, row in both]


def test_the_same_seed_gives_the_same_run_however_it_is_cut(small: Small) -> None:
    file = closed(SLOW_AND_QUICK, users="count = 7, think_s = 3", duration_s=60)
    whole = small.run(file)
    with small.begin(file) as (simulation, _):
        while not simulation.done:
            simulation.advance(simulation.now_us + 777_777)
        simulation.finish()
        rows: list[Any] = [world.request_rows for world in simulation.worlds]
    for name, cut in zip(("bare", "retrying"), rows, strict=True):
        assert sorted(cut, key=_key) == sorted(whole.rows(name)[0], key=_key)


def test_users_join_and_leave_at_a_change(small: Small) -> None:
    changes = """
[[changes]]
at_s = 100
set = "traffic.users.count"
value = 20
[[changes]]
at_s = 200
set = "traffic.users.count"
value = 1
"""
    came = np.array(at_s(small.run(closed(changes, users="count = 5, think_s = 4", duration_s=300))))
    first, second, third = (int(((came >= low) & (came < low + 100)).sum()) for low in (0, 100, 200))
    assert first == pytest.approx(100, rel=0.2)
    assert second == pytest.approx(400, rel=0.2)
    assert third == pytest.approx(20, abs=25)


def test_mess_that_comes_and_goes_strikes_what_arrives_meanwhile(small: Small) -> None:
    mess = """
[[faults]]
kind = "typos"
rate = 1
from_s = 30
to_s = 60
"""
    ran = small.run(closed(mess, users="count = 4, think_s = 2", duration_s=90))
    messy = {row["intended_us"] / 1e6 for row in ran.requests("bare") if row["mess"]}
    meanwhile = {time for time in at_s(ran) if 30 <= time < 60}
    assert messy
    assert messy == meanwhile


def test_no_more_requests_than_are_allowed(small: Small) -> None:
    ran = small.run(
        closed(users="count = 4, think_s = 1", duration_s=90, settings=("traffic.max_requests=13",))
    )
    assert len(ran.requests("bare")) == 13


def test_the_log_counts_each_variant_and_says_what_it_is_and_nothing_is_paired(tmp_path: Path) -> None:
    for name, text in (("ask.j2", "{{ question }}"), ("rows.csv", "question\nhello\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    file = closed(SLOW_AND_QUICK, users="count = 10, think_s = 5", duration_s=100)
    with SessionLog.open(tmp_path / "log.db") as log:
        order = Order(file, tmp_path / "ask.j2", tmp_path / "rows.csv")
        run_id = run_scenario(order, log, Control(), Listener())
        reader = RunReader(log, run_id)

        told = summary(reader)
        requests = {name: each["requests"] for name, each in told["variants"].items()}
        assert told["loop"] == "closed"
        assert told["offered"] == max(requests.values()) > min(requests.values())
        for name, each in told["variants"].items():
            assert sum(each["outcomes"].values()) == requests[name]
            assert sum(rollup.totals.offered for rollup in reader.series(name, 1)) == requests[name]
        assert reader.record().badge == "SIMULATED, CLOSED LOOP"

        compared = as_json(compare(log, [Side(run_id, "bare"), Side(run_id, "retrying")]))
        (pairing,) = compared["pairings"]
        assert not pairing["paired"]
        assert "closed loop" in pairing["why"]
        with pytest.raises(UserError, match="closed loop"):
            matching(log, run_id, Filter(contrast="saved"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("traffic.rate_per_s=3",), "leave out rate_per_s"),
        (("traffic.factor=2",), "leave out factor"),
        (("traffic.bursts.factor=2",), "leave out bursts"),
        (("traffic.users=",), "needs 'users'"),
        (("traffic.users.count=0",), "at least 1"),
    ],
)
def test_what_does_not_go_with_a_closed_loop_is_refused(settings: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        closed(settings=settings)


def test_users_need_a_closed_loop() -> None:
    with pytest.raises(UserError, match="'users' needs arrivals = 'closed'"):
        scenario(settings=("traffic.users={ count = 3 }",))
