"""Counts from request rows what the rollups of older logs and exports do not hold: requests served after a retry.

A run of today counts them as it goes, see `tally`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from app.sessions import vocabulary as words

Recounted = tuple[int, int, int, int, int]
"""A count, and the run, variant, step and bucket of its rollup."""

RETRIED: Final = tuple(words.SERVED_BY.index(name) for name in ("primary", "hedge"))
"""Who serves a request that counts as served after a retry, in codes."""

_STEPS: Final = " union ".join(f"select {step} as step_s" for step in words.STEPS_S)
_RETRIED_SQL: Final = f"""
with seconds as (
    select key >> {words.RUN_SHIFT} as run_id,
        (key >> {words.VARIANT_SHIFT}) & {words.MAX_VARIANTS - 1} as variant,
        finished_us / 1000000 as second,
        count(*) as served
    from request_log
    where key between ? and ? and retries > 0 and served_by in ({", ".join(map(str, RETRIED))})
    group by 1, 2, 3
)
select sum(served), run_id, variant, step_s, second / step_s from seconds, ({_STEPS}) group by 2, 3, 4, 5
"""  # noqa: S608 (our own numbers)
_RECOUNT_SQL: Final = (
    "update rollup_log set served_retried = ? where run_id = ? and variant = ? and step_s = ? and bucket = ?"
)


def retried(connection: sqlite3.Connection, first: int = 0, last: int = (1 << 63) - 1) -> list[Recounted]:
    """The counts of every bucket in which there are any, of the requests with keys from `first` to `last`."""
    return connection.execute(_RETRIED_SQL, (first, last)).fetchall()


def recount(connection: sqlite3.Connection, counts: Sequence[Recounted]) -> None:
    """Sets them in the rollups there are; the transaction is the caller's."""
    connection.executemany(_RECOUNT_SQL, counts)
