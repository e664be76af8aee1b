from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import UserError
from app.sessions.maintenance import annotate, delete, purge
from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog
from app.sessions.writer import RunWriter
from tests.sessions.sample import NEW_RUN, write_run


def rows_of(log: SessionLog) -> dict[str, int]:
    tables = [name for name in log.db.table_names() if name not in ("names", "sqlite_sequence")]
    return {name: log.db.execute(f"select count(*) from {name}").fetchone()[0] for name in tables}


def test_a_deleted_run_is_gone_at_once_and_its_rows_little_by_little(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        # given two runs
        kept = write_run(log, texts=True)
        before = rows_of(log)
        deleted = write_run(log, texts=True)
        # when one is deleted
        delete(log, deleted)
        # then nobody sees it
        assert [record.run_id for record in runs(log)] == [kept]
        with pytest.raises(UserError, match="no run"):
            RunReader(log, deleted)
        # and purging takes away its rows, never more at once than told, and nothing else
        chunks = []
        while count := purge(log, 50):
            chunks.append(count)
        assert max(chunks) == 50
        assert rows_of(log) == before
        assert RunReader(log, kept).totals("prototype").requests == 100


def test_the_id_of_a_deleted_run_is_never_given_again(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        first = write_run(log)
        delete(log, first)
        while purge(log):
            pass
        assert rows_of(log)["runs"] == 0
        assert write_run(log) > first


def test_a_running_run_is_not_deleted(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        run_id = RunWriter(log).start(NEW_RUN)
        with pytest.raises(UserError, match="still running"):
            delete(log, run_id)
        assert purge(log) == 0


def test_an_import_that_was_broken_off_is_purged_and_one_under_way_is_not(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        under_way = RunWriter(log).start(NEW_RUN)
        log.db.execute("update runs set state = 'importing'")
        assert purge(log) == 0
        log.db.execute("update runs set pid = null where id = ?", (under_way,))
        while purge(log):
            pass
        assert sum(rows_of(log).values()) == 0


def test_a_user_names_and_tags_a_run(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        run_id = write_run(log)
        annotate(log, run_id, name="Before the launch", tags="demo")
        annotate(log, run_id, note="Shown on Monday")
        annotate(log, run_id)
        record = RunReader(log, run_id).record()
        assert (record.name, record.note, record.tags) == ("Before the launch", "Shown on Monday", "demo")
        with pytest.raises(UserError, match="no run 9"):
            annotate(log, 9, name="x")
