from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.errors import UserError
from app.sessions import process
from app.sessions.histogram import Histogram
from app.sessions.reader import RunReader, liveness, runs
from app.sessions.session_log import SessionLog
from app.sessions.totals import Totals
from app.sessions.vocabulary import OUTCOMES, SERVED_BY, STEPS_S
from app.sessions.writer import RunWriter, now_utc
from tests.sessions.sample import NEW_RUN, VARIANTS, batches, hand_over, write_run


def test_a_finished_run_reads_back_as_it_was_written(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        run_id = write_run(log, texts=True)
        reader = RunReader(log, run_id)
        record = reader.record()
        assert (record.state, record.scenario, record.seed, record.offered) == ("finished", "outage", 7, 100)
        assert record.ended_at is not None
        assert [(v.index, v.name, v.config) for v in reader.variants] == [
            (0, "prototype", {}),
            (1, "safeguarded", {"retry": 2}),
        ]
        assert reader.prompts()[0].messages == [{"role": "user", "content": "Where is my parcel?"}]
        row = reader.row(3)
        assert row is not None
        assert (row.number, row.values) == (5, {"city": "Town 3"})
        assert reader.row(99) is None
        (event,) = reader.events()
        assert (event.at_us, event.kind, event.variant, event.details) == (
            1_500_000,
            "change",
            "safeguarded",
            {"rate": 0.5},
        )
        assert reader.events(after=0) == []
        assert reader.facts() == {"summary": {"good": 1}}
        (observed,) = reader.observations()
        assert observed.outcome == {"text": "It is on its way."}


def test_totals_are_those_of_all_rows_and_every_series_adds_up_to_them(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        reader = RunReader(log, write_run(log, duration_s=15))
        for variant in VARIANTS:
            totals = reader.totals(variant)
            rows = list(reader.each_request(variant))
            assert totals.requests == totals.offered == len(rows) == 300
            assert totals.outcomes == {name: sum(r.outcome == name for r in rows) for name in OUTCOMES}
            assert totals.served_by == {name: sum(r.served_by == name for r in rows) for name in SERVED_BY}
            assert totals.served_retried == sum(
                r.served_by in ("primary", "hedge") and r.retries > 0 for r in rows
            )
            assert totals.attempts == sum(r.attempts for r in rows)
            assert totals.cost_pico == sum(r.cost_pico for r in rows)
            assert totals.latency == Histogram.of([r.finished_us - r.intended_us for r in rows])
            assert totals.answer.infinite == totals.outcomes["failed"]
            assert totals.service == Histogram.of([r.service_us for r in rows if r.service_us is not None])
            for step_s in (*STEPS_S, 2, 5, 20):
                assert Totals.merged(part.totals for part in reader.series(variant, step_s)) == totals
        assert reader.totals("prototype").faults == {"hang": 2, "typos": 1}
        assert reader.totals("safeguarded").faults == {}


def test_a_request_comes_with_its_attempts_in_order_of_start(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        reader = RunReader(log, write_run(log))
        for expected in reader.each_request("safeguarded"):
            found = reader.request("safeguarded", expected.number)
            assert found is not None
            request, attempts = found
            assert request == expected
            assert [a.sequence for a in attempts] == list(range(request.attempts))
            assert [a.target for a in attempts] == ["main", "spare"][: request.attempts]
        assert reader.request("safeguarded", 1_000) is None


def test_requests_come_in_pages_by_number(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        reader = RunReader(log, write_run(log))
        page = reader.requests("prototype", after=9, limit=5)
        assert [request.number for request in page] == [10, 11, 12, 13, 14]
        assert [r.number for r in reader.each_request("prototype")] == list(range(100))


def test_columns_are_arrays_with_minus_one_for_no_value(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        reader = RunReader(log, write_run(log))
        columns = reader.columns("prototype", ["number", "first_token_us", "outcome"], first=10, limit=50)
        rows = reader.requests("prototype", after=9, limit=50)
        assert columns["number"].tolist() == [row.number for row in rows]
        assert columns["first_token_us"].tolist() == [
            -1 if row.first_token_us is None else row.first_token_us for row in rows
        ]
        assert [OUTCOMES[code] for code in columns["outcome"]] == [row.outcome for row in rows]
        assert reader.columns("prototype", ["row"], first=5_000)["row"].shape == (0,)
        with pytest.raises(ValueError, match="no columns"):
            reader.columns("prototype", ["password"])


def test_a_run_that_goes_on_adds_up_after_every_flush(tmp_path: Path) -> None:
    # given a reader that polls while another connection writes
    with SessionLog.open(tmp_path / "a.db") as log, SessionLog.open(tmp_path / "a.db") as looking:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        reader = RunReader(looking, run_id)
        handed = np.zeros(2, int)
        offered = 0
        for now_us, batch in batches(run_id, duration_s=30, per_s=10, step_us=700_000):
            hand_over(writer, batch)
            handed += [len(rows) for rows in batch.requests]
            offered += len(batch.offered)
            # when it polls after a flush
            writer.flush(now_us)
            # then it sees all of it, the incomplete second too, from the coarsest rollups there are
            for variant, expected in zip(VARIANTS, handed, strict=True):
                totals = reader.totals(variant)
                assert (totals.requests, totals.offered) == (expected, offered)
                assert totals.latency.count == expected
            complete = [part.bucket for part in reader.series("prototype", 10)]
            assert all(10 * (bucket + 1) <= now_us / 1e6 for bucket in complete)
        assert reader.record().state == "running"
        writer.end("finished", now_us)
        assert reader.record().state == "finished"
        assert reader.totals("prototype").requests == 300


def test_a_series_can_be_read_in_part(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        reader = RunReader(log, write_run(log))
        whole = reader.series("prototype", 1)
        assert reader.series("prototype", 1, first=2, last=3) == [p for p in whole if p.bucket in (2, 3)]
        with pytest.raises(ValueError, match="no rollups of 0"):
            reader.series("prototype", 0)


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        assert runs(log) == []
        ids = [RunWriter(log).start(NEW_RUN) for _ in range(3)]
        assert [record.run_id for record in runs(log)] == ids[::-1]
        assert [record.run_id for record in runs(log, limit=1)] == ids[-1:]


def test_a_run_or_a_variant_that_does_not_exist_is_the_users_mistake(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        with pytest.raises(UserError, match="no run 5"):
            RunReader(log, 5)
        reader = RunReader(log, write_run(log))
        with pytest.raises(UserError, match="no variant 'best'") as caught:
            reader.totals("best")
        assert "prototype, safeguarded" in caught.value.do


def test_only_a_running_run_whose_process_is_gone_or_silent_is_interrupted() -> None:
    mine, now = process.token(), now_utc()
    stale = (datetime.now(UTC) - timedelta(seconds=11)).isoformat()
    assert liveness("running", os.getpid(), mine, now) == "running"
    assert liveness("running", os.getpid(), mine, stale) == "interrupted"
    assert liveness("running", None, "", None) == "interrupted"
    assert liveness("finished", None, "", None) == "finished"


@pytest.mark.skipif(not process.token(), reason="needs /proc")
def test_a_process_is_told_from_another_with_its_id() -> None:
    mine = process.token()
    world, _, start = mine.rpartition(":")
    assert process.alive(os.getpid(), mine) is True
    assert process.alive(os.getpid(), f"{world}:{int(start) + 1}") is False
    assert process.alive(2**22 + 1, mine) is False
    # of another boot or host nothing is known: the heartbeat decides
    assert process.alive(os.getpid(), f"elsewhere:{start}") is None
    assert liveness("running", os.getpid(), "elsewhere:1", now_utc()) == "running"
