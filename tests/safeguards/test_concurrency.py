"""Concurrency limit: places, the queue before them, and that nobody keeps what he has left."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.safeguards.attempt_timeout import AttemptTimeout
from app.safeguards.concurrency import Concurrency, ConcurrencyLayer
from app.safeguards.deadline import Deadline
from app.safeguards.errors import DEADLINE, QUEUE_FULL, QUEUE_WAIT, SERVER_ERROR
from tests.safeguards.script import Bench, Script


def places(bench: Bench) -> tuple[int, int]:
    layer = bench.layer("concurrency")
    assert isinstance(layer, ConcurrencyLayer)
    return layer.places.taken, len(layer.places.queue)


def test_who_finds_no_place_waits_for_the_first_that_becomes_free() -> None:
    bench = Bench(Concurrency(max_in_flight=1))
    first = bench.arrives(0, at_s=0).calls()
    second = bench.arrives(1, at_s=1).waits(until_s=11)
    third = bench.arrives(2, at_s=2).waits(until_s=12)
    assert places(bench) == (1, 2)

    first.answers(at_s=4)
    (freed,) = first.resolved
    second.lands(freed, at_s=4).calls()
    assert second.attempt.why == "waited for a free place"
    second.fails(SERVER_ERROR, at_s=5)
    third.lands(second.resolved[0], at_s=5).calls().answers(at_s=6)
    assert places(bench) == (0, 0)


def test_the_queue_has_an_end() -> None:
    bench = Bench(Concurrency(max_in_flight=1, max_queue=1))
    for number in range(2):
        bench.arrives(number)
    assert bench.arrives(2).error is QUEUE_FULL


def test_who_has_waited_long_enough_leaves_the_queue() -> None:
    bench = Bench(Deadline(total_s=5), Concurrency(max_in_flight=1, max_wait_s=3))
    first = bench.arrives(0, at_s=0)
    patient = bench.arrives(1, at_s=1).waits(until_s=4)
    late = bench.arrives(2, at_s=0).waits(until_s=3)
    assert late.runs_out_of_time().error is QUEUE_WAIT
    assert patient.runs_out_of_time().error is QUEUE_WAIT
    assert places(bench) == (1, 0)
    assert not first.answers(at_s=4.5).resolved


def test_the_deadline_ends_the_wait() -> None:
    bench = Bench(Deadline(total_s=2), Concurrency(max_in_flight=1))
    bench.arrives(0)
    assert bench.arrives(1).waits(until_s=2).runs_out_of_time().error is DEADLINE


def test_places_that_are_added_are_given_out_with_the_next_that_is_left() -> None:
    bench = Bench(Concurrency(max_in_flight=1))
    first, second, third = (bench.arrives(n) for n in range(3))
    bench.change(Concurrency(max_in_flight=2))
    first.answers(at_s=1)
    assert len(first.resolved) == 2
    for script, flight in zip((second, third), first.resolved, strict=True):
        script.lands(flight, at_s=1).calls()
    assert places(bench) == (2, 0)


@settings(max_examples=50)
@given(
    limit=st.integers(1, 4),
    steps=st.lists(st.tuples(st.sampled_from(["arrive", "end"]), st.integers(0, 5)), max_size=40),
)
def test_never_more_than_the_limit_and_first_come_first_served(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    bench = Bench(
        Concurrency(max_in_flight=limit, max_queue=1000, max_wait_s=1e6), AttemptTimeout(attempt_s=1e6)
    )
    calling: list[Script] = []
    waiting: list[Script] = []
    for at_s, (what, which) in enumerate(steps):
        if what == "arrive":
            script = bench.arrives(at_s, at_s=at_s)
            (calling if script.request.attempts else waiting).append(script)
        elif calling:
            ended = calling.pop(which % len(calling)).answers(at_s=at_s)
            calling += [waiting.pop(0).lands(flight, at_s=at_s).calls() for flight in ended.resolved]
        assert len(calling) <= limit
        assert places(bench) == (len(calling), len(waiting))
        assert not waiting or len(calling) == limit
