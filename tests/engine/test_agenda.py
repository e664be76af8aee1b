"""The agenda: what is taken out of it, and what stays in order."""

from __future__ import annotations

from heapq import heappop

from hypothesis import given
from hypothesis import strategies as st

from app.engine.agenda import Agenda
from app.safeguards.lifecycle import Clock


def _nothing(_argument: object) -> None:
    """What the entries call."""


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=50))
def test_what_is_withdrawn_is_gone_and_the_rest_comes_in_its_order(entries: list[tuple[int, bool]]) -> None:
    # given entries, many at the same time
    agenda = Agenda(Clock())
    for place, (time_us, _) in enumerate(entries):
        agenda.at(time_us, _nothing, place)

    # when some are withdrawn
    gone = agenda.withdraw(lambda entry: entries[entry[3]][1])

    # then these and the others are each in order of time, and of entry where times are equal
    due = sorted(range(len(entries)), key=lambda place: (entries[place][0], place))
    assert [entry[3] for entry in gone] == [place for place in due if entries[place][1]]
    left = []
    while agenda.next_us() is not None:
        left.append(heappop(agenda.heap)[3])
    assert left == [place for place in due if not entries[place][1]]
