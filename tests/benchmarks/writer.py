"""The session log's writer beside a bare `executemany` of the same tuples into the same two tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np

from app.scenario.files import open_scenario
from app.sessions.flat_rows import attempt_rows, request_rows
from app.sessions.insertion import insert
from app.sessions.session_log import SessionLog
from app.sessions.vocabulary import ATTEMPT_COLUMNS, REQUEST_COLUMNS, key_of
from app.sessions.writer import ROWS_PER_TRANSACTION, NewRun, NewVariant, RunWriter
from tests.benchmarks.line import Line
from tests.harness import run

ROUNDS = 9
SLICE = 1000
"""Requests handed over at a time, as a run does it."""

Rows = list[tuple[int | None, ...]]


def lines() -> list[Line]:
    """Rows per second of CPU time, requests and attempts together."""
    requests, attempts = _rows()
    count = len(requests) + len(attempts)
    pairs = [(_bare(requests, attempts), _ours(requests, attempts)) for _ in range(ROUNDS)]
    bare_s, ours_s = (min(each) for each in zip(*pairs, strict=True))
    # Both of a pair ran in the same moment of a machine that others may use: the median ratio is steadier.
    ratio = median(bare / ours for bare, ours in pairs)
    return [
        Line("bare executemany", f"{count / bare_s:,.0f} rows a second"),
        Line("writer, with rollups / bare", f"{count / ours_s:,.0f} rows a second", ratio, ">= 0.7"),
    ]


def _rows() -> tuple[Rows, Rows]:
    """One variant's rows of a real run, requests in order of their end and attempts likewise."""
    ran = run(open_scenario(str(Path(__file__).with_name("full.toml"))))
    requests, attempts = ran.rows("safeguarded")
    base = min(row[0] or 0 for row in requests)
    offset = key_of(1, 0, 0) - base

    def moved(rows: Rows) -> Rows:
        return [((row[0] or 0) + offset, *row[1:]) for row in rows]

    return moved(requests), moved(attempts)


def _bare(requests: Rows, attempts: Rows) -> float:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bare.db"
        SessionLog.open(path).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("pragma synchronous = normal")
            began = process_time()
            for table, columns, rows in (
                ("request_log", REQUEST_COLUMNS, requests),
                ("attempt_log", ATTEMPT_COLUMNS, attempts),
            ):
                statement = insert(table, columns)
                for first in range(0, len(rows), ROWS_PER_TRANSACTION):
                    connection.execute("begin immediate")
                    connection.executemany(statement, rows[first : first + ROWS_PER_TRANSACTION])
                    connection.execute("commit")
            return process_time() - began


def _ours(requests: Rows, attempts: Rows) -> float:
    with TemporaryDirectory() as folder, SessionLog.open(Path(folder) / "log.db") as log:
        writer = RunWriter(log)
        writer.start(
            NewRun("b", "b", "", 1, "virtual", 1000.0, (NewVariant("v", "v"),), ("primary", "fallback"))
        )
        for number in range(1, 64):
            writer.name(f"name {number}")
        slices = -(-len(requests) // SLICE)
        per_slice = -(-len(attempts) // slices)
        arrivals = np.array([row[3] for row in requests], dtype=np.int64)
        end_us = max(row[6] or 0 for row in requests)
        parts = [
            (
                request_rows(requests[index * SLICE : (index + 1) * SLICE]),
                attempt_rows(attempts[index * per_slice : (index + 1) * per_slice]),
            )
            for index in range(slices)
        ]
        began = process_time()
        for index in range(slices):
            part = slice(index * SLICE, (index + 1) * SLICE)
            writer.add_offered(arrivals[part])
            writer.add(0, *parts[index])
            if writer.due():
                writer.flush(requests[part.start][6] or 0)
        writer.end("finished", end_us, drain_end_us=end_us)
        return process_time() - began
