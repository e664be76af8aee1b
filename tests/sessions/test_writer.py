from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.errors import UserError
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.writer import NewRun, NewVariant, RunWriter
from tests.sessions.sample import NEW_RUN, VARIANTS, attempt, batches, hand_over, request, write_run


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_contract_views_show_seconds_dollars_and_words(tmp_path: Path) -> None:
    # given a run with one request that failed over
    with SessionLog.open(tmp_path / "a.db") as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        writer.add_prompts([("ask", None)])
        row = request(
            run_id,
            1,
            4,
            intended_us=1_500_000,
            finished_us=2_750_000,
            served_by=2,
            outcome=3,
            cache=1,
            reason_name=writer.name("breaker open"),
            faults_name=writer.name("typos,hang"),
            cost_pico=2_500_000_000,
        )
        made = [attempt(run_id, 1, 4, s, 1_500_000 + s, 2_750_000) for s in (0, 1)]
        writer.add(1, request_rows([row]), attempt_rows(made))
        writer.event(2_000_000, "incident_begin", "outage", variant=1)
        writer.add_offered(np.array([1_500_000]))
        writer.end("finished", 3_000_000)
    # when any SQLite tool reads it
    with closing(sqlite3.connect(tmp_path / "a.db")) as tool:
        tool.row_factory = sqlite3.Row
        (found,) = map(dict, tool.execute("select * from requests"))
        attempts = [dict(row) for row in tool.execute("select * from attempts order by attempt")]
        (event,) = map(dict, tool.execute("select * from events"))
        rollup = dict(tool.execute("select * from rollups where step_s = 1 order by start_s desc").fetchone())
        variants = [row["name"] for row in tool.execute("select name from variants order by idx")]
    # then it sees the contract's columns
    assert found == {
        "run_id": run_id,
        "variant": "safeguarded",
        "number": 4,
        "row": 4,
        "prompt": "ask",
        "intended_s": 1.5,
        "started_s": 1.5,
        "first_token_s": None,
        "finished_s": 2.75,
        "served_by": "fallback",
        "outcome": "late",
        "reason": "breaker open",
        "attempts": 1,
        "retries": 0,
        "input_tokens": 700,
        "output_tokens": 150,
        "cost_usd": 0.0025,
        "cache": "miss",
        "faults": "typos,hang",
        "service_s": None,
        "mess": "",
        "answer_tokens": 150,
    }
    assert [(a["number"], a["attempt"], a["target"], a["retry"]) for a in attempts] == [
        (4, 0, "main", 0),
        (4, 1, "spare", 1),
    ]
    needed = {"run_id", "variant", "hedge", "started_s", "queued_s", "finished_s", "status", "error", "fault"}
    assert needed | {"input_tokens", "output_tokens", "cost_usd", "billed"} <= set(attempts[0])
    assert attempts[0]["queued_s"] == 0.00025
    assert (event["at_s"], event["kind"], event["variant"]) == (2.0, "incident_begin", "safeguarded")
    assert (rollup["start_s"], rollup["requests"], rollup["cost_usd"]) == (2, 1, 0.0025)
    assert variants == ["prototype", "safeguarded"]


def test_a_flush_is_due_after_a_quarter_of_a_second_or_4000_rows(tmp_path: Path) -> None:
    clock = Clock()
    with SessionLog.open(tmp_path / "a.db") as log:
        writer = RunWriter(log, clock=clock)
        run_id = writer.start(NEW_RUN)
        assert not writer.due()
        clock.now_s = 0.25
        assert writer.due()
        writer.flush(0)
        assert not writer.due()
        rows = [request(run_id, 0, n, intended_us=n, finished_us=n + 5) for n in range(4_000)]
        writer.add(0, request_rows(rows[:3_999]), attempt_rows())
        assert not writer.due()
        writer.add(0, request_rows(rows[3_999:]), attempt_rows())
        assert writer.due()


def test_more_rows_than_a_transaction_takes_are_all_written(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        for index in range(2):
            numbers = range(6_000)
            writer.add(
                index,
                request_rows(
                    request(run_id, index, n, intended_us=n * 100, finished_us=n * 100 + 5) for n in numbers
                ),
                attempt_rows(attempt(run_id, index, n, 0, n * 100, n * 100 + 5) for n in numbers),
            )
        writer.flush(500_000)
        reader = RunReader(log, run_id)
        for variant in VARIANTS:
            assert reader.totals(variant).requests == 6_000
            assert len(reader.columns(variant, ["number"])["number"]) == 6_000
        assert log.db.execute("select count(*) from attempt_log").fetchone() == (12_000,)


def test_what_could_not_be_written_goes_with_the_next_flush_and_is_counted_once(tmp_path: Path) -> None:
    # given a run of which a part is written
    with (
        SessionLog.open(tmp_path / "a.db", patience_s=0.01) as log,
        SessionLog.open(tmp_path / "a.db") as other,
    ):
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        handed = 0
        for index, (now_us, batch) in enumerate(batches(run_id, duration_s=6, per_s=40)):
            hand_over(writer, batch)
            handed += len(batch.requests[0])
            # when another program locks the log for some of the flushes
            if index % 3 == 1:
                with other.writing(), pytest.raises(UserError, match="stayed locked"):
                    writer.flush(now_us)
            else:
                writer.flush(now_us)
                # then nothing is lost or counted twice
                assert RunReader(log, run_id).totals("prototype").requests == handed
        writer.end("finished", now_us)
        assert RunReader(log, run_id).totals("prototype").requests == handed == 240


def test_a_disk_that_fills_up_is_told_and_what_was_flushed_stays(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        writer.add(0, request_rows([request(run_id, 0, 0, intended_us=0, finished_us=5)]), attempt_rows())
        writer.flush(10)
        (pages,) = log.db.execute("pragma page_count").fetchone()
        log.db.execute(f"pragma max_page_count = {pages}")
        writer.add(
            0,
            request_rows(request(run_id, 0, n, intended_us=n, finished_us=n + 50) for n in range(1, 3_000)),
            attempt_rows(),
        )
        with pytest.raises(UserError, match="disk of the session log is full"):
            writer.flush(5_000)
        assert RunReader(log, run_id).totals("prototype").requests == 1


def test_a_numpy_integer_in_a_row_is_an_error_and_not_a_blob(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        writer = RunWriter(log)
        run_id = writer.start(NEW_RUN)
        writer.add(
            0,
            request_rows([request(run_id, 0, 0, intended_us=0, finished_us=5, cost_pico=np.int64(5))]),
            attempt_rows(),
        )
        with pytest.raises(sqlite3.IntegrityError, match="cannot store BLOB"):
            writer.flush(10)


def test_every_name_is_interned_once_and_runs_share_them(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        one, other = RunWriter(log), RunWriter(log)
        one.start(NEW_RUN)
        other.start(NEW_RUN)
        assert (one.name(""), one.name("hang"), one.name("hang")) == (0, 1, 1)
        assert other.name("hang") == 1


def test_two_runs_may_be_written_at_once(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as one, SessionLog.open(tmp_path / "a.db") as other:
        first, second = RunWriter(one), RunWriter(other)
        run_ids = first.start(NEW_RUN), second.start(NEW_RUN)
        for n in range(5):
            for writer, run_id in zip((first, second), run_ids, strict=True):
                writer.add(
                    0, request_rows([request(run_id, 0, n, intended_us=n, finished_us=n + 5)]), attempt_rows()
                )
                writer.flush(n)
        for writer in (first, second):
            writer.end("stopped", 100)
        assert [RunReader(one, run_id).totals("prototype").requests for run_id in run_ids] == [5, 5]


@pytest.mark.parametrize(
    ("variants", "clock"),
    [((), "virtual"), ((NewVariant("a", "A"),) * 9, "virtual"), ((NewVariant("a", "A"),), "x")],
)
def test_a_run_that_cannot_be_is_refused(
    tmp_path: Path, variants: tuple[NewVariant, ...], clock: str
) -> None:
    with SessionLog.open(tmp_path / "a.db") as log, pytest.raises(ValueError, match=r"variants|clock"):
        RunWriter(log).start(NewRun("s", "S", "", 1, clock, 1.0, variants, ()))


def test_a_state_or_a_kind_of_event_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        writer = RunWriter(log)
        writer.start(NEW_RUN)
        with pytest.raises(ValueError, match="no kind of event"):
            writer.event(0, "party", "x")
        with pytest.raises(ValueError, match="no state to end in"):
            writer.end("running", 0)


def test_the_same_run_twice_gives_the_same_rows(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as one, SessionLog.open(tmp_path / "b.db") as other:
        for log in (one, other):
            write_run(log)
        for table in ("request_log", "attempt_log", "rollup_log", "event_log"):
            sql = f"select * from {table}"
            assert one.db.execute(sql).fetchall() == other.db.execute(sql).fetchall()
