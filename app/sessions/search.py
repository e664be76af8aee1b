"""Finding requests in the log: the numbers that match a filter, and pages of them with all variants side by side.

It reads whole ranges of keys and needs no index of its own: a million requests take a fraction of a second, in steps
between which the caller may give up. What a filter is, and how it is written, is `filters`'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.errors import UserError
from app.sessions import vocabulary as words
from app.sessions.failures import explaining
from app.sessions.filters import Filter
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from app.sessions.tally import Ints

_STEP: Final = 50_000
"""Numbers looked at between two checks whether anybody still wants to know."""
_NUMBER: Final = f"(key >> {words.SEQUENCE_BITS}) & {(1 << words.NUMBER_BITS) - 1}"
_GOOD: Final = words.OUTCOMES.index("good")
_CONTRASTED: Final = (
    "outcome != ? and exists (select 1 from request_log other"
    " where other.key = request_log.key + ? and other.outcome = ?)"
)
"""Not good, while the same request of another variant, so far away in keys, is."""
_NOBODY: Final = words.SERVED_BY.index("nobody")


@dataclass(frozen=True)
class Cell:
    """A finished request as one variant took it. `answer_us` counts from the intended arrival, None for no answer."""

    outcome: str
    served_by: str
    answer_us: int | None


@dataclass(frozen=True)
class Line:
    """A request in all variants; a cell is None where it is under way (or has no end in the log).

    `prompt` is the prompt's index and `row` the data row's number in the user's file; None where not known.
    """

    number: int
    intended_us: int | None
    prompt: int | None
    row: int | None
    cells: tuple[Cell | None, ...]


def matching(
    log: SessionLog,
    run_id: int,
    wanted: Filter,
    *,
    first_number: int = 0,
    check: Callable[[], object] = lambda: None,
) -> Ints:
    """The numbers from `first_number` on, ascending, shape (n,), of the requests that `wanted` wants.

    A request that has not ended matches nothing. `check` is called now and then and may raise to give up.
    Raises UserError if the log cannot be read, KeyError for a variant that the run has not.
    """
    with explaining(log.path):
        if (
            wanted.contrast or len({each.variant for each in (wanted, *wanted.also)} - {None}) > 1
        ) and RunReader(log, run_id).record().closed_loop:
            raise UserError(
                "in a closed loop each variant has arrivals of its own, so no request is saved or lost",
                do="Filter by one variant at a time.",
            )
        search = _Search(log, run_id)
        first = max(first_number, wanted.first or 0)
        last = search.last() if wanted.last is None else min(wanted.last, search.last())
        tests = search.tests(wanted)
        found: list[Ints] = []
        while first <= last:
            check()
            upto = min(last, first + _STEP - 1)
            found.append(search.numbers(tests, first, upto))
            first = upto + 1
        return np.concatenate(found) if found else np.empty(0, np.int64)


def first_open(log: SessionLog, run_id: int, start: int = 0) -> int:
    """The smallest number from `start` on that has not ended in every variant: below it nothing changes any more."""
    with explaining(log.path):
        search = _Search(log, run_id)
        size = 4_096
        while size:
            full = all(
                search.count(index, start, start + size - 1) == size for index in search.variants.values()
            )
            if full:
                start += size
            else:
                size //= 2
        return start


def page(log: SessionLog, run_id: int, variants: int, numbers: Sequence[int] | Ints) -> list[Line]:
    """The requests `numbers` (a few hundred) of a run with so many `variants`, in the order given."""
    if not len(numbers):
        return []
    wanted = [int(number) for number in numbers]
    with explaining(log.path):
        found = [_rows(log, run_id, index, wanted) for index in range(variants)]
        known = {number: row for rows in reversed(found) for number, row in rows.items()}
        places = _places(log, run_id, sorted({row[1] for row in known.values()}))
    lines = []
    for number in wanted:
        cells = tuple(_cell(rows.get(number)) for rows in found)
        row = known.get(number)
        if row is None:
            lines.append(Line(number, None, None, None, cells))
        else:
            lines.append(Line(number, row[3], row[2], places.get(row[1]), cells))
    return lines


def _rows(log: SessionLog, run_id: int, variant: int, numbers: list[int]) -> dict[int, Any]:
    """Rows of a variant by number: one range of keys where the numbers follow each other, else one by one."""
    keys = [words.key_of(run_id, variant, number) for number in numbers]
    together = numbers[-1] - numbers[0] == len(numbers) - 1
    where = "key between ? and ?" if together else f"key in ({', '.join('?' * len(keys))})"
    rows = log.db.execute(
        f"select {_NUMBER}, row, prompt, intended_us, finished_us, served_by, outcome"  # noqa: S608 (our own names)
        f" from request_log where {where}",
        (keys[0], keys[-1]) if together else keys,
    )
    return {row[0]: row for row in rows}


def _places(log: SessionLog, run_id: int, rows: list[int]) -> dict[int, int]:
    marks = ", ".join("?" * len(rows))
    sql = f"select row, number from data_rows where run_id = ? and row in ({marks})"  # noqa: S608 (our own names)
    return dict(log.db.execute(sql, (run_id, *rows)).fetchall())


def _cell(row: Any) -> Cell | None:
    if row is None:
        return None
    _, _, _, intended_us, finished_us, served_by, outcome = row
    answer_us = None if served_by == _NOBODY else finished_us - intended_us
    return Cell(words.OUTCOMES[outcome], words.SERVED_BY[served_by], answer_us)


@dataclass(frozen=True)
class _Test:
    """Numbers that pass: those of any of the variants `indexes` whose row fulfils `where`."""

    indexes: tuple[int, ...]
    where: str
    values: tuple[int, ...]


class _Search:
    """What a run's codes are, and the numbers in a range that pass tests."""

    def __init__(self, log: SessionLog, run_id: int) -> None:
        self._db = log.db
        self._run_id = run_id
        rows = self._db.execute("select name, idx from variants where run_id = ? order by idx", (run_id,))
        self.variants: dict[str, int] = dict(rows.fetchall())

    def last(self) -> int:
        """The highest number that has ended in any variant; -1 where none has."""
        highest = -1
        for index in self.variants.values():
            first, last = words.key_of(self._run_id, index, 0), words.key_of(self._run_id, index + 1, 0) - 1
            (key,) = self._db.execute(
                "select max(key) from request_log where key between ? and ?", (first, last)
            ).fetchone()
            highest = max(highest, -1 if key is None else words.parts_of(key).number)
        return highest

    def count(self, variant: int, first: int, last: int) -> int:
        """How many of the numbers from `first` to `last` have ended."""
        sql = "select count(*) from request_log where key between ? and ?"
        (count,) = self._db.execute(sql, self._span(variant, first, last)).fetchone()
        return int(count)

    def tests(self, wanted: Filter) -> list[_Test]:
        """What a number must pass, every one of them."""
        tests = []
        parts = [part for part in (wanted, *wanted.also) if part.about_rows]
        if wanted.contrast and len(self.variants) > 1:
            good, bad = (1, 0) if wanted.contrast == "saved" else (0, 1)
            tests.append(_Test((bad,), _CONTRASTED, (_GOOD, (good - bad) << words.VARIANT_SHIFT, _GOOD)))
        elif wanted.contrast:
            tests.append(_Test((), "", ()))
        for part in parts:
            everyone = tuple(self.variants.values())
            indexes = everyone if part.variant is None else (self.variants[part.variant],)
            tests.append(self._test(indexes, part))
        return tests or [_Test(tuple(self.variants.values()), "1", ())]

    def numbers(self, tests: list[_Test], first: int, last: int) -> Ints:
        """The numbers from `first` to `last` that pass all of `tests`."""
        passed: Ints | None = None
        for test in tests:
            these = self._passing(test, first, last)
            passed = these if passed is None else np.intersect1d(passed, these, assume_unique=True)
            if not len(passed):
                break
        assert passed is not None
        return passed

    def _passing(self, test: _Test, first: int, last: int) -> Ints:
        found = [
            np.fromiter(
                (
                    number
                    for (number,) in self._db.execute(
                        f"select {_NUMBER} from request_log"  # noqa: S608 (our own names)
                        f" where key between ? and ? and {test.where} order by key",
                        (*self._span(index, first, last), *test.values),
                    )
                ),
                np.int64,
            )
            for index in test.indexes
        ]
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def _test(self, indexes: tuple[int, ...], part: Filter) -> _Test:
        terms: list[str] = []
        values: list[int] = []

        def among(column: str, codes: list[int]) -> str:
            values.extend(codes)
            return f"{column} in ({', '.join('?' * len(codes))})"

        if part.outcomes:
            terms.append(among("outcome", [words.OUTCOMES.index(each) for each in sorted(part.outcomes)]))
        if part.served_by:
            terms.append(among("served_by", [words.SERVED_BY.index(each) for each in sorted(part.served_by)]))
        if part.retried:
            terms.append("retries > 0")
        if part.prompts:
            terms.append(among("prompt", self._prompts(part.prompts)))
        for fault in sorted(part.faults):
            codes = self._names_with(fault)
            terms.append(f"({among('faults_name', codes)} or {among('mess_name', codes)})")
        column = "intended_us" if part.by == "arrival" else "finished_us"
        for bound, relation in ((part.from_us, ">="), (part.to_us, "<")):
            if bound is not None:
                terms.append(f"{column} {relation} ?")
                values.append(bound)
        if part.slower_than_us is not None:
            terms.append("(finished_us - intended_us > ? or served_by = ?)")
            values += [part.slower_than_us, _NOBODY]
        return _Test(indexes, " and ".join(terms), tuple(values))

    def _prompts(self, names: frozenset[str]) -> list[int]:
        rows = self._db.execute("select idx, name from prompts where run_id = ?", (self._run_id,)).fetchall()
        return [index for index, name in rows if name in names]

    def _names_with(self, fault: str) -> list[int]:
        """Codes of the interned sets of faults that hold this one."""
        sql = "select id from names where instr(',' || text || ',', ?) > 0"
        return [code for (code,) in self._db.execute(sql, (f",{fault},",)).fetchall()]

    def _span(self, variant: int, first: int, last: int) -> tuple[int, int]:
        return words.key_of(self._run_id, variant, first), words.key_of(self._run_id, variant, last)
