"""The tables and views of the session log, and how an older file becomes a newer one.

Base tables hold integers: microseconds since the run's start, picodollars, codes of `vocabulary`. The views
`requests`, `attempts`, `events` and `rollups` are the contract: seconds, dollars and names, for any SQLite
tool. Opening, locking and backups are `session_log`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlite_utils import Database

from app.sessions import vocabulary as words
from app.sessions.recount import CACHED, LACKED, counted, recount

APPLICATION_ID: Final = 0x53454154
"""Marks the file as a session log ("SEAT" in ASCII), so that no other program's database is ever migrated."""

HISTOGRAMS: Final = ("latency", "answer", "service", "ttft", "tpot")
"""Histograms of a rollup: every finished request; the same with those without an answer as infinite; from the
first send; to the first token; the time per further token of the answer."""

COUNTS: Final = (
    "offered",
    "requests",
    *(f"outcome_{name}" for name in words.OUTCOMES),
    *(f"served_{name}" for name in words.SERVED_BY),
    "served_retried",
    "attempts",
    "retries",
    "input_tokens",
    "output_tokens",
    "cost_pico",
    *CACHED,
    "token_gaps",
    "token_gaps_us",
)
"""What a rollup adds up; `served_retried` counts requests that the primary or a hedge served after a retry, `token_gaps` the
gaps between the tokens of answers, and `token_gaps_us` how long these were together."""

_WITH_5: Final = (*CACHED, "token_gaps", "token_gaps_us", "tpot")
_LATER: Final = {"served_retried", *_WITH_5}

ROLLUP_COLUMNS: Final = ("run_id", "variant", "step_s", "bucket", *COUNTS, *HISTOGRAMS, "faults")

_RUNS: Final = """
create table runs (
    id integer primary key autoincrement, -- an id is never given twice: reports cite it
    scenario text not null,
    title text not null,
    scenario_toml text not null,
    seed integer not null,
    clock text not null,
    duration_s real not null,
    created_at text not null,
    ended_at text,
    state text not null,
    virtual_us integer not null default 0,
    drain_end_us integer,
    offered integer not null default 0,
    pid integer,
    process text not null default '',
    heartbeat_at text,
    app_version text not null,
    numpy_version text not null,
    platform text not null,
    name text not null default '',
    note text not null default '',
    tags text not null default '',
    deleted_at text
) strict
"""

# The tables as they are in version 1: what came later is added by its migration, to new files as well.
_TABLES: Final[dict[str, tuple[dict[str, Any], str | tuple[str, ...]]]] = {
    "variants": (
        # tail_key: the lowest key of request rows that no rollup counts yet
        {"run_id": int, "idx": int, "name": str, "title": str, "config": str, "tail_key": int},
        ("run_id", "idx"),
    ),
    "targets": ({"run_id": int, "idx": int, "name": str}, ("run_id", "idx")),
    "prompts": ({"run_id": int, "idx": int, "name": str, "messages": str}, ("run_id", "idx")),
    "data_rows": ({"run_id": int, "row": int, "number": int, "values": str}, ("run_id", "row")),
    "names": ({"id": int, "text": str}, "id"),
    "event_log": (
        {"run_id": int, "seq": int, "at_us": int, "kind": str, "label": str, "variant": int, "details": str},
        ("run_id", "seq"),
    ),
    "observations": (
        {"run_id": int, "seq": int, "now_us": int, "number": int, "command": str, "outcome": str},
        ("run_id", "seq"),
    ),
    "run_facts": ({"run_id": int, "key": str, "value": str}, ("run_id", "key")),
    "request_log": (
        {name: int for name in words.REQUEST_COLUMNS if name != "answer_tokens"},  # came with version 5
        "key",
    ),
    "attempt_log": (
        {name: int for name in words.ATTEMPT_COLUMNS if name != "reason_name"},  # came with version 3
        "key",
    ),
    "rollup_log": (
        {
            **{name: int for name in ROLLUP_COLUMNS if name not in _LATER},
            **{name: bytes for name in HISTOGRAMS if name not in _LATER},
            "faults": str,
        },
        ("run_id", "variant", "step_s", "bucket"),
    ),
}

_OPTIONAL: Final = {
    "variants": {"tail_key"},
    "prompts": {"messages"},
    "event_log": {"variant"},
    "request_log": words.NULLABLE,
    "attempt_log": words.NULLABLE,
}


def _seconds(column: str) -> str:
    return f"{column}_us / 1e6 as {column}_s"


def _word(column: str, names: Sequence[str]) -> str:
    cases = " ".join(f"when {code} then '{name}'" for code, name in enumerate(names))
    return f"case {column} {cases} end as {column}"


def _text(column: str, shown: str) -> str:
    return f"(select text from names where id = {column}) as {shown}"  # noqa: S608 (our own names)


def _looked_up(table: str, run: str, index: str, shown: str) -> str:
    return f"(select name from {table} t where t.run_id = {run} and t.idx = {index}) as {shown}"  # noqa: S608 (our own names)


_RUN: Final = f"key >> {words.RUN_SHIFT}"
_VARIANT: Final = f"(key >> {words.VARIANT_SHIFT}) & {words.MAX_VARIANTS - 1}"
_NUMBER: Final = f"(key >> {words.SEQUENCE_BITS}) & {(1 << words.NUMBER_BITS) - 1}"

_VIEWS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "requests": (
        "request_log",
        (
            f"{_RUN} as run_id",
            _looked_up("variants", _RUN, _VARIANT, "variant"),
            f"{_NUMBER} as number",
            "row",
            _looked_up("prompts", _RUN, "prompt", "prompt"),
            *map(_seconds, ("intended", "started", "first_token", "finished")),
            _word("served_by", words.SERVED_BY),
            _word("outcome", words.OUTCOMES),
            _text("reason_name", "reason"),
            "attempts",
            "retries",
            "input_tokens",
            "output_tokens",
            "cost_pico / 1e12 as cost_usd",
            _word("cache", words.CACHE),
            _text("faults_name", "faults"),
            _seconds("service"),
            _text("mess_name", "mess"),
            "answer_tokens",
        ),
    ),
    "attempts": (
        "attempt_log",
        (
            f"{_RUN} as run_id",
            _looked_up("variants", _RUN, _VARIANT, "variant"),
            f"{_NUMBER} as number",
            f"key & {words.MAX_ATTEMPTS - 1} as attempt",
            _looked_up("targets", _RUN, "target", "target"),
            "retry",
            "hedge",
            *map(_seconds, ("started", "queued", "first_token", "finished")),
            "status",
            _text("error_name", "error"),
            _text("fault_name", "fault"),
            "input_tokens",
            "output_tokens",
            "cost_pico / 1e12 as cost_usd",
            "billed",
            _text("reason_name", "reason"),
            "coalesce((select estimated from real_attempts r where r.key = attempt_log.key), 0) as estimated",
        ),
    ),
    "events": (
        "event_log",
        (
            "run_id",
            "seq",
            _seconds("at"),
            "kind",
            "label",
            _looked_up("variants", "event_log.run_id", "event_log.variant", "variant"),
            "details",
        ),
    ),
    "rollups": (
        "rollup_log",
        (
            "run_id",
            _looked_up("variants", "rollup_log.run_id", "rollup_log.variant", "variant"),
            "step_s",
            "bucket * step_s as start_s",
            *(name for name in COUNTS if name != "cost_pico"),
            "cost_pico / 1e12 as cost_usd",
            "faults",
            *HISTOGRAMS,
        ),
    ),
}


def _create(db: Database) -> None:
    """From nothing to version 1."""
    db.execute(_RUNS)
    for name, (columns, pk) in _TABLES.items():
        required = set(columns) - _OPTIONAL.get(name, set())
        db.table(name).create(columns, pk=pk, not_null=required, strict=True)
    db.table("names").create_index(["text"], unique=True)
    db.table("names").insert({"id": 0, "text": ""})


def _count_retried(db: Database) -> None:
    """From version 1 to 2: rollups count requests that were served after a retry."""
    db.execute("alter table rollup_log add column served_retried integer not null default 0")
    recount(db.conn, LACKED[2], counted(db.conn, LACKED[2]))


def _give_reasons(db: Database) -> None:
    """From version 2 to 3: attempts say why they were made; of those that are there nobody knows."""
    db.execute("alter table attempt_log add column reason_name integer not null default 0")


def _keep_real_calls(db: Database) -> None:
    """From version 3 to 4: what only real calls have. Their texts, each once; whose tokens are by our own count; and how
    far each variant is, where they take turns."""
    db.execute("alter table variants add column passed_us integer")
    db.table("answer_texts").create(
        {"run_id": int, "idx": int, "text": str}, pk=("run_id", "idx"), not_null={"text"}, strict=True
    )
    db.table("real_attempts").create(
        {"key": int, "estimated": int, "answer": int}, pk="key", not_null={"estimated"}, strict=True
    )


def _count_caches_and_tokens(db: Database) -> None:
    """From version 4 to 5: rollups count what caches did, and how fast the tokens of answers came; of those that are there
    nobody knows how many tokens the one answer had."""
    db.execute("alter table request_log add column answer_tokens integer not null default 0")
    for name in _WITH_5:
        kind = "blob not null default x''" if name in HISTOGRAMS else "integer not null default 0"
        db.execute(f"alter table rollup_log add column {name} {kind}")
    recount(db.conn, LACKED[5], counted(db.conn, LACKED[5]))


MIGRATIONS: Final[tuple[Callable[[Database], None], ...]] = (
    _create,
    _count_retried,
    _give_reasons,
    _keep_real_calls,
    _count_caches_and_tokens,
)
"""Migration i takes the tables of a file of version i to version i + 1, inside the caller's transaction."""

VERSION: Final = len(MIGRATIONS)


def migrate(db: Database, version: int) -> None:
    """Takes the file from `version` to VERSION. The caller holds the write transaction and has made the
    backup."""
    for step in MIGRATIONS[version:]:
        step(db)
    for name, (table, shown) in _VIEWS.items():
        db.create_view(name, f"select {', '.join(shown)} from {table}", replace=True)  # noqa: S608
    db.execute(f"pragma application_id = {APPLICATION_ID}")
    db.execute(f"pragma user_version = {VERSION}")
