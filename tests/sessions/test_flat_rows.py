from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.sessions.flat_rows import FlatRows, attempt_rows, request_rows
from app.sessions.vocabulary import ATTEMPT_COLUMNS, REQUEST_COLUMNS


@given(st.lists(st.tuples(st.integers(), st.none() | st.integers(), st.text())), st.integers(0, 9))
def test_rows_come_out_as_they_went_in_by_row_and_by_column(
    rows: list[tuple[int, int | None, str]], most: int
) -> None:
    flat = FlatRows(3, rows)
    assert len(flat) == len(rows)
    assert list(flat) == rows
    assert [flat.column(place) for place in range(3)] == [[row[place] for row in rows] for place in range(3)]
    flat.check()

    assert list(flat.first(most)) == rows[:most]
    flat.drop(most)
    assert list(flat) == rows[most:]
    flat.clear()
    flat.add((1, None, "again"))
    assert list(flat) == [(1, None, "again")]


def test_the_first_rows_are_the_rows_themselves_where_these_are_all_and_a_copy_where_they_are_not() -> None:
    rows = FlatRows(1, [(1,), (2,)])
    assert rows.first(2) is rows
    rows.first(1).add((3,))
    assert list(rows) == [(1,), (2,)]


def test_requests_and_attempts_have_as_many_values_as_the_log_has_columns() -> None:
    assert (request_rows().width, attempt_rows().width) == (len(REQUEST_COLUMNS), len(ATTEMPT_COLUMNS))
