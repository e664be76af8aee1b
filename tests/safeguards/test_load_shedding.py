"""Load shedding: by the age of the client's own queue, politely, and never kept by a cache."""

from __future__ import annotations

from app.safeguards.cache import Cache, CacheLayer
from app.safeguards.concurrency import Concurrency
from app.safeguards.load_shedding import LoadShedding
from app.safeguards.rate_limit import RateLimit
from tests.safeguards.script import Bench
from tests.safeguards.test_rate_limit import bench as limited


def test_while_the_queue_is_young_all_are_let_in() -> None:
    bench = Bench(LoadShedding(max_queue_age_s=2), Concurrency(max_in_flight=1))
    first = bench.arrives(0, at_s=0).calls()
    bench.arrives(1, at_s=1).waits(until_s=11)
    bench.arrives(2, at_s=3).waits(until_s=13)
    shed = bench.arrives(3, at_s=3.1)
    assert shed.served_by == "canned"
    assert shed.request.reason == "shed: the queue is too old"
    assert shed.end.answer is not None
    assert shed.end.answer.text.startswith("Many people")
    # when the first has left, the next in the queue is younger
    first.answers(at_s=4)
    bench.arrives(4, at_s=4).waits(until_s=14)


def test_the_queue_of_a_rate_limit_counts() -> None:
    bench = limited(RateLimit(rpm=60, burst_s=1, max_wait_s=100))
    bench.change(LoadShedding(max_queue_age_s=1.5), RateLimit(rpm=60, burst_s=1, max_wait_s=100))
    bench.arrives(0).calls()
    for number in (1, 2):
        bench.arrives(number).waits(until_s=number)
    assert bench.arrives(3).served_by == "canned"
    bench.arrives(4, at_s=1).waits(until_s=3)


def test_without_a_queue_nobody_is_shed() -> None:
    bench = Bench(LoadShedding(max_queue_age_s=0))
    for number in range(50):
        bench.arrives(number).calls()


def test_a_cache_further_out_does_not_keep_it() -> None:
    bench = Bench(Cache(), LoadShedding(max_queue_age_s=0), Concurrency(max_in_flight=1))
    bench.arrives(0, at_s=0).calls()
    bench.arrives(1, at_s=0).waits(until_s=10)
    assert bench.arrives(2, at_s=1, key="again").served_by == "canned"
    cache = bench.layer("cache")
    assert isinstance(cache, CacheLayer)
    assert not cache.entries
    assert "again" not in cache.flights
