"""Counts from request rows what the rollups of older logs and exports do not hold, such as requests served after a retry.

A run of today counts them as it goes, see `tally`. What came with which version is in `LACKED`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.sessions import vocabulary as words

RETRIED: Final = tuple(words.SERVED_BY.index(name) for name in ("primary", "hedge"))
"""Who serves a request that counts as served after a retry, in codes."""

CACHED: Final = {
    f"cache_{name}": tuple(
        code
        for code, word in enumerate(words.CACHE)
        if word.partition("_")[0] == name or word.endswith(f"_{name}")
    )
    for name in ("miss", "hit", "shared", "stale", "evicted")
}
"""The counts of what caches did, and the codes (`vocabulary.CACHE`) that each counts."""


def _one_of(column: str, codes: Sequence[int]) -> str:
    return f"{column} in ({', '.join(map(str, codes))})"


LACKED: Final[dict[int, dict[str, str]]] = {
    2: {"served_retried": f"retries > 0 and {_one_of('served_by', RETRIED)}"},
    5: {column: _one_of("cache", codes) for column, codes in CACHED.items()},
}
"""Columns of the rollups that came with a version of log and export, each with the requests that it counts, in SQL."""

_STEPS: Final = " union ".join(f"select {step} as step_s" for step in words.STEPS_S)


def lacked(version: int) -> dict[str, str]:
    """What rollups of that version have not."""
    return {
        column: rule
        for since, columns in LACKED.items()
        if since > version
        for column, rule in columns.items()
    }


def counted(
    connection: sqlite3.Connection, rules: Mapping[str, str], first: int = 0, last: int = (1 << 63) - 1
) -> list[tuple[Any, ...]]:
    """The counts of every bucket in which there are any, of the requests with keys from `first` to `last`: one for each
    rule, then run, variant, step and bucket of the rollup."""
    counts = ", ".join(f"sum({rule}) as {column}" for column, rule in rules.items())
    sql = f"""
with seconds as (
    select key >> {words.RUN_SHIFT} as run_id,
        (key >> {words.VARIANT_SHIFT}) & {words.MAX_VARIANTS - 1} as variant,
        finished_us / 1000000 as second,
        {counts}
    from request_log
    where key between ? and ? and ({" or ".join(rules.values())})
    group by 1, 2, 3
)
select {", ".join(f"sum({column})" for column in rules)}, run_id, variant, step_s, second / step_s as bucket
from seconds, ({_STEPS}) group by run_id, variant, step_s, bucket
"""  # noqa: S608 (our own names and numbers)
    return connection.execute(sql, (first, last)).fetchall()


def recount(
    connection: sqlite3.Connection, rules: Mapping[str, str], counts: Sequence[Sequence[Any]]
) -> None:
    """Sets what was `counted` by these rules in the rollups there are; the transaction is the caller's."""
    assignments = ", ".join(f"{column} = ?" for column in rules)
    connection.executemany(
        f"update rollup_log set {assignments}"  # noqa: S608 (our own names)
        " where run_id = ? and variant = ? and step_s = ? and bucket = ?",
        counts,
    )
