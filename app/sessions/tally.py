"""Adding up many rows at once: counts, sums and histograms by bucket of virtual time, in numpy.

A tally is what a batch of rows comes to. Tallies are concatenated, split by time, and collapsed into coarser
buckets, always to the same sums whatever the order. It knows columns and not the log; when a bucket is
complete is `rollups`' to know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.sessions.histogram import HEADER, VERSION, bins_of, count_width
from app.sessions.schema import COUNTS, HISTOGRAMS
from app.sessions.vocabulary import OUTCOMES, REQUEST_COLUMNS, SERVED_BY

Ints = NDArray[np.int64]

SECOND_US: Final = 1_000_000
NEVER: Final = 1 << 62
"""The minimum of nothing."""

_BIN_BITS: Final = 24
_BIN: Final = (1 << _BIN_BITS) - 1
_AT: Final = {name: index for index, name in enumerate(REQUEST_COLUMNS)}
_COUNT_AT: Final = {name: index for index, name in enumerate(COUNTS)}
_SUMS: Final = len(COUNTS) + len(HISTOGRAMS)
_FAILED: Final = OUTCOMES.index("failed")
_SUMMED: Final = ("attempts", "retries", "input_tokens", "output_tokens", "cost_pico")
_INFINITE_AT: Final = {HISTOGRAMS.index("answer"): _COUNT_AT["outcome_failed"]}
_LATENCY, _ANSWER, _SERVICE, _TTFT = range(len(HISTOGRAMS))
_KEY: Final = len(HISTOGRAMS)
_FAULTS: Final = len(HISTOGRAMS)


@dataclass(frozen=True)
class Cells:
    """A sparse histogram per bucket: `code` is the bucket shifted by 24 bits plus the bin; both have shape
    (n,)."""

    code: Ints
    count: Ints

    def where(self, chosen: NDArray[np.bool_]) -> Cells:
        """The chosen cells."""
        return Cells(self.code[chosen], self.count[chosen])

    def coarser(self, ratio: int) -> Cells:
        """The same in buckets `ratio` times as long, repeats and all."""
        return Cells(((self.code >> _BIN_BITS) // ratio << _BIN_BITS) | (self.code & _BIN), self.count)

    def collapsed(self) -> Cells:
        """The same in ascending order without repeats."""
        if not self.code.size:
            return self
        order = np.argsort(self.code, kind="stable")
        ordered = self.code[order]
        starts = _starts(ordered)
        return Cells(ordered[starts], np.add.reduceat(self.count[order], starts))


@dataclass(frozen=True)
class Tally:
    """Rows added up by bucket. After `collapsed`, buckets and codes ascend without repeats.

    `bucket` (n,); `sums` (counts of `schema.COUNTS` then the sums of the histograms, n); `low` (minima of the
    histograms then the lowest key, n); `high` (maxima, n); `cells`: those of each histogram, then of the
    faults.
    """

    bucket: Ints
    sums: Ints
    low: Ints
    high: Ints
    cells: tuple[Cells, ...]

    def coarser(self, ratio: int) -> Tally:
        """The same in buckets `ratio` times as long, not collapsed."""
        cells = tuple(part.coarser(ratio) for part in self.cells)
        return Tally(self.bucket // ratio, self.sums, self.low, self.high, cells)

    def collapsed(self) -> Tally:
        """The same with one entry per bucket."""
        if not self.bucket.size:
            return self
        order = np.argsort(self.bucket, kind="stable")
        ordered = self.bucket[order]
        starts = _starts(ordered)
        return Tally(
            ordered[starts],
            np.add.reduceat(self.sums[:, order], starts, axis=1),
            np.minimum.reduceat(self.low[:, order], starts, axis=1),
            np.maximum.reduceat(self.high[:, order], starts, axis=1),
            tuple(part.collapsed() for part in self.cells),
        )

    def split(self, limit: int) -> tuple[Tally, Tally]:
        """What lies in buckets before `limit`, and the rest."""
        early = self.bucket < limit
        cells_early = [part.code < limit << _BIN_BITS for part in self.cells]
        return self._where(early, cells_early), self._where(~early, [~chosen for chosen in cells_early])

    def _where(self, chosen: NDArray[np.bool_], cells: list[NDArray[np.bool_]]) -> Tally:
        kept = tuple(part.where(choice) for part, choice in zip(self.cells, cells, strict=True))
        return Tally(
            self.bucket[chosen], self.sums[:, chosen], self.low[:, chosen], self.high[:, chosen], kept
        )


def joined(parts: Sequence[Tally]) -> Tally:
    """All of `parts` (at least one), one after the other."""
    if len(parts) == 1:
        return parts[0]
    cells = tuple(
        Cells(np.concatenate([c.code for c in column]), np.concatenate([c.count for c in column]))
        for column in zip(*(part.cells for part in parts), strict=True)
    )
    return Tally(
        np.concatenate([part.bucket for part in parts]),
        np.concatenate([part.sums for part in parts], axis=1),
        np.concatenate([part.low for part in parts], axis=1),
        np.concatenate([part.high for part in parts], axis=1),
        cells,
    )


def of_requests(rows: Sequence[tuple[Any, ...]]) -> Tally:
    """Request row tuples (`vocabulary.REQUEST_COLUMNS`; at least one) by the second they finished in,
    collapsed."""
    size = len(rows)
    columns = list(zip(*rows, strict=True))

    def whole(name: str) -> Ints:
        return np.fromiter(columns[_AT[name]], np.int64, size)

    def optional(name: str) -> NDArray[np.float64]:
        return np.array(columns[_AT[name]], np.float64)  # None becomes nan; exact below 2^53

    finished, intended, outcome = whole("finished_us"), whole("intended_us"), whole("outcome")
    second = finished // SECOND_US
    order = np.argsort(second, kind="stable")
    ordered = second[order]
    starts = _starts(ordered)
    tally = _bare(ordered[starts])
    tally.sums[_COUNT_AT["requests"]] = np.diff(starts, append=size)
    for first, codes, words in (
        (_COUNT_AT["outcome_" + OUTCOMES[0]], outcome, OUTCOMES),
        (_COUNT_AT["served_" + SERVED_BY[0]], whole("served_by"), SERVED_BY),
    ):
        in_order = codes[order]
        for index in range(len(words)):
            tally.sums[first + index] = np.add.reduceat(in_order == index, starts, dtype=np.int64)
    for name in _SUMMED:
        tally.sums[_COUNT_AT[name]] = np.add.reduceat(whole(name)[order], starts)
    tally.low[_KEY] = np.minimum.reduceat(whole("key")[order], starts)

    latency = np.maximum(finished - intended, 0)
    code = (second << _BIN_BITS) + bins_of(latency)
    by_code = np.argsort(code, kind="stable")
    code, latency = code[by_code], latency[by_code]
    answered = outcome[by_code] != _FAILED
    cells = [
        _durations(tally, _LATENCY, code, latency),
        _durations(tally, _ANSWER, code[answered], latency[answered]),
    ]
    for index, durations in (
        (_SERVICE, optional("service_us")),
        (_TTFT, optional("first_token_us") - intended),
    ):
        there = ~np.isnan(durations)
        values = np.maximum(durations[there].astype(np.int64), 0)
        code = (second[there] << _BIN_BITS) + bins_of(values)
        by_code = np.argsort(code, kind="stable")
        cells.append(_durations(tally, index, code[by_code], values[by_code]))
    return replace(tally, cells=(*cells, _NO_CELLS))


def _durations(tally: Tally, index: int, code: Ints, values: Ints) -> Cells:
    """Enters the durations `values`, ordered by `code`, as histogram `index` of the tally; returns its
    cells."""
    if not code.size:
        return _NO_CELLS
    bucket = code >> _BIN_BITS
    starts = _starts(bucket)
    place = np.searchsorted(tally.bucket, bucket[starts])
    tally.sums[len(COUNTS) + index, place] = np.add.reduceat(values, starts)
    tally.low[index, place] = np.minimum.reduceat(values, starts)
    tally.high[index, place] = np.maximum.reduceat(values, starts)
    starts = _starts(code)
    return Cells(code[starts], np.diff(starts, append=code.size))


def of_offered(intended_us: Ints) -> Tally:
    """Arrivals by the second they were intended for."""
    bucket, count = np.unique(intended_us // SECOND_US, return_counts=True)
    tally = _bare(bucket)
    tally.sums[_COUNT_AT["offered"]] = count
    return tally


def of_faults(faults: Sequence[tuple[int, int]]) -> Tally:
    """Fault occurrences, as (microseconds, id of the kind's name), by second."""
    at, name = np.array(faults, np.int64).reshape(-1, 2).T
    bucket = at // SECOND_US
    code, count = np.unique((bucket << _BIN_BITS) + name, return_counts=True)
    cells = (_NO_CELLS,) * len(HISTOGRAMS) + (Cells(code, count.astype(np.int64)),)
    return replace(_bare(np.unique(bucket)), cells=cells)


def lowest_key(tally: Tally) -> int:
    """The lowest key among the tally's requests, NEVER if it has none."""
    return int(tally.low[_KEY].min(initial=NEVER))


def rows_of(tally: Tally, prefix: tuple[int, ...], text_of: Callable[[int], str]) -> list[tuple[Any, ...]]:
    """A row tuple per bucket of a collapsed tally: `prefix`, the bucket, then as in
    `schema.ROLLUP_COLUMNS`."""
    blobs = [_blobs(tally, index) for index in range(len(HISTOGRAMS))]
    counts = tally.sums[: len(COUNTS)].T.tolist()
    return [
        (*prefix, bucket, *numbers, *histograms, faults)
        for bucket, numbers, histograms, faults in zip(
            tally.bucket.tolist(), counts, zip(*blobs, strict=True), _faults(tally, text_of), strict=True
        )
    ]


def _blobs(tally: Tally, index: int) -> list[bytes]:
    """The encoded histogram `index` of each bucket: `Histogram.encode`, for many at once."""
    code, count = tally.cells[index].code, tally.cells[index].count
    starts, ends = _ranges(tally.bucket, code)
    infinite_at = _INFINITE_AT.get(index)
    heads = np.zeros(len(starts), HEADER)
    heads["version"] = VERSION
    heads["width"] = width = count_width(int(count.max(initial=0)))
    heads["size"] = ends - starts
    heads["infinite"] = 0 if infinite_at is None else tally.sums[infinite_at]
    heads["total_us"] = tally.sums[len(COUNTS) + index]
    filled = ends > starts
    heads["minimum_us"] = np.where(filled, tally.low[index], 0)
    heads["maximum_us"] = np.where(filled, tally.high[index], 0)
    head, step = heads.tobytes(), HEADER.itemsize
    bins = (code & _BIN).astype("<u2").tobytes()
    counts = count.astype(f"<u{width}").tobytes()
    anything: list[bool] = (filled | (heads["infinite"] > 0)).tolist()
    return [
        head[step * i : step * i + step] + bins[2 * start : 2 * end] + counts[width * start : width * end]
        if anything[i]
        else b""
        for i, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True))
    ]


def _faults(tally: Tally, text_of: Callable[[int], str]) -> list[str]:
    cells = tally.cells[_FAULTS]
    if not cells.code.size:
        return ["{}"] * len(tally.bucket)
    names, counts = (cells.code & _BIN).tolist(), cells.count.tolist()
    starts, ends = _ranges(tally.bucket, cells.code)
    return [
        json.dumps({text_of(name): n for name, n in zip(names[start:end], counts[start:end], strict=True)})
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _ranges(bucket: Ints, code: Ints) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each bucket's cells start and end."""
    return np.searchsorted(code, bucket << _BIN_BITS), np.searchsorted(code, (bucket + 1) << _BIN_BITS)


def _starts(ordered: Ints) -> NDArray[np.intp]:
    """Where each run of equal values starts."""
    first = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first.nonzero()[0]


def _bare(bucket: Ints) -> Tally:
    """A tally of buckets in which nothing is counted yet."""
    size = len(bucket)
    return Tally(
        bucket,
        np.zeros((_SUMS, size), np.int64),
        np.full((_KEY + 1, size), NEVER, np.int64),
        np.full((len(HISTOGRAMS), size), -1, np.int64),
        (_NO_CELLS,) * (len(HISTOGRAMS) + 1),
    )


_NO_CELLS: Final = Cells(np.zeros(0, np.int64), np.zeros(0, np.int64))
