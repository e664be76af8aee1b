"""Writing a run while it goes: rows are buffered, and flushed with the rollups they complete, in short
transactions.

What is in the log is consistent after every transaction: rollups up to the last complete second of
`virtual_us`, and every later row from `tail_key` on. So a run whose writer is killed reads as if it had
stopped a moment earlier. The writer belongs to one thread and decides nothing: the engine says what happened
and when.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any, Final, NamedTuple

import numpy as np

import app
from app.errors import UserError
from app.quick_json import json_bytes
from app.sessions import process
from app.sessions import vocabulary as words
from app.sessions.flat_rows import FlatRows, request_rows
from app.sessions.insertion import Insertion
from app.sessions.rollups import RunRollups
from app.sessions.schema import ROLLUP_COLUMNS
from app.sessions.session_log import SessionLog
from app.sessions.tally import NEVER, Ints

ROWS_PER_TRANSACTION: Final = 4_000
"""About 20 ms of inserts, so that a transaction stays under 50 ms on a slow disk too."""
FLUSH_AFTER_S: Final = 0.25
MAX_COST_PICO: Final = 9 * 10**18
"""Of a variant: what the log's 64 bits can add up. Nine million dollars."""
_COST: Final = words.REQUEST_COLUMNS.index("cost_pico")

Row = tuple[Any, ...]
Observation = tuple[int, int, Mapping[str, Any], Mapping[str, Any]]
"""One resume of a request by the live driver: now (µs), the request's number, the command, and its outcome."""


@dataclass(frozen=True)
class NewVariant:
    """A variant as a run begins: its name, its title for people, and its whole configuration."""

    name: str
    title: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NewRun:
    """What is known of a run as it begins. `variants` and `targets` are in the order of the rows' indexes."""

    scenario: str
    title: str
    scenario_toml: str
    seed: int
    clock: str
    duration_s: float
    variants: tuple[NewVariant, ...]
    targets: tuple[str, ...]


class RealAttempt(NamedTuple):
    """What only a real call has: the attempt's key, whether its tokens are by our own count, and what came of its answer."""

    key: int
    estimated: bool
    text: str


_REQUESTS: Final = Insertion("request_log", words.REQUEST_COLUMNS)
_ATTEMPTS: Final = Insertion("attempt_log", words.ATTEMPT_COLUMNS)
_ROLLUPS: Final = Insertion("rollup_log", ROLLUP_COLUMNS)
_EVENTS: Final = Insertion("event_log", ("run_id", "seq", "at_us", "kind", "label", "variant", "details"))
_TEXTS: Final = Insertion("answer_texts", ("run_id", "idx", "text"))
_REAL_ATTEMPTS: Final = Insertion("real_attempts", ("key", "estimated", "answer"))
_OBSERVATIONS: Final = Insertion("observations", ("run_id", "seq", "now_us", "number", "command", "outcome"))
_PROMPTS: Final = Insertion("prompts", ("run_id", "idx", "name", "messages"))
_DATA_ROWS: Final = Insertion("data_rows", ("run_id", "row", "number", "values"))


def now_utc() -> str:
    """The wall clock's time as the log writes it: UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class RunWriter:
    """Writes one run to `log`: `start`, then any number of `add…` and `flush`, then `end`.

    `clock` gives seconds that only count for `due`. Every method that writes raises UserError if the log
    stays locked, is read-only or its disk is full; what was not written is kept and goes with the next flush.
    """

    def __init__(self, log: SessionLog, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._clock = clock
        self._names: dict[str, int] = {"": 0}
        self._texts: dict[int, str] = {0: ""}

    def start(self, run: NewRun) -> int:
        """Enters the run, running, and returns its id. Raises ValueError for more than eight variants."""
        if not 0 < len(run.variants) <= words.MAX_VARIANTS:
            raise ValueError(f"a run takes 1 to {words.MAX_VARIANTS} variants, not {len(run.variants)}")
        if run.clock not in words.CLOCKS:
            raise ValueError(f"{run.clock!r} is no clock")
        now = now_utc()
        with self._log.writing():
            db = self._log.db
            table = db.table("runs").insert(
                {
                    "scenario": run.scenario,
                    "title": run.title,
                    "scenario_toml": run.scenario_toml,
                    "seed": run.seed,
                    "clock": run.clock,
                    "duration_s": float(run.duration_s),
                    "created_at": now,
                    "state": "running",
                    "pid": os.getpid(),
                    "process": process.token(),
                    "heartbeat_at": now,
                    "app_version": app.__version__,
                    "numpy_version": np.__version__,
                    "platform": platform.platform(),
                }
            )
            self.run_id = int(str(table.last_pk))
            db.table("variants").insert_all(
                {
                    "run_id": self.run_id,
                    "idx": index,
                    "name": variant.name,
                    "title": variant.title,
                    "config": _json(variant.config),
                }
                for index, variant in enumerate(run.variants)
            )
            db.table("targets").insert_all(
                {"run_id": self.run_id, "idx": index, "name": name} for index, name in enumerate(run.targets)
            )
        variants = len(run.variants)
        self._rollups = RunRollups(self.run_id, variants, self._texts.__getitem__)
        self._fresh = [request_rows() for _ in range(variants)]
        self._cost_pico = [0] * variants
        self._faults: list[list[tuple[int, int]]] = [[] for _ in range(variants)]
        self._held_tails = [NEVER] * variants
        self._passed_us: list[int] = []
        self._pending = {
            insertion: FlatRows(insertion.width)
            for insertion in (
                *(_DATA_ROWS, _REQUESTS, _ATTEMPTS, _TEXTS, _REAL_ATTEMPTS),
                *(_OBSERVATIONS, _EVENTS),
            )
        }
        self._completed = FlatRows(_ROLLUPS.width)
        self._texts_kept: dict[bytes, int] = {}
        self._events = 0
        self._observed = 0
        self._lasts_s: float | None = None
        self._flushed_at = self._clock()
        return self.run_id

    def name(self, text: str) -> int:
        """The id that stands for `text` in row tuples; 0 for none.

        Meant for reasons, kinds of error and sets of faults: few different ones, as each new one is a
        transaction.
        """
        found = self._names.get(text)
        if found is None:
            [found] = self._log.intern([text])
            self._names[text] = found
            self._texts[found] = text
        return found

    def add(self, variant: int, requests: FlatRows, attempts: FlatRows) -> None:
        """Finished requests and attempts of a variant. What holds them may be emptied and used again.

        Raises UserError, and takes none of them, where the variant costs more than MAX_COST_PICO with them.
        """
        self._cost_pico[variant] += sum(requests.column(_COST))
        if self._cost_pico[variant] > MAX_COST_PICO:
            raise UserError(
                f"a variant has cost more than {MAX_COST_PICO / 10**12:,.0f} USD: a run cannot count further",
                do="Lower prices, sizes or traffic, or make the run shorter.",
            )
        self._fresh[variant].values += requests.values
        self._pending[_ATTEMPTS].values += attempts.values

    def add_real_attempts(self, attempts: Iterable[RealAttempt]) -> None:
        """What only real calls have. Each text is kept once, and an empty one not at all."""
        for key, estimated, text in attempts:
            answer = self._text_kept(text) if text else None
            self._pending[_REAL_ATTEMPTS].add((key, int(estimated), answer))

    def _text_kept(self, text: str) -> int:
        # What a model or a server sent may hold half a surrogate pair, which no database takes.
        sound = text.encode("utf-8", "replace")
        digest = blake2b(sound, digest_size=16).digest()
        index = self._texts_kept.get(digest)
        if index is None:
            index = self._texts_kept[digest] = len(self._texts_kept)
            self._pending[_TEXTS].add((self.run_id, index, sound.decode()))
        return index

    def add_offered(self, intended_us: Ints) -> None:
        """Arrivals, shared by all variants, shape (n,), each once; they may be ahead of virtual time."""
        self._rollups.arrivals(intended_us)

    def add_own_offered(self, variant: int, intended_us: Ints) -> None:
        """Arrivals of one variant of a closed loop, shape (n,), each once, up to virtual time."""
        self._rollups.own_arrivals(variant, intended_us)

    def add_faults(self, variant: int, faults: Sequence[tuple[int, int]]) -> None:
        """Faults that occurred to a variant, as (microseconds, `name` of the kind), one for each
        occurrence."""
        self._faults[variant] += faults

    def event(
        self,
        at_us: int,
        kind: str,
        label: str,
        *,
        variant: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> int:
        """An event of `vocabulary.EVENT_KINDS`, of one variant or of all. Returns its sequence number."""
        if kind not in words.EVENT_KINDS:
            raise ValueError(f"{kind!r} is no kind of event")
        row = (self.run_id, self._events, at_us, kind, label, variant, _json(details or {}))
        self._pending[_EVENTS].add(row)
        self._events += 1
        return self._events - 1

    def observe(self, observations: Sequence[Observation]) -> int:
        """Resumes of requests by the live driver, in their order. Returns the sequence of the next one."""
        run_id, first = self.run_id, self._observed
        pending = self._pending[_OBSERVATIONS]
        for sequence, (now_us, number, command, outcome) in enumerate(observations, first):
            texts = json_bytes(command).decode(), json_bytes(outcome).decode()
            pending.add((run_id, sequence, now_us, number, *texts))
        self._observed += len(observations)
        return self._observed

    def add_prompts(self, prompts: Iterable[tuple[str, Any]]) -> None:
        """The prompts as (name, messages), in the order of the rows' indexes; messages None where declined.
        Once."""
        self._write_all(
            _PROMPTS,
            (
                (self.run_id, index, name, None if messages is None else _json(messages))
                for index, (name, messages) in enumerate(prompts)
            ),
        )

    def add_data_rows(self, rows: Iterable[tuple[int, int, Mapping[str, Any]]]) -> None:
        """Data rows as (row index, number in the user's file, values), each once; with the next flush."""
        for row, number, values in rows:
            self._pending[_DATA_ROWS].add((self.run_id, row, number, _json(values)))

    def fact(self, key: str, value: Any) -> None:
        """Keeps a small fact about the run, anything JSON can hold; a second time replaces it. Written at
        once."""
        with self._log.writing():
            self._log.db.table("run_facts").upsert(
                {"run_id": self.run_id, "key": key, "value": _json(value)}, pk=("run_id", "key")
            )

    def lasts(self, duration_s: float) -> None:
        """The run turns out to last so long; with the next flush."""
        self._lasts_s = duration_s

    def due(self) -> bool:
        """Whether to flush: a quarter of a second has passed, rows or none (the heartbeat), or 4,000 rows
        wait."""
        waiting = sum(map(len, self._fresh)) + sum(map(len, self._pending.values()))
        return waiting >= ROWS_PER_TRANSACTION or self._clock() - self._flushed_at >= FLUSH_AFTER_S

    def flush(self, virtual_us: int, passed_us: Sequence[int] | None = None) -> None:
        """Writes what waits, the rollups that end by `virtual_us`, and the heartbeat.

        All that happened before `virtual_us` must have been added: raises ValueError for a row of a second
        that an earlier flush has passed. `passed_us` says for each variant how far it is, where each has a clock of its own.
        """
        self._absorb()
        if passed_us is None:
            self._complete(self._rollups.advance(virtual_us))
        else:
            self._passed_us = list(passed_us)
            self._complete(self._rollups.advance_each(passed_us))
        self._write({"virtual_us": virtual_us})

    def end(self, state: str, virtual_us: int, *, drain_end_us: int | None = None) -> None:
        """Writes all that is left, partial rollups too, and the final `state`: finished, stopped or
        failed."""
        if state not in words.STATES[1:]:
            raise ValueError(f"{state!r} is no state to end in")
        self._absorb()
        self._complete(self._rollups.finish(virtual_us))
        ended = {
            "state": state,
            "ended_at": now_utc(),
            "drain_end_us": drain_end_us,
            "pid": None,
            "process": "",
        }
        self._write({"virtual_us": virtual_us, **ended})

    def _absorb(self) -> None:
        for variant, rows in enumerate(self._fresh):
            if rows:
                self._rollups.requests(variant, rows)
                self._pending[_REQUESTS].values += rows.values
                rows.clear()
        for variant, faults in enumerate(self._faults):
            if faults:
                self._rollups.faults(variant, faults)
                self._faults[variant] = []
        self._held_tails = list(map(min, self._held_tails, self._rollups.tails()))

    def _complete(self, rollups: Iterable[Row]) -> None:
        for row in rollups:
            self._completed.add(row)

    def _write(self, progress: dict[str, Any]) -> None:
        """Rows in as many transactions as they need; in the last one the rollups and the run's progress.

        Until that one is committed the rows count as the tail, so that they are counted once whenever we are
        killed.
        """
        self._flushed_at = self._clock()
        while sum(map(len, self._pending.values())) > ROWS_PER_TRANSACTION:
            with self._log.writing() as connection:
                taken = self._insert_pending(connection)
                self._set_tails(connection, self._held_tails)
            self._drop(taken)
        tails = self._rollups.tails()
        offered = self._rollups.offered(progress["virtual_us"])
        values = {**progress, "offered": offered, "heartbeat_at": now_utc()}
        if self._lasts_s is not None:
            values["duration_s"] = self._lasts_s
        assignments = ", ".join(f"{column} = :{column}" for column in values)
        with self._log.writing() as connection:
            taken = self._insert_pending(connection)
            _ROLLUPS.run(connection, self._completed)
            self._set_tails(connection, tails)
            connection.executemany(
                "update variants set passed_us = ? where run_id = ? and idx = ?",
                [(passed_us, self.run_id, index) for index, passed_us in enumerate(self._passed_us)],
            )
            connection.execute(
                f"update runs set {assignments} where id = :id",  # noqa: S608 (our own column names)
                {**values, "id": self.run_id},
            )
        self._drop(taken)
        self._completed.clear()
        self._held_tails = tails

    def _insert_pending(self, connection: sqlite3.Connection) -> dict[Insertion, int]:
        """Inserts up to a transaction's worth of rows; returns how many of each kind."""
        left = ROWS_PER_TRANSACTION
        taken = {}
        for insertion, rows in self._pending.items():
            chosen = rows.first(left)
            insertion.run(connection, chosen)
            taken[insertion] = len(chosen)
            left -= len(chosen)
        return taken

    def _drop(self, taken: dict[Insertion, int]) -> None:
        for insertion, count in taken.items():
            self._pending[insertion].drop(count)

    def _set_tails(self, connection: sqlite3.Connection, tails: list[int]) -> None:
        connection.executemany(
            "update variants set tail_key = ? where run_id = ? and idx = ?",
            [(None if key == NEVER else key, self.run_id, index) for index, key in enumerate(tails)],
        )

    def _write_all(self, insertion: Insertion, rows: Iterable[Row]) -> None:
        source = iter(rows)
        while batch := list(islice(source, ROWS_PER_TRANSACTION)):
            with self._log.writing() as connection:
                insertion.run(connection, FlatRows(insertion.width, batch))


_json: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode
