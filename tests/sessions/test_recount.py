"""Logs and exports of before requests were counted that a retry saved, or a cache: what is counted for them now."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from app.sessions import schema
from app.sessions import vocabulary as words
from app.sessions.exporting import export_run
from app.sessions.importing import import_run
from app.sessions.reader import RunReader
from app.sessions.recount import CACHED
from app.sessions.session_log import SessionLog
from app.sessions.totals import EMPTY, Totals
from app.sessions.vocabulary import STEPS_S, key_of
from app.sessions.writer import RunWriter
from tests.sessions.sample import NEW_RUN, VARIANTS, batches, hand_over, write_run

OF_ANSWERS = ("token_gaps", "token_gaps_us", "tpot")


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """A log with a finished run, one that was broken off, and one whose requests are gone."""
    path = tmp_path / "today.db"
    with SessionLog.open(path) as log:
        write_run(log, duration_s=65, per_s=4)
        writer = RunWriter(log)
        broken_off = writer.start(NEW_RUN)
        for now_us, batch in batches(broken_off, duration_s=25, per_s=4):
            hand_over(writer, batch)
            writer.flush(now_us)
            if now_us > 22_000_000:
                break
        gone = write_run(log)
        log.db.execute("delete from request_log where key >= ?", (key_of(gone, 0, 0),))
    return path


def earlier_version(source: Path, target: Path, version: int = 1) -> Path:
    """The log as a file of that version, whose view of rollups has not the columns of today."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        db = Database(connection)
        for migration in schema.MIGRATIONS[:version]:
            migration(db)
        tables = [name for name in db.table_names() if not name.startswith("sqlite_")]
        connection.execute("create view rollups as select run_id, variant, step_s, bucket from rollup_log")
        connection.execute(f"pragma application_id = {schema.APPLICATION_ID}")
        connection.execute(f"pragma user_version = {version}")
        connection.execute("attach ? as newer", (str(source),))
        for table in tables:
            columns = ", ".join(f'"{column.name}"' for column in db.table(table).columns)
            connection.execute(f"delete from {table}")
            connection.execute(f"insert into {table} ({columns}) select {columns} from newer.{table}")
    return target


def rollups(path: Path, where: str) -> list[sqlite3.Row]:
    """The rollups of the view in a log that any tool may open."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(f"select * from rollups where {where} order by 1, 2, 3, 4").fetchall()


def test_a_log_of_version_1_gets_the_counts_of_its_requests_after_a_backup(
    today: Path, tmp_path: Path
) -> None:
    # given a log as the first version wrote it
    old = earlier_version(today, tmp_path / "old.db")
    assert "served_retried" not in rollups(old, "true")[0].keys()  # noqa: SIM118 (a Row is no mapping)

    # when it is opened
    with SessionLog.open(old) as log:
        assert log.db.execute("pragma user_version").fetchone() == (schema.VERSION,)
        reader = RunReader(log, 1)
        retried = {
            variant: sum(
                request.retries > 0 and request.served_by in ("primary", "hedge")
                for request in reader.each_request(variant)
            )
            for variant in VARIANTS
        }
        # then every step of rollups has the count, as if it had been counted as the run went
        for variant in VARIANTS:
            assert retried[variant] > 0
            for step_s in STEPS_S:
                series = reader.series(variant, step_s)
                assert sum(each.totals.served_retried for each in series) == retried[variant]
        assert RunReader(log, 2).totals("prototype").served_retried > 0

    there = "run_id < 3"
    assert known(rollups(old, there)) == known(rollups(today, there))
    assert {(row["token_gaps"], row["tpot"]) for row in rollups(old, there)} == {(0, b"")}
    assert {row["served_retried"] for row in rollups(old, "run_id = 3")} == {0}
    # and the file as it was lies beside it
    assert "served_retried" not in rollups(tmp_path / "old.db.v1.bak", "true")[0].keys()  # noqa: SIM118


def test_an_older_seatrial_that_is_still_writing_is_not_disturbed(today: Path, tmp_path: Path) -> None:
    # Its rollups name no count that it does not know.
    with SessionLog.open(earlier_version(today, tmp_path / "old.db")) as log:
        later = {"served_retried", *CACHED, *OF_ANSWERS}
        columns = [name for name in schema.ROLLUP_COLUMNS if name not in later]
        shown = ", ".join("99" if name == "bucket" else name for name in columns)
        log.db.execute(
            f"insert into rollup_log ({', '.join(columns)}) select {shown} from rollup_log"
            " where run_id = 2 and step_s = 1 order by bucket limit 1"
        )
        assert RunReader(log, 2).series("prototype", 1, first=99)[0].totals.served_retried == 0


def test_an_export_of_the_first_format_gets_the_counts_of_its_requests(today: Path, tmp_path: Path) -> None:
    with SessionLog.open(today, create=False) as log, SessionLog.open(tmp_path / "elsewhere.db") as elsewhere:
        # given an export as the first version wrote it
        export_run(log, 1, tmp_path / "run.zip")
        earlier_format(tmp_path / "run.zip", tmp_path / "first.zip", 1)
        RunWriter(elsewhere).start(NEW_RUN)

        # when it is imported
        there = RunReader(elsewhere, import_run(elsewhere, tmp_path / "first.zip"))

        # then it is the same run
        here = RunReader(log, 1)
        for variant in VARIANTS:
            assert there.totals(variant) == without_answers(here.totals(variant))
            assert there.totals(variant).served_retried > 0
            assert min(there.totals(variant).cache.values()) > 0
            for step_s in STEPS_S:
                then = [
                    replace(each, totals=without_answers(each.totals))
                    for each in here.series(variant, step_s)
                ]
                assert there.series(variant, step_s) == then


def test_an_export_of_the_second_format_has_attempts_without_reasons(today: Path, tmp_path: Path) -> None:
    with SessionLog.open(today, create=False) as log, SessionLog.open(tmp_path / "elsewhere.db") as elsewhere:
        export_run(log, 1, tmp_path / "run.zip")
        earlier_format(tmp_path / "run.zip", tmp_path / "second.zip", 2)
        there = RunReader(elsewhere, import_run(elsewhere, tmp_path / "second.zip"))
        here = RunReader(log, 1)
        for variant in VARIANTS:
            assert there.totals(variant) == without_answers(here.totals(variant))
        found = there.request(VARIANTS[0], 0)
        assert found is not None
        assert {attempt.reason for attempt in found[1]} == {""}


def test_a_log_of_version_4_gets_the_counts_of_its_caches(today: Path, tmp_path: Path) -> None:
    old = earlier_version(today, tmp_path / "old.db", 4)
    with SessionLog.open(old) as log:
        totals = RunReader(log, 1).totals(VARIANTS[0])
    with SessionLog.open(today) as log:
        assert totals == without_answers(RunReader(log, 1).totals(VARIANTS[0]))
    assert min(totals.cache.values()) > 0


def known(rows: list[sqlite3.Row]) -> list[list[Any]]:
    """All but what an older log cannot tell."""
    return [[row[name] for name in row.keys() if name not in OF_ANSWERS] for row in rows]  # noqa: SIM118 (a Row is no mapping)


def without_answers(totals: Totals) -> Totals:
    """The same, as an older log tells it: of the one call that answered nothing is known."""
    return replace(totals, token_gaps=0, token_gaps_us=0, tpot=EMPTY.tpot)


def earlier_format(source: Path, target: Path, version: int) -> None:
    """The export without what that format did not have."""
    passed_us = 5
    rollup_columns = schema.ROLLUP_COLUMNS[1:]
    lacks = {
        "attempt_log.jsonl": {words.ATTEMPT_COLUMNS.index("reason_name")},
        "variants.jsonl": {passed_us},
        "request_log.jsonl": {words.REQUEST_COLUMNS.index("answer_tokens")},
        "rollup_log.jsonl": {rollup_columns.index(name) for name in (*CACHED, *OF_ANSWERS)},
    }
    if version < 2:
        lacks["rollup_log.jsonl"].add(rollup_columns.index("served_retried"))
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name in archive.namelist():
            content = archive.read(name)
            if name in lacks:
                rows = [json.loads(line) for line in content.splitlines()]
                lines = [
                    json.dumps([value for place, value in enumerate(row) if place not in lacks[name]])
                    for row in rows
                ]
                content = "\n".join([*lines, ""]).encode()
            elif name == "manifest.json":
                content = json.dumps({**json.loads(content), "version": version}).encode()
            made.writestr(name, content)
