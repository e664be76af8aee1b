"""Adding up many rows at once: counts, sums and histograms by bucket of virtual time, in numpy.

A tally is what a batch of rows comes to. Tallies are concatenated, split by time, and collapsed into coarser
buckets, always to the same sums whatever the order. It knows columns and not the log; when a bucket is
complete is `rollups`' to know.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.sessions.flat_rows import FlatRows
from app.sessions.histogram import HEADER, VERSION, bins_of, count_width
from app.sessions.recount import CACHED, RETRIED
from app.sessions.schema import COUNTS, HISTOGRAMS
from app.sessions.vocabulary import CACHE, OUTCOMES, REQUEST_COLUMNS, SERVED_BY

Ints = NDArray[np.int64]

SECOND_US: Final = 1_000_000
NEVER: Final = 1 << 62
"""The minimum of nothing."""

_BIN_BITS: Final = 24
_BIN: Final = (1 << _BIN_BITS) - 1
_KIND_BITS: Final = 3
_BUCKET_SHIFT: Final = _BIN_BITS + _KIND_BITS
_CELL: Final = (1 << _BUCKET_SHIFT) - 1
_AT: Final = {name: index for index, name in enumerate(REQUEST_COLUMNS)}
_COUNT_AT: Final = {name: index for index, name in enumerate(COUNTS)}
_SUMS: Final = len(COUNTS) + len(HISTOGRAMS)
_FAILED: Final = OUTCOMES.index("failed")
_SUMMED: Final = ("attempts", "input_tokens", "output_tokens", "cost_pico")
_RETRIED: Final = np.isin(np.arange(len(SERVED_BY)), RETRIED)
_CACHED: Final = np.array([np.isin(np.arange(len(CACHE)), codes) for codes in CACHED.values()], np.int64)
"""Which codes each count of what caches did counts, shape (counts, codes)."""
_FIRST_CACHED: Final = COUNTS.index(next(iter(CACHED)))
_ANSWER: Final = HISTOGRAMS.index("answer")
_KEY: Final = len(HISTOGRAMS)
_FAULTS: Final = len(HISTOGRAMS)


@dataclass(frozen=True)
class Tally:
    """Rows added up by bucket. After `collapsed`, buckets and codes ascend without repeats.

    `bucket` (n,); `sums` (counts of `schema.COUNTS` then the sums of the histograms, n); `low` (minima of the
    histograms then the lowest key, n); `high` (maxima, n). The cells of the sparse histograms are (m,):
    `code` is the bucket, then 3 bits for which histogram (after them the faults), then 24 bits for the bin
    (or the fault's name); `count` is how often.
    """

    bucket: Ints
    sums: Ints
    low: Ints
    high: Ints
    code: Ints
    count: Ints

    def coarser(self, ratio: int) -> Tally:
        """The same in buckets `ratio` times as long, not collapsed."""
        code = ((self.code >> _BUCKET_SHIFT) // ratio << _BUCKET_SHIFT) | (self.code & _CELL)
        return replace(self, bucket=self.bucket // ratio, code=code)

    def collapsed(self) -> Tally:
        """The same with one entry per bucket and per code."""
        if not self.bucket.size:
            return self
        order = np.argsort(self.bucket, kind="stable")
        bucket = self.bucket[order]
        starts = _starts(bucket)
        cell_order = np.argsort(self.code, kind="stable")
        code = self.code[cell_order]
        cell_starts = _starts(code)
        count = self.count[cell_order]
        return Tally(
            bucket[starts],
            np.add.reduceat(self.sums[:, order], starts, axis=1),
            np.minimum.reduceat(self.low[:, order], starts, axis=1),
            np.maximum.reduceat(self.high[:, order], starts, axis=1),
            code[cell_starts],
            np.add.reduceat(count, cell_starts) if count.size else count,
        )

    def split(self, limit: int) -> tuple[Tally, Tally]:
        """What lies in buckets before `limit`, and the rest."""
        early, cells_early = self.bucket < limit, self.code < limit << _BUCKET_SHIFT
        return self._where(early, cells_early), self._where(~early, ~cells_early)

    def _where(self, chosen: NDArray[np.bool_], cells: NDArray[np.bool_]) -> Tally:
        return Tally(
            self.bucket[chosen],
            self.sums[:, chosen],
            self.low[:, chosen],
            self.high[:, chosen],
            self.code[cells],
            self.count[cells],
        )


def joined(parts: Sequence[Tally]) -> Tally:
    """All of `parts` (at least one), one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Tally(
        np.concatenate([part.bucket for part in parts]),
        np.concatenate([part.sums for part in parts], axis=1),
        np.concatenate([part.low for part in parts], axis=1),
        np.concatenate([part.high for part in parts], axis=1),
        np.concatenate([part.code for part in parts]),
        np.concatenate([part.count for part in parts]),
    )


def of_requests(rows: FlatRows) -> Tally:
    """Request rows (`flat_rows.request_rows`; at least one) by the second they finished in, collapsed."""
    size = len(rows)
    finished = np.fromiter(rows.column(_AT["finished_us"]), np.int64, size)
    order = np.argsort(finished // SECOND_US, kind="stable")

    def whole(name: str) -> Ints:
        return np.fromiter(rows.column(_AT[name]), np.int64, size)[order]

    def optional(name: str) -> NDArray[np.float64]:
        # None becomes nan; exact below 2^53
        return np.fromiter(rows.column(_AT[name]), np.float64, size)[order]

    finished, intended = finished[order], whole("intended_us")
    outcome, served_by = whole("outcome"), whole("served_by")
    second = finished // SECOND_US
    starts = _starts(second)
    tally = _bare(second[starts])
    requests = np.diff(starts, append=size)
    place = np.repeat(np.arange(len(starts)), requests)
    tally.sums[_COUNT_AT["requests"]] = requests
    for first, codes, words in (
        (_COUNT_AT["outcome_" + OUTCOMES[0]], outcome, OUTCOMES),
        (_COUNT_AT["served_" + SERVED_BY[0]], served_by, SERVED_BY),
    ):
        found = np.bincount(place * len(words) + codes, minlength=len(starts) * len(words))
        tally.sums[first : first + len(words)] = found.reshape(-1, len(words)).T
    retries = whole("retries")
    retried = (retries > 0) & _RETRIED[served_by]
    tally.sums[_COUNT_AT["retries"]] = np.add.reduceat(retries, starts)
    tally.sums[_COUNT_AT["served_retried"]] = np.add.reduceat(retried, starts, dtype=np.int64)
    for name in _SUMMED:
        tally.sums[_COUNT_AT[name]] = np.add.reduceat(whole(name), starts)
    tally.low[_KEY] = np.minimum.reduceat(whole("key"), starts)
    cache = whole("cache")
    if cache.any():
        found = np.bincount(place * len(CACHE) + cache, minlength=len(starts) * len(CACHE))
        tally.sums[_FIRST_CACHED : _FIRST_CACHED + len(CACHED)] = _CACHED @ found.reshape(-1, len(CACHE)).T

    latency = finished - intended
    first_token = optional("first_token_us")
    gaps = whole("answer_tokens") - 1
    streamed = (gaps > 0) & ~np.isnan(first_token)
    gaps_us = np.where(streamed, finished - first_token, 0)
    gaps = np.where(streamed, gaps, 0)
    tally.sums[_COUNT_AT["token_gaps"]] = np.add.reduceat(gaps, starts)
    tally.sums[_COUNT_AT["token_gaps_us"]] = np.add.reduceat(gaps_us.astype(np.int64), starts)
    durations = [
        latency,
        np.where(outcome != _FAILED, latency, np.nan),
        optional("service_us"),
        first_token - intended,
        np.where(streamed, np.rint(gaps_us / np.maximum(gaps, 1)), np.nan),
    ]
    return _with_durations(tally, second, starts, np.array(durations))


def _with_durations(
    tally: Tally, second: Ints, starts: NDArray[np.intp], durations: NDArray[np.float64]
) -> Tally:
    """The tally with durations in microseconds, shape (histograms, n), nan for none; `second` (n,) ascends."""
    there = ~np.isnan(durations)
    whole = np.maximum(np.where(there, durations, 0), 0).astype(np.int64)
    tally.sums[len(COUNTS) :] = np.add.reduceat(whole, starts, axis=1)
    tally.low[:_KEY] = np.minimum.reduceat(np.where(there, whole, NEVER), starts, axis=1)
    tally.high[:] = np.maximum.reduceat(np.where(there, whole, -1), starts, axis=1)
    kinds = np.arange(len(HISTOGRAMS))[:, np.newaxis]
    cells = np.sort(((second << _BUCKET_SHIFT) + (kinds << _BIN_BITS) + bins_of(whole))[there])
    edges = _starts(cells)
    return replace(tally, code=cells[edges], count=np.diff(edges, append=cells.size))


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
    code, count = np.unique((bucket << _BUCKET_SHIFT) + (_FAULTS << _BIN_BITS) + name, return_counts=True)
    return replace(_bare(np.unique(bucket)), code=code, count=count.astype(np.int64))


def lowest_key(tally: Tally) -> int:
    """The lowest key among the tally's requests, NEVER if it has none."""
    return int(tally.low[_KEY].min(initial=NEVER))


def rows_of(tally: Tally, prefix: tuple[int, ...], text_of: Callable[[int], str]) -> list[tuple[Any, ...]]:
    """A row tuple per bucket of a collapsed tally: `prefix`, the bucket, then as in
    `schema.ROLLUP_COLUMNS`."""
    kinds = (tally.bucket[:, np.newaxis] << _KIND_BITS) + np.arange(_FAULTS + 2)
    edges = np.searchsorted(
        tally.code, kinds << _BIN_BITS
    )  # where the cells of each kind start, and the last end
    blob = iter(_blobs(tally, edges[:, :-1]))
    counts = tally.sums[: len(COUNTS)].T.tolist()
    faults = _faults(tally, edges[:, _FAULTS:].tolist(), text_of)
    return [
        (*prefix, bucket, *numbers, *histograms, kinds)
        for bucket, numbers, histograms, kinds in zip(
            tally.bucket.tolist(), counts, zip(*[blob] * len(HISTOGRAMS), strict=True), faults, strict=True
        )
    ]


def _blobs(tally: Tally, edges: NDArray[np.intp]) -> list[bytes]:
    """The encoded histograms of each bucket in turn: `Histogram.encode`, for many at once."""
    starts, ends = edges[:, :-1], edges[:, 1:]
    filled = ends > starts
    width = count_width(int(tally.count.max(initial=0)))
    heads = np.zeros(starts.shape, HEADER)
    heads["version"] = VERSION
    heads["width"] = width
    heads["size"] = ends - starts
    heads["infinite"][:, _ANSWER] = tally.sums[_COUNT_AT["outcome_failed"]]
    heads["total_us"] = tally.sums[len(COUNTS) :].T
    heads["minimum_us"] = np.where(filled, tally.low[: len(HISTOGRAMS)].T, 0)
    heads["maximum_us"] = np.where(filled, tally.high.T, 0)
    anything = filled | (heads["infinite"] > 0)
    head, step = heads.tobytes(), HEADER.itemsize
    bins = (tally.code & _BIN).astype("<u2").tobytes()  # those of faults are no bins, and are not used here
    counts = tally.count.astype(f"<u{width}").tobytes()
    return [
        head[at : at + step] + bins[2 * start : 2 * end] + counts[width * start : width * end]
        if there
        else b""
        for at, start, end, there in zip(
            range(0, len(head), step),
            starts.ravel().tolist(),
            ends.ravel().tolist(),
            anything.ravel().tolist(),
            strict=True,
        )
    ]


def _faults(tally: Tally, edges: list[list[int]], text_of: Callable[[int], str]) -> list[str]:
    """How often each kind of fault occurred in each bucket, as JSON."""
    cells = (tally.code & _CELL) >> _BIN_BITS == _FAULTS
    names, counts = tally.code[cells] & _BIN, tally.count[cells]
    told = zip(map(text_of, names.tolist()), counts.tolist(), strict=True)
    return [json.dumps(dict(islice(told, end - start))) if end > start else "{}" for start, end in edges]


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
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
    )
