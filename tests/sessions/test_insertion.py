from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from app.sessions.insertion import Insertion


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 1_234])
def test_any_number_of_rows_is_inserted_in_order(count: int) -> None:
    rows = [(number, None, "x") for number in range(count, 0, -1)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute('create table log (number integer, "values" text, word text)')
        Insertion("log", ("number", "values", "word")).run(connection, rows)
        assert connection.execute("select * from log order by rowid").fetchall() == rows
