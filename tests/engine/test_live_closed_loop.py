"""A closed loop with real calls: users who think, ask for real, and wait for their answers, each world's at its own pace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import heappop
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.analysis.summary import summary
from app.engine.agenda import Agenda
from app.engine.control import Control
from app.engine.draws import Draws
from app.engine.live import Arrival
from app.engine.live_users import LiveUsers
from app.engine.plan import Plan
from app.engine.questions import QuestionBook
from app.engine.replay_check import check_replay
from app.engine.run import Progress
from app.faults.fault_set import FaultSet
from app.safeguards.lifecycle import Clock
from app.sessions.records import RequestRecord
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import REAL_CALLS_FACT
from tests.engine.loopback import fails
from tests.engine.real_runs import SCENARIO, Told, good, requests, run_real, servers
from tests.engine.small import Small, scenario, small_runs

MICRO = 1_000_000
SLOW = (
    '[[faults]]\nkind = "slow_first_token"\nrate = 1\nfactor = 8\nsigma = 0\ntail_rate = 0\n[variants.bare]'
)
USERS = 'arrivals = "closed"\nusers = { count = 5, think_s = 0.1, think = "constant" }'


def closed(users: str = USERS, text: str = SCENARIO) -> str:
    """The scenario of real calls with users in place of a rate."""
    assert "rate_per_s = 30" in text
    return text.replace("rate_per_s = 30", users)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "log.db") as opened:
        yield opened


def most_at_once(asked: list[RequestRecord]) -> int:
    """How many of these waited for their answers at the same time."""
    came = np.array([each.intended_us for each in asked])
    left = np.array([each.finished_us for each in asked])
    return max(int(((came <= now) & (left > now)).sum()) for now in came.tolist())


@pytest.mark.parametrize("side_by_side", [False, True])
def test_each_user_asks_again_once_the_answer_is_there_and_thought_over(
    log: SessionLog, tmp_path: Path, side_by_side: bool
) -> None:
    # Given five users who think for a tenth of a second, when they ask for real, all variants in turn or at once
    text = SCENARIO.replace("[variants.bare]", SLOW, 1)
    with servers() as there:
        reader = run_real(log, there.file(tmp_path, closed(text=text)), side_by_side=side_by_side)

    # Then no more wait than there are users, and all that were asked have their rows
    found = summary(reader)
    assert (found["loop"], found["clock"], reader.record().badge) == (
        "closed",
        "wall",
        "REAL CALLS, CLOSED LOOP",
    )
    for name in ("bare", "safe"):
        asked = requests(reader, name)
        assert most_at_once(asked) <= 5
        assert [each.number for each in asked] == list(range(len(asked)))
        variant = found["variants"][name]
        assert variant["requests"] == variant["offered"] == len(asked) >= 10
        assert sum(variant["outcomes"].values()) == len(asked)
        # all think first, and arrivals end with the run
        assert asked[0].intended_us >= 0.1 * MICRO
        assert max(each.intended_us for each in asked) < 1.5 * MICRO
    assert found["offered"] == max(len(requests(reader, name)) for name in ("bare", "safe"))
    facts = reader.facts()[REAL_CALLS_FACT]
    assert sum(each["sends"]["of"] for each in facts["punctuality"]) == sum(
        len(requests(reader, name)) for name in ("bare", "safe")
    )
    assert check_replay(reader).differences == ()


def test_one_user_asks_one_thing_at_a_time_and_thinks_in_between(log: SessionLog, tmp_path: Path) -> None:
    users = 'arrivals = "closed"\nusers = { count = 1, think_s = 0.1, think = "constant" }'
    with servers() as there:
        reader = run_real(log, there.file(tmp_path, closed(users)))
    asked = requests(reader, "bare")
    assert len(asked) >= 4
    for before, after in pairwise(asked):
        # from the answer, as it came to be known, to the next question
        assert after.intended_us == before.finished_us + 0.1 * MICRO


def test_what_the_same_request_asks_is_the_same_in_every_world(log: SessionLog, tmp_path: Path) -> None:
    # Given a variant that is answered more slowly, since it calls again
    with servers(lambda n: fails(500) if n % 3 else good(n)) as there:
        reader = run_real(log, there.file(tmp_path, closed()))
    bare, safe = (requests(reader, name) for name in ("bare", "safe"))
    assert [each.row for each, _ in zip(bare, safe, strict=False)] == [
        each.row for _, each in zip(bare, safe, strict=False)
    ]


def test_no_more_is_asked_than_may_be(log: SessionLog, tmp_path: Path) -> None:
    with servers() as there:
        reader = run_real(
            log, there.file(tmp_path, closed(USERS + "\nmax_requests = 7").replace("1.5", "600"))
        )
    # Then the run ends with the last answer, and not ten minutes later
    assert {name: len(requests(reader, name)) for name in ("bare", "safe")} == {"bare": 7, "safe": 7}
    assert reader.record().virtual_us < 60 * MICRO
    assert reader.record().state == "finished"
    assert check_replay(reader).differences == ()


def test_switches_hold_for_what_is_asked_from_then_on_in_every_turn(log: SessionLog, tmp_path: Path) -> None:
    changes = """
[[changes]]
at_s = 0.5
set = "faults.storm"
value = { kind = "server_error", rate = 1 }
label = "A storm"
[[changes]]
at_s = 1
set = "traffic.users.count"
value = 20
label = "More users"
"""
    with servers() as there:
        reader = run_real(log, there.file(tmp_path, closed() + changes))
    assert [(event.label, event.at_us) for event in reader.events() if event.kind == "change"] == [
        ("A storm", MICRO // 2),
        ("More users", MICRO),
    ]
    for name in ("bare", "safe"):
        asked = requests(reader, name)
        before = [each for each in asked if each.finished_us < MICRO // 2]
        after = [each for each in asked if each.intended_us >= MICRO // 2]
        assert before
        assert not any("storm" in each.faults for each in before)
        assert all("storm" in each.faults for each in after if each.attempts)
        assert most_at_once([each for each in asked if each.intended_us < MICRO]) <= 5
        assert sum(each.intended_us >= MICRO for each in asked) > 15
    assert check_replay(reader).differences == ()


def test_mess_that_comes_and_goes_strikes_who_asks_meanwhile(log: SessionLog, tmp_path: Path) -> None:
    mess = '[[faults]]\nkind = "typos"\nrate = 1\nfrom_s = 0.5\nto_s = 1\n[variants.bare]'
    text = closed(
        text=SCENARIO.replace("[variants.bare]", mess, 1).replace("repeat_rate = 0.3", "repeat_rate = 0")
    )
    with servers() as there:
        reader = run_real(log, there.file(tmp_path, text))
    asked = requests(reader, "bare")
    meanwhile = {each.number for each in asked if MICRO // 2 <= each.intended_us < MICRO}
    messy = {each.number for each in asked if each.mess}
    assert meanwhile
    assert messy <= meanwhile
    assert len(messy) > 0.8 * len(meanwhile)


def test_in_a_pause_nobody_thinks_and_every_turn_stands_still(log: SessionLog, tmp_path: Path) -> None:
    control = Control()
    seen: Counter[str] = Counter()

    def act(progress: Progress) -> None:
        seen[progress.state] += 1
        if progress.virtual_us > 0.5 * MICRO and not seen["asked to stand"]:
            seen["asked to stand"] += 1
            control.pause()
        elif seen["paused"] > 4:
            control.resume()

    with servers() as there:
        reader = run_real(log, there.file(tmp_path, closed()), control=control, told=Told(act))
    begun, ended = (event.at_us for event in reader.events() if event.kind in ("pause", "note"))
    assert ended > begun + 0.2 * MICRO
    for name in ("bare", "safe"):
        asked = requests(reader, name)
        assert not any(begun <= each.intended_us < ended for each in asked)
        assert any(each.intended_us < begun for each in asked)
        # and the run has its whole second and a half beside it
        assert max(each.intended_us for each in asked) > MICRO + ended - begun
    assert check_replay(reader).differences == ()


def test_stopped_it_keeps_what_was_asked(log: SessionLog, tmp_path: Path) -> None:
    control = Control()

    def act(progress: Progress) -> None:
        if progress.virtual_us > 0.4 * MICRO:
            control.stop()

    with servers() as there:
        reader = run_real(
            log, there.file(tmp_path, closed().replace("1.5", "3600")), control=control, told=Told(act)
        )
    assert reader.record().state == "stopped"
    assert requests(reader, "bare")
    assert requests(reader, "safe") == []
    assert check_replay(reader).differences == ()


# -- the users by themselves -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    with small_runs(tmp_path_factory.mktemp("users")) as made:
        yield made


class Asked:
    """Users of a plan of ten minutes on a clock of ours; answers come when we say so."""

    def __init__(self, small: Small, count: int) -> None:
        file = scenario(
            duration_s=600,
            settings=(
                "traffic.rate_per_s=",
                "traffic.arrivals=closed",
                f"traffic.users={{ count = {count}, think_s = 2 }}",
            ),
        )
        inputs = small.inputs(file)
        draws = Draws(inputs.scenario.seed)
        book = QuestionBook(inputs, draws, small.worker)
        self.plan = Plan(inputs.scenario, draws, book, FaultSet((), draws, ()), block=8)
        self.clock = Clock()
        self.agenda = Agenda(self.clock)
        self.users = LiveUsers(self.plan, draws, inputs.scenario.traffic, lambda: None)
        self.came: list[tuple[int, int]] = []
        """Number and intended time."""
        self.open: list[int] = []
        self.users.begin(self.agenda, self._let_in, lambda: None)

    def _let_in(self, arrival: Arrival) -> None:
        number, intended_us, *_ = arrival[0]
        assert intended_us <= self.clock.now
        self.came.append((number, intended_us))
        self.open.append(number)

    def pass_time(self, by_us: int) -> None:
        """Let the clock go on; what is due happens at its time."""
        until_us = self.clock.now + by_us
        heap = self.agenda.heap
        while (next_us := self.agenda.next_us()) is not None and next_us <= until_us:
            self.clock.now = max(self.clock.now, next_us)
            _, _, call, argument = heappop(heap)
            call(argument)
        self.clock.now = until_us

    def fill(self) -> None:
        """As many questions as are wanted."""
        times_us = self.users.waiting + [self.clock.now] * self.users.lack
        planned = [each for at_us in times_us if (each := self.plan.next_at(at_us)) is not None]
        self.users.fill([(each, {}) for each in planned], exhausted=False)


acts = st.lists(
    st.tuples(
        st.sampled_from(["pass", "answer", "fill", "pause", "resume", "withhold"]), st.integers(1, 5 * MICRO)
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(acts=acts, count=st.integers(1, 6))
def test_users_are_never_lost_nor_doubled_and_ask_at_no_time_that_is_withheld(
    small: Small, acts: list[tuple[str, int]], count: int
) -> None:
    asked = Asked(small, count)
    users = asked.users
    paused_us: int | None = None
    for act, amount in acts:
        if act == "pass":
            asked.pass_time(amount)
        elif act == "answer" and asked.open:
            users.answered(asked.open.pop(amount % len(asked.open)))
        elif act == "fill":
            asked.fill()
        elif act == "pause" and paused_us is None:
            paused_us = asked.clock.now + 1
            users.withhold(paused_us)
            users.stand(paused_us)
            before = len(asked.came)
        elif act == "resume" and paused_us is not None:
            # Then nobody who came meanwhile wanted to later than the pause began
            assert all(intended_us < paused_us for _, intended_us in asked.came[before:])
            users.release(max(asked.clock.now + 1 - paused_us, 0))
            paused_us = None
        elif act == "withhold" and paused_us is None:
            from_us = asked.clock.now + amount
            users.withhold(from_us)
            before = len(asked.came)
            asked.pass_time(2 * amount)
            assert all(intended_us < from_us for _, intended_us in asked.came[before:])
            users.release()
        assert len(asked.open) <= count

    # When all is let go, everybody asks: each number once, in order, and each user one thing at a time
    if paused_us is not None:
        users.release(max(asked.clock.now + 1 - paused_us, 0))
    for _ in range(3 * count):
        asked.fill()
        asked.pass_time(60 * MICRO)
    assert len(asked.open) == count
    assert [number for number, _ in asked.came] == list(range(len(asked.came)))
