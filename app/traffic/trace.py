"""Reads a trace: when requests really arrived, and how large they were where it says so.

Columns are found by name. Times are dates (without a zone: UTC) or numbers since any beginning; the first request
arrives at time 0. Rows that cannot be used are left out and told by number. What becomes of the times is
`sequences.py`'s.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.errors import UserError
from app.inputs.datasets import Dataset, load_dataset
from app.scenario.numbers import MAX_TOKENS
from app.traffic.settings import TraceColumn

_NAMES: dict[TraceColumn, tuple[str, ...]] = {
    "timestamp": ("timestamp", "time", "arrivaltime", "arrivedat", "datetime", "starttime", "createdat"),
    "input_tokens": ("inputtokens", "contexttokens", "prompttokens", "requesttokens", "inputlength"),
    "output_tokens": (
        "outputtokens",
        "generatedtokens",
        "completiontokens",
        "responsetokens",
        "outputlength",
    ),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_DAYS = 366
_SHOWN = 3
_UNITS = ((1e17, 1e-3, "nanoseconds"), (1e14, 1.0, "microseconds"), (1e11, 1e3, "milliseconds"))
"""From which number on a time cannot be in coarser units since 1970, how many microseconds its own has, its name."""


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in order of arrival. Arrays of one entry a request; None where the file has no such counts.

    `notices` tell what was guessed, put in order and left out.
    """

    times_us: NDArray[np.int64]
    """Since the first one's arrival."""
    input_tokens: NDArray[np.int64] | None
    output_tokens: NDArray[np.int64] | None
    notices: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many requests it has."""
        return len(self.times_us)

    @property
    def recorded(self) -> tuple[str, ...]:
        """Which sizes it has."""
        sizes = {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
        return tuple(name for name, counts in sizes.items() if counts is not None)

    @property
    def rate_per_s(self) -> float:
        """Its mean rate: gaps over the time from the first to the last request; 1 for requests all at once."""
        span_us = int(self.times_us[-1])
        return (self.count - 1) / span_us * 1e6 if span_us else 1.0


def load_trace(path: Path, columns: Mapping[TraceColumn, str]) -> Trace:
    """Read a trace from a CSV, TSV or JSON file.

    `columns` names the file's columns for `timestamp`, `input_tokens` and `output_tokens`, where they are not to be
    guessed. Raises UserError for a file, or a named column, that there is not, and for one without a good row.
    """
    data = load_dataset(path)
    found = _columns(data, columns)
    if "timestamp" not in found:
        raise UserError(
            f"no column holds times; there is {', '.join(data.columns[:20])}",
            where=path.name,
            do="Name it: traffic.trace.columns.timestamp.",
        )
    rows, bad = _good_rows(data, found)
    if not rows:
        number, why = bad[0]
        raise UserError(f"no row can be used; the first, row {number}: {why}", where=path.name)
    return _trace(path.name, rows, [*_guesses(found, columns), *_bad_told(data, bad)])


def parse_time_us(value: object) -> tuple[int, str]:
    """Microseconds since 1970, or since the trace's own beginning, and what was assumed about the value.

    Raises ValueError, in words for the user. Finer fractions are cut off.
    """
    text = str(value).strip()
    if isinstance(value, bool) or not text:
        raise ValueError("the time is missing" if not text else f"{text!r} is no time")
    try:
        number = float(text)
    except ValueError:
        return _date_us(text)
    if not math.isfinite(number) or "_" in text:
        raise ValueError(f"{text!r} is no time")
    for least, factor, unit in _UNITS:
        if abs(number) >= least:
            return round(number * factor), f"{unit} since 1970"
    return round(number * 1e6), "seconds"


def _date_us(text: str) -> tuple[int, str]:
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text.replace("/", "-")))
    except ValueError:
        raise ValueError(f"{text[:60]!r} is no time") from None
    naive = moment.tzinfo is None
    moment = moment.replace(tzinfo=UTC) if naive else moment
    try:
        since = moment - _EPOCH
    except OverflowError:
        raise ValueError(f"{text[:60]!r} is no time") from None
    return since // timedelta(microseconds=1), "dates in UTC" if naive else "dates"


def parse_tokens(value: object) -> int:
    """A count of tokens, 1 at least. Raises ValueError, in words for the user."""
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (0 <= number <= MAX_TOKENS and number == int(number)) or isinstance(value, bool) or "_" in text:
        raise ValueError(f"{text[:60]!r} is no count of tokens" if text else "a count of tokens is missing")
    return max(1, int(number))


@dataclass(frozen=True, slots=True)
class _Row:
    time_us: int
    number: int
    meaning: str
    input_tokens: int | None
    output_tokens: int | None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _columns(data: Dataset, named: Mapping[TraceColumn, str]) -> dict[TraceColumn, str]:
    """The file's column for each of _NAMES that it has. Raises UserError for a name that it lacks."""
    plain = {_plain(name): name for name in reversed(data.columns)}
    found: dict[TraceColumn, str] = {}
    for what, names in _NAMES.items():
        if what in named:
            if named[what] not in data.columns:
                near = get_close_matches(named[what], data.columns, n=1, cutoff=0.5)
                hint = f"Did you mean '{near[0]}'?" if near else f"There is {', '.join(data.columns[:20])}."
                raise UserError(
                    f"no column '{named[what]}'",
                    where=f"traffic.trace.columns.{what}, {data.path.name}",
                    do=hint,
                )
            found[what] = named[what]
        else:
            fitting = [plain[name] for name in names if name in plain]
            if fitting:
                found[what] = fitting[0]
    return found


def _good_rows(data: Dataset, columns: Mapping[TraceColumn, str]) -> tuple[list[_Row], list[tuple[int, str]]]:
    """Usable rows in the file's order; number and reason of the others."""
    rows: list[_Row] = []
    bad: list[tuple[int, str]] = []
    for index in range(len(data)):
        values, number = data.row(index), data.number(index)
        try:
            time_us, meaning = parse_time_us(values.get(columns["timestamp"], ""))
            tokens_in, tokens_out = (
                parse_tokens(values.get(columns[name], "")) if name in columns else None
                for name in ("input_tokens", "output_tokens")
            )
        except ValueError as error:
            bad.append((number, str(error)))
        else:
            rows.append(_Row(time_us, number, meaning, tokens_in, tokens_out))
    return rows, bad


def _trace(name: str, rows: Sequence[_Row], notices: Sequence[str]) -> Trace:
    """The trace of good rows, put in order."""
    times = np.array([row.time_us for row in rows], dtype=np.int64)
    order = np.argsort(times, kind="stable")
    first, last = rows[int(order[0])], rows[int(order[-1])]
    meanings = Counter(row.meaning for row in rows)
    if last.time_us - first.time_us > _LONGEST_DAYS * 86_400 * 10**6:
        mixed = f"; times are {' and '.join(meanings)}" if len(meanings) > 1 else ""
        raise UserError(
            f"rows {first.number} and {last.number} are more than {_LONGEST_DAYS} days apart{mixed}",
            where=name,
            do="Take out the one that is wrong, or give a shorter trace.",
        )
    told = [*notices]
    if len(meanings) > 1 or not set(meanings) & {"seconds", "dates"}:
        told.append(f"trace: times are taken for {' and '.join(meanings)}")
    if np.any(np.diff(times) < 0):
        told.append("trace: its rows are not in order of time; they are put in order")
    return Trace(
        times[order] - first.time_us,
        _ordered([row.input_tokens for row in rows], order),
        _ordered([row.output_tokens for row in rows], order),
        tuple(told),
    )


def _ordered(counts: Sequence[int | None], order: NDArray[np.int64]) -> NDArray[np.int64] | None:
    return None if counts[0] is None else np.array(counts, dtype=np.int64)[order]


def _guesses(found: Mapping[TraceColumn, str], named: Mapping[TraceColumn, str]) -> list[str]:
    return [
        f"trace: {what} is taken from column '{column}'"
        for what, column in found.items()
        if what not in named and _plain(what) != _plain(column)
    ]


def _bad_told(data: Dataset, bad: Sequence[tuple[int, str]]) -> list[str]:
    """What was left out, whether it could not be read or not be used."""
    told = sorted([*((each.number, each.reason) for each in data.bad), *bad])
    count = data.bad_count + len(bad)
    if not count:
        return []
    first = "; ".join(f"row {number}: {reason}" for number, reason in told[:_SHOWN])
    more = f"; and {count - _SHOWN:,} more" if count > _SHOWN else ""
    return [f"trace: {count:,} bad {'row' if count == 1 else 'rows'} left out ({first}{more})"]
