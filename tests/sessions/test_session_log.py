from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import UserError
from app.sessions import schema
from app.sessions.session_log import SessionLog, default_path


def test_a_new_log_is_made_with_its_folder_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "seatrial.db"
    with SessionLog.open(path) as log:
        log.intern(["hang"])
        if os.name == "posix":
            for name in ("seatrial.db", "seatrial.db-wal", "seatrial.db-shm"):
                assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert log.db.execute("pragma user_version").fetchone() == (schema.VERSION,)
        assert log.db.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_log_is_opened_again_as_it_was(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        assert log.intern(["hang", "", "typos"]) == [1, 0, 2]
    with SessionLog.open(tmp_path / "a.db", create=False) as log:
        assert log.intern(["typos"]) == [2]


def test_a_second_process_interns_the_same_ids(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as one, SessionLog.open(tmp_path / "a.db") as other:
        assert one.intern(["hang"]) == other.intern(["hang"])
        assert other.intern(["typos"]) == one.intern(["typos"])


def test_many_may_open_a_new_log_at_once(tmp_path: Path) -> None:
    def use(_: int) -> list[int]:
        with SessionLog.open(tmp_path / "a.db") as log:
            return log.intern(["hang"])

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(8))) == [[1]] * 8


def test_the_default_path_is_in_the_platforms_data_folder() -> None:
    assert default_path().name == "seatrial.db"
    assert default_path().parent.name == "seatrial"


def test_a_missing_log_is_an_error_where_none_may_be_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no session log here"):
        SessionLog.open(tmp_path / "none.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be made") as caught:
        SessionLog.open(tmp_path / "file" / "a.db")
    assert caught.value.option == "--log PATH"
    assert "--" not in str(caught.value)  # the window shows it, too
    assert str(tmp_path) in caught.value.where


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="A folder is no session log"):
        SessionLog.open(tmp_path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("These are my notes. " * 100)
    with pytest.raises(UserError, match="not a session log"):
        SessionLog.open(path)
    assert path.read_text() == "These are my notes. " * 100


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table bookmarks (url text)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(UserError, match="belongs to another program"):
        SessionLog.open(path)
    assert path.read_bytes() == before


def test_a_newer_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with SessionLog.open(path) as log:
        log.db.execute(f"pragma user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(UserError, match=f"version {schema.VERSION + 1}") as caught:
        SessionLog.open(path)
    assert "Update Seatrial" in caught.value.do
    assert path.read_bytes() == before


def test_an_older_log_is_migrated_after_a_backup(tmp_path: Path) -> None:
    # given a file of version 0, which is ours but has no tables yet
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma application_id = {schema.APPLICATION_ID}")
        connection.execute("pragma user_version = 0")
    # when it is opened
    with SessionLog.open(path) as log:
        # then it has today's tables
        assert "request_log" in log.db.table_names()
        assert log.intern(["hang"]) == [1]
    # and the file as it was lies beside it
    backup = tmp_path / "a.db.v0.bak"
    if os.name == "posix":
        assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("pragma application_id").fetchone() == (schema.APPLICATION_ID,)
        assert copy.execute("select count(*) from sqlite_master").fetchone() == (0,)


def test_a_writer_waits_for_another_and_then_says_so(tmp_path: Path) -> None:
    with (
        SessionLog.open(tmp_path / "a.db") as one,
        SessionLog.open(tmp_path / "a.db", patience_s=0.05) as other,
    ):
        with one.writing(), pytest.raises(UserError, match="stayed locked") as caught:
            other.intern(["hang"])
        assert "try again" in caught.value.do
        assert other.intern(["hang"]) == [1]


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        with pytest.raises(sqlite3.IntegrityError), log.writing() as connection:
            connection.executemany("insert into names (text) values (?)", [("hang",), ("hang",)])
        assert log.db.execute("select count(*) from names").fetchone() == (1,)


def test_a_full_disk_is_told_and_leaves_the_log_usable(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        (pages,) = log.db.execute("pragma page_count").fetchone()
        log.db.execute(f"pragma max_page_count = {pages}")
        with pytest.raises(UserError, match="disk of the session log is full"):
            log.intern([f"{number:0>1900}" for number in range(20)])
        log.db.execute("pragma max_page_count = 100000")
        assert log.intern(["hang"]) == [1]


def test_a_read_only_log_is_told(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as log:
        log.db.execute("pragma query_only = on")
        with pytest.raises(UserError, match="cannot be written"):
            log.intern(["hang"])


def test_a_reader_sees_one_state_while_another_writes(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "a.db") as one, SessionLog.open(tmp_path / "a.db") as other:
        with one.reading() as view:
            assert view.execute("select count(*) from names").fetchone() == (1,)
            other.intern(["hang"])
            assert view.execute("select count(*) from names").fetchone() == (1,)
        assert one.db.execute("select count(*) from names").fetchone() == (2,)


def test_the_package_needs_neither_qt_nor_the_network(tmp_path: Path) -> None:
    code = (
        "import sys; import app.sessions.writer, app.sessions.reader;"
        "import app.sessions.importing, app.sessions.exporting;"
        "print([m for m in ('PySide6', 'httpx', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
