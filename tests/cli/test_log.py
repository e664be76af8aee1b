"""A session log that cannot be used: one clear error, status 2, and the file is left as it was."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.commands import command, environment, seatrial

SUBCOMMANDS = [["run"], ["runs"], ["show"], ["export", "last", "-o", "nowhere.zip"]]


@pytest.mark.parametrize("line", SUBCOMMANDS, ids=lambda line: str(line[0]))
def test_a_file_that_is_no_session_log(line: list[str], tmp_path: Path) -> None:
    log = tmp_path / "notes.txt"
    log.write_text("Dear diary, " * 500, encoding="utf-8")

    complaint = seatrial(*line, log=log).complaint

    assert str(log) in complaint
    assert "not a session log" in complaint
    assert "--log" in complaint
    assert log.read_text(encoding="utf-8") == "Dear diary, " * 500


def test_another_programs_database(tmp_path: Path) -> None:
    log = tmp_path / "shop.db"
    with closing(sqlite3.connect(log)) as shop:
        shop.execute("create table orders (number)")

    assert "belongs to another program" in seatrial("run", log=log).complaint


def test_a_log_of_a_newer_version(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    assert seatrial("runs", log=log).status == 0
    with closing(sqlite3.connect(log)) as newer:
        newer.execute("pragma user_version = 99")

    assert "has version 99" in (complaint := seatrial("runs", log=log).complaint)
    assert "Update Seatrial" in complaint


def test_a_path_that_is_a_folder_or_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    assert "A folder is no session log" in seatrial("runs", log=tmp_path).complaint
    assert "cannot be made" in seatrial("runs", log=tmp_path / "file" / "log.db").complaint


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a file system that nobody can write to")
def test_a_file_system_that_cannot_be_written(tmp_path: Path) -> None:
    assert "cannot be made" in seatrial("run", log=Path("/proc/seatrial/log.db")).complaint


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
def test_a_disk_that_fills_up_during_the_run(tmp_path: Path) -> None:
    log = tmp_path / "log.db"

    def little_space() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    ended = subprocess.run(
        command("run", "--log", log),
        env=environment(),
        preexec_fn=little_space,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    told = ended.stderr.splitlines()[-1]
    assert told.startswith(f"seatrial: {log}: The disk of the session log ")
    assert "--log" in told
