from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from app.sessions.flat_rows import FlatRows
from app.sessions.insertion import Insertion


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 1_234])
def test_any_number_of_rows_is_inserted_in_order(count: int) -> None:
    rows = [(number, None, "x") for number in range(count, 0, -1)]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute('create table log (number integer, "values" text, word text)')
        Insertion("log", ("number", "values", "word")).run(connection, FlatRows(3, rows))
        assert connection.execute("select * from log order by rowid").fetchall() == rows


def test_rows_of_another_width_and_rows_that_are_cut_short_are_refused() -> None:
    insertion = Insertion("log", ("number", "values", "word"))
    cut_short = FlatRows(3, [(1, None, "x"), (2, None)])
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute('create table log (number integer, "values" text, word text)')
        with pytest.raises(ValueError, match="rows of 2 values cannot go into 3 columns"):
            insertion.run(connection, FlatRows(2, [(1, None), (2, None), (3, None)]))
        with pytest.raises(ValueError, match="5 values are no rows of 3"):
            insertion.run(connection, cut_short)
        assert connection.execute("select count(*) from log").fetchone() == (0,)
