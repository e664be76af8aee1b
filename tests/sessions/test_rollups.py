from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.sessions.flat_rows import request_rows
from app.sessions.histogram import Histogram
from app.sessions.rollups import RunRollups
from app.sessions.schema import ROLLUP_COLUMNS
from app.sessions.totals import TOTALS_COLUMNS, Totals
from app.sessions.vocabulary import CACHE, OUTCOMES, SERVED_BY, STEPS_S
from tests.sessions.sample import Row, request

SECOND = 1_000_000
AT = {name: index for index, name in enumerate(ROLLUP_COLUMNS)}
FAULT_NAMES = {3: "hang", 9: "typos"}


def totals_of(rows: list[Row], step_s: int, variant: int = 0) -> Totals:
    width = len(ROLLUP_COLUMNS) - len(TOTALS_COLUMNS)
    chosen = [row for row in rows if row[AT["step_s"]] == step_s and row[AT["variant"]] == variant]
    return Totals.of_rows([row[width:] for row in chosen])


@st.composite
def finished_requests(draw: st.DrawFn) -> list[Row]:
    rows = []
    for number in range(draw(st.integers(0, 30))):
        intended_us = draw(st.integers(0, 1_500 * SECOND))
        finished_us = intended_us + draw(st.integers(0, 700 * SECOND))
        rows.append(
            request(
                1,
                0,
                number,
                intended_us=intended_us,
                finished_us=finished_us,
                served_by=draw(st.integers(0, len(SERVED_BY) - 1)),
                outcome=draw(st.integers(0, len(OUTCOMES) - 1)),
                first_token_us=draw(st.one_of(st.none(), st.integers(intended_us, finished_us))),
                service_us=draw(st.one_of(st.none(), st.integers(0, finished_us - intended_us))),
                cost_pico=draw(st.integers(0, 10**15)),
                retries=draw(st.integers(0, 3)),
            )
        )
    return rows


@settings(max_examples=60, deadline=None)
@given(
    finished_requests(),
    st.lists(st.tuples(st.integers(0, 2_000), st.sampled_from([3, 9])), max_size=8),
    st.data(),
)
def test_rollups_of_every_step_add_up_to_the_rows_however_they_are_flushed(
    requests: list[Row], faults: list[tuple[int, int]], data: st.DataObject
) -> None:
    # given requests in the order they finish, flushed at moments of any distance
    requests.sort(key=lambda row: row[6])
    end_us = 2_300 * SECOND
    moments = [*sorted(data.draw(st.lists(st.integers(0, end_us), max_size=6))), end_us]
    rollups = RunRollups(1, 1, FAULT_NAMES.__getitem__)
    rollups.arrivals(np.array([row[3] for row in requests], np.int64))
    rows: list[Row] = []
    before_us = -1
    for moment in moments:
        now = [row for row in requests if before_us <= row[6] < moment]
        if now:
            rollups.requests(0, request_rows(now))
        if found := [(at * SECOND, name) for at, name in faults if before_us <= at * SECOND < moment]:
            rollups.faults(0, found)
        # when virtual time passes
        rows += rollups.advance(moment)
        before_us = moment
    rows += rollups.finish(end_us)

    # then every step holds everything once, and no bucket comes twice
    keys = [row[: AT["bucket"] + 1] for row in rows]
    assert len(keys) == len(set(keys))
    latencies = [row[6] - row[3] for row in requests]
    failed = [row[8] == OUTCOMES.index("failed") for row in requests]
    for step in STEPS_S:
        totals = totals_of(rows, step)
        assert totals.requests == totals.offered == len(requests)
        assert list(totals.outcomes.values()) == [
            sum(r[8] == i for r in requests) for i in range(len(OUTCOMES))
        ]
        assert list(totals.served_by.values()) == [
            sum(r[7] == i for r in requests) for i in range(len(SERVED_BY))
        ]
        assert totals.served_retried == sum(
            SERVED_BY[r[7]] in ("primary", "hedge") and r[11] > 0 for r in requests
        )
        assert totals.cost_pico == sum(row[14] for row in requests)
        assert totals.retries == sum(row[11] for row in requests)
        assert totals.latency == Histogram.of(latencies)
        answers = [latency for latency, never in zip(latencies, failed, strict=True) if not never]
        assert totals.answer == Histogram.of(answers, sum(failed))
        assert totals.service == Histogram.of([row[17] for row in requests if row[17] is not None])
        assert totals.ttft == Histogram.of([row[5] - row[3] for row in requests if row[5] is not None])
        streams = [(row[6] - row[5], row[19] - 1) for row in requests if row[5] is not None and row[19] > 1]
        assert totals.tpot == Histogram.of([round(took / gaps) for took, gaps in streams])
        assert totals.token_gaps == sum(gaps for _, gaps in streams)
        assert totals.token_gaps_us == sum(took for took, _ in streams)
        did = Counter(word for row in requests for word in CACHE[row[15]].split("_"))
        assert totals.cache == {word: did[word] for word in ("miss", "hit", "shared", "stale", "evicted")}
        assert totals.faults == {
            name: count for i, name in FAULT_NAMES.items() if (count := sum(f == i for _, f in faults))
        }


def test_a_bucket_is_given_out_when_virtual_time_has_passed_its_end_and_not_before() -> None:
    rollups = RunRollups(1, 1, str)
    rollups.requests(0, request_rows([request(1, 0, 0, intended_us=0, finished_us=400_000)]))
    assert rollups.advance(999_999) == []
    (row,) = rollups.advance(1_000_000)
    assert (row[AT["step_s"]], row[AT["bucket"]]) == (1, 0)
    assert rollups.advance(9_999_999) == []
    assert [row[AT["step_s"]] for row in rollups.advance(600_000_000)] == [10, 60, 600]


def test_arrivals_ahead_of_virtual_time_wait_and_those_after_the_end_never_came() -> None:
    rollups = RunRollups(1, 2, str)
    rollups.arrivals(np.array([5_500_000, 100, 200, 1_000_000]))
    assert rollups.offered(200) == 2
    (first, second) = rollups.advance(1_000_000)
    assert first[AT["offered"]] == second[AT["offered"]] == 2
    assert rollups.offered(1_000_000) == 3
    assert totals_of(rollups.finish(2_000_000), 600).offered == 3
    assert rollups.offered(2_000_000) == 3


def test_a_row_of_a_second_that_was_given_out_is_an_error() -> None:
    rollups = RunRollups(1, 1, str)
    rollups.advance(3_000_000)
    with pytest.raises(ValueError, match="second 2 was rolled up already"):
        rollups.requests(0, request_rows([request(1, 0, 0, intended_us=0, finished_us=2_999_999)]))


def test_the_tail_starts_at_the_lowest_key_that_is_not_rolled_up() -> None:
    early = request(1, 0, 7, intended_us=0, finished_us=900_000)
    late = request(1, 0, 3, intended_us=0, finished_us=1_100_000)
    rollups = RunRollups(1, 1, str)
    rollups.requests(0, request_rows([early, late]))
    rollups.advance(1_000_000)
    assert rollups.tails() == [late[0]]
