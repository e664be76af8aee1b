"""Reading runs back, finished or still going, for everything that shows one.

A run in progress is a saved run whose end has not come yet. No transaction is held between two calls, so a
reader may poll for as long as it likes. It draws no conclusions: rates, comparison and readiness are the
analysis package's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from app.errors import UserError
from app.sessions import process
from app.sessions import vocabulary as words
from app.sessions.failures import explaining
from app.sessions.flat_rows import request_rows
from app.sessions.records import (
    AttemptRecord,
    DataRow,
    EventRecord,
    ObservationRecord,
    PromptRecord,
    RequestRecord,
    RunRecord,
    VariantRecord,
)
from app.sessions.session_log import SessionLog
from app.sessions.tally import SECOND_US, Ints
from app.sessions.totals import TOTALS_COLUMNS, Rollup, Totals

STALE_AFTER_S: Final = 10.0
"""A running run without a heartbeat for this long counts as interrupted."""

_RUN_FIELDS: Final = tuple(field.name for field in fields(RunRecord) if field.name not in ("run_id", "state"))
_RUN_SQL: Final = f"select id, state, pid, process, heartbeat_at, {', '.join(_RUN_FIELDS)} from runs"  # noqa: S608
_VISIBLE: Final = "deleted_at is null and state != 'importing'"
_REQUEST_SQL: Final = f"select {', '.join(words.REQUEST_COLUMNS)} from request_log"  # noqa: S608
_ATTEMPT_SQL: Final = f"select {', '.join(words.ATTEMPT_COLUMNS)} from attempt_log"  # noqa: S608
_TOTALS_SQL: Final = f"select {', '.join(TOTALS_COLUMNS)} from rollup_log"  # noqa: S608


def runs(log: SessionLog, *, limit: int = -1) -> list[RunRecord]:
    """The runs of the log that are not deleted, newest first; at most `limit` of them, all if negative."""
    with explaining(log.path):
        found = log.db.execute(f"{_RUN_SQL} where {_VISIBLE} order by id desc limit ?", (limit,)).fetchall()
    return [_run(row) for row in found]


def liveness(state: str, pid: int | None, its_process: str, heartbeat_at: str | None) -> str:
    """`state`, or `interrupted` if a process should be at work on the run and is not."""
    if state not in ("running", "importing"):
        return state
    if pid is None or heartbeat_at is None or process.alive(pid, its_process) is False:
        return "interrupted"
    silent_s = (datetime.now(UTC) - datetime.fromisoformat(heartbeat_at)).total_seconds()
    return "interrupted" if silent_s > STALE_AFTER_S else state


class RunReader:
    """One run of a log. Raises UserError if there is none with this id, or if it was deleted."""

    def __init__(self, log: SessionLog, run_id: int) -> None:
        self._log = log
        self.run_id = run_id
        self.record()
        self.variants = self._variants()
        self._targets = [
            name for (name,) in self._rows("select name from targets where run_id = ? order by idx")
        ]
        self._texts = {0: ""}

    def record(self) -> RunRecord:
        """The run as it is now."""
        return _run(self._record_row())

    def facts(self) -> dict[str, Any]:
        """The small facts that the run kept, by key."""
        found = self._rows("select key, value from run_facts where run_id = ? order by key")
        return {key: json.loads(value) for key, value in found}

    def prompts(self) -> list[PromptRecord]:
        """The prompts, in the order of the rows' indexes."""
        found = self._rows("select idx, name, messages from prompts where run_id = ? order by idx")
        return [PromptRecord(i, name, None if text is None else json.loads(text)) for i, name, text in found]

    def row(self, row: int) -> DataRow | None:
        """The data row, None if its text was not kept."""
        found = self._rows('select row, number, "values" from data_rows where run_id = ? and row = ?', row)
        return DataRow(found[0][0], found[0][1], json.loads(found[0][2])) if found else None

    def passed_us(self, variant: str) -> int:
        """How far the variant is, in microseconds since its own beginning: as far as the run, unless variants take turns."""
        own = self._own_passed_us(self._index(variant))
        return self.record().virtual_us if own is None else own

    def _own_passed_us(self, index: int) -> int | None:
        sql = "select passed_us from variants where run_id = ? and idx = ?"
        [(passed_us,)] = self._query(sql, (self.run_id, index))
        return None if passed_us is None else int(passed_us)

    def events(self, after: int = -1) -> list[EventRecord]:
        """The events in order, from the one that follows sequence number `after`."""
        found = self._rows(
            "select seq, at_us, kind, label, variant, details from event_log"
            " where run_id = ? and seq > ? order by seq",
            after,
        )
        return [
            EventRecord(
                seq,
                at_us,
                kind,
                label,
                None if index is None else self.variants[index].name,
                json.loads(details),
            )
            for seq, at_us, kind, label, index, details in found
        ]

    def observations(self, after: int = -1, limit: int = 1_000) -> list[ObservationRecord]:
        """A page of the live driver's observations in order, from the one that follows `after`."""
        found = self._rows(
            "select seq, now_us, number, command, outcome from observations"
            " where run_id = ? and seq > ? order by seq limit ?",
            after,
            limit,
        )
        return [
            ObservationRecord(seq, now_us, number, json.loads(command), json.loads(outcome))
            for seq, now_us, number, command, outcome in found
        ]

    def request(self, variant: str, number: int) -> tuple[RequestRecord, list[AttemptRecord]] | None:
        """A finished request and its attempts in order of start; None if it has not finished or never was."""
        if not 0 <= number < 1 << words.NUMBER_BITS:
            return None
        key = words.key_of(self.run_id, self._index(variant), number)
        real = self._real_attempts(key)
        last = key | (words.MAX_ATTEMPTS - 1)
        found = self._query(f"{_REQUEST_SQL} where key = ?", (key,))
        if not found:
            return None
        attempts = self._query(f"{_ATTEMPT_SQL} where key between ? and ? order by key", (key, last))
        return self._request(variant, found[0]), [self._attempt(row, real.get(row[0])) for row in attempts]

    def requests(self, variant: str, *, after: int = -1, limit: int = 1_000) -> list[RequestRecord]:
        """A page of finished requests by number, from the one that follows number `after`."""
        found = self._query(
            f"{_REQUEST_SQL} where key between ? and ? order by key limit ?",
            (*self._span(variant, after + 1), limit),
        )
        return [self._request(variant, row) for row in found]

    def each_request(self, variant: str) -> Iterator[RequestRecord]:
        """Every finished request by number, read in pages."""
        after = -1
        while page := self.requests(variant, after=after):
            yield from page
            after = page[-1].number

    def columns(
        self, variant: str, names: Sequence[str], *, first: int = 0, limit: int = -1
    ) -> dict[str, Ints]:
        """Columns of the finished requests from number `first` on, by number; each has shape (n,), -1 for no
        value.

        `names` are of `vocabulary.REQUEST_COLUMNS`, or `number`. For a million rows read pages with `limit`.
        """
        known = {"number", *words.REQUEST_COLUMNS}
        if unknown := set(names) - known:
            raise ValueError(f"requests have no columns {sorted(unknown)}")
        number = f"(key >> {words.SEQUENCE_BITS}) & {(1 << words.NUMBER_BITS) - 1}"
        shown = ", ".join(number if name == "number" else f"coalesce({name}, -1)" for name in names)
        found = self._query(
            f"select {shown} from request_log where key between ? and ? order by key limit ?",  # noqa: S608
            (*self._span(variant, first), limit),
        )
        table = np.array(found, np.int64).reshape(-1, len(names))
        return {name: table[:, index] for index, name in enumerate(names)}

    def ended_so(self, variant: str, outcomes: Sequence[str], from_us: int, to_us: int) -> tuple[int, int]:
        """How many requests ended with one of the `outcomes` in [from_us, to_us), and what they cost in picodollars."""
        codes = ", ".join(str(words.OUTCOMES.index(name)) for name in outcomes)
        [(count, cost_pico)] = self._query(
            f"select count(*), coalesce(sum(cost_pico), 0) from request_log where outcome in ({codes})"  # noqa: S608
            " and key between ? and ? and finished_us >= ? and finished_us < ?",
            (*self._span(variant), from_us, to_us),
        )
        return int(count), int(cost_pico)

    def attempt_pages(self, variant: str, names: Sequence[str], *, size: int) -> Iterator[dict[str, Ints]]:
        """Columns of the finished attempts, by request and order, `size` at a time; each has shape (n,), -1 for no value.

        `names` are of `vocabulary.ATTEMPT_COLUMNS`.
        """
        if unknown := set(names) - set(words.ATTEMPT_COLUMNS):
            raise ValueError(f"attempts have no columns {sorted(unknown)}")
        shown = ", ".join(f"coalesce({name}, -1)" for name in ("key", *names))
        after, last = self._span(variant)
        while True:
            found = self._query(
                f"select {shown} from attempt_log where key between ? and ? order by key limit ?",  # noqa: S608
                (after, last, size),
            )
            if not found:
                return
            table = np.array(found, np.int64)
            yield {name: table[:, index] for index, name in enumerate(names, start=1)}
            after = int(table[-1, 0]) + 1

    def totals(self, variant: str) -> Totals:
        """All that finished so far, added up.

        From the coarsest rollups that are complete, finer ones after them, and of a run that goes on or was
        interrupted also the requests of its last, incomplete second (but not that second's count of faults).
        """
        index = self._index(variant)
        with self._log.reading() as connection:
            record = _run(self._record_row())
            own_us = self._own_passed_us(index)
            if own_us is not None:
                record = replace(record, virtual_us=own_us)
            rolled_up = Totals.of_rows(self._rollup_rows(connection, index, record))
            tail = self._tail(connection, index, record)
        merged = Totals.merged([rolled_up, Totals.of_requests(request_rows(tail))])
        return merged if own_us is not None else replace(merged, offered=record.offered)

    def series(self, variant: str, step_s: int, *, first: int = 0, last: int | None = None) -> list[Rollup]:
        """The rollups of `step_s` whole seconds from bucket `first` to `last`, both included, in order.

        They are added up from the longest stored ones that divide it. A bucket in which nothing happened is absent;
        of a run that goes on the last may not be complete.
        """
        if step_s < 1:
            raise ValueError(f"there are no rollups of {step_s} seconds")
        stored_s = max(step for step in words.STEPS_S if step_s % step == 0)
        ratio = step_s // stored_s
        found = self._query(
            f"select bucket / ?, {', '.join(TOTALS_COLUMNS)} from rollup_log"  # noqa: S608
            " where run_id = ? and variant = ? and step_s = ? and bucket between ? and ? order by bucket",
            (
                *(ratio, self.run_id, self._index(variant), stored_s, first * ratio),
                (1 << 62) if last is None else (last + 1) * ratio - 1,
            ),
        )
        if not found:
            return []
        buckets = [row[0] for row in found]
        starts = [0, *(at for at in range(1, len(found)) if buckets[at] != buckets[at - 1])]
        totals = Totals.of_groups([row[1:] for row in found], [*starts, len(found)])
        return [Rollup(step_s, buckets[at], each) for at, each in zip(starts, totals, strict=True)]

    def _rollup_rows(self, connection: sqlite3.Connection, index: int, record: RunRecord) -> list[Any]:
        where = f"{_TOTALS_SQL} where run_id = ? and variant = ? and step_s = ? and bucket >= ?"
        ended = record.state in words.STATES[1:]
        rows: list[Any] = []
        covered_s = 0
        for step in words.STEPS_S[-1:] if ended else reversed(words.STEPS_S):
            rows += connection.execute(where, (self.run_id, index, step, covered_s // step)).fetchall()
            covered_s = record.virtual_us // (step * SECOND_US) * step
        return rows

    def _tail(self, connection: sqlite3.Connection, index: int, record: RunRecord) -> list[Any]:
        """Rows of requests that no rollup counts."""
        if record.state in words.STATES[1:]:
            return []
        (tail,) = connection.execute(
            "select tail_key from variants where run_id = ? and idx = ?", (self.run_id, index)
        ).fetchone()
        if tail is None:
            return []
        last = self._span(self.variants[index].name)[1]
        since_us = record.virtual_us // SECOND_US * SECOND_US
        sql = f"{_REQUEST_SQL} where key between ? and ? and finished_us >= ?"
        return connection.execute(sql, (tail, last, since_us)).fetchall()

    def _record_row(self) -> Any:
        found = self._query(f"{_RUN_SQL} where id = ? and {_VISIBLE}", (self.run_id,))
        if not found:
            raise UserError(
                f"There is no run {self.run_id} in this session log",
                where=str(self._log.path),
                do="The Runs page and `seatrial runs` list those there are.",
            )
        return found[0]

    def _variants(self) -> list[VariantRecord]:
        found = self._rows("select idx, name, title, config from variants where run_id = ? order by idx")
        return [VariantRecord(index, name, title, json.loads(config)) for index, name, title, config in found]

    def _index(self, variant: str) -> int:
        for record in self.variants:
            if record.name == variant:
                return record.index
        names = ", ".join(record.name for record in self.variants)
        raise UserError(
            f"Run {self.run_id} has no variant {variant!r}", where=str(self._log.path), do=f"It has {names}."
        )

    def _span(self, variant: str, first: int = 0) -> tuple[int, int]:
        """The keys of the variant's rows from number `first` on."""
        index = self._index(variant)
        return words.key_of(self.run_id, index, first), words.key_of(self.run_id, index + 1, 0) - 1

    def _request(self, variant: str, row: Any) -> RequestRecord:
        values: dict[str, Any] = dict(zip(words.REQUEST_COLUMNS, row, strict=True))
        return RequestRecord(
            variant=variant,
            number=words.parts_of(values.pop("key")).number,
            served_by=words.SERVED_BY[values.pop("served_by")],
            outcome=words.OUTCOMES[values.pop("outcome")],
            cache=words.CACHE[values.pop("cache")],
            reason=self.text(values.pop("reason_name")),
            faults=self.text(values.pop("faults_name")),
            mess=self.text(values.pop("mess_name")),
            **values,
        )

    def _real_attempts(self, key: int) -> dict[int, tuple[int, str | None]]:
        """Of the attempts of the request with this key: whether its tokens are estimated, and its text, by their keys."""
        found = self._query(
            "select key, estimated, text from real_attempts"
            " left join answer_texts on run_id = ? and idx = answer where key between ? and ?",
            (self.run_id, key, key | (words.MAX_ATTEMPTS - 1)),
        )
        return {attempt: (estimated, text) for attempt, estimated, text in found}

    def _attempt(self, row: Any, real: tuple[int, str | None] | None) -> AttemptRecord:
        values: dict[str, Any] = dict(zip(words.ATTEMPT_COLUMNS, row, strict=True))
        return AttemptRecord(
            sequence=words.parts_of(values.pop("key")).sequence,
            target=self._targets[values.pop("target")],
            error=self.text(values.pop("error_name")),
            fault=self.text(values.pop("fault_name")),
            billed=bool(values.pop("billed")),
            reason=self.text(values.pop("reason_name")),
            **values,
            estimated=bool(real and real[0]),
            text=real[1] if real else None,
        )

    def text(self, name: int) -> str:
        """The interned text of a column that ends in `_name`."""
        found = self._texts.get(name)
        if found is None:
            (found,) = self._query("select text from names where id = ?", (name,))[0]
            self._texts[name] = found
        return found

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        """A query whose first parameter is the run's id."""
        return self._query(sql, (self.run_id, *values))

    def _query(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        with explaining(self._log.path):
            return list(self._log.db.execute(sql, values).fetchall())


def _run(row: Any) -> RunRecord:
    run_id, state, pid, its_process, heartbeat_at, *rest = row
    values = dict(zip(_RUN_FIELDS, rest, strict=True))
    return RunRecord(run_id=run_id, state=liveness(state, pid, its_process, heartbeat_at), **values)
