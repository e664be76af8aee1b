"""Log-bucket histograms of durations: mergeable, with a bounded relative error, and a compact form for the
log.

The bins are those of DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
Relative-Error Guarantees", PVLDB 12(12), 2019) without collapsing: bin i holds (gamma^(i-2), gamma^(i-1)]
microseconds, bin 0 holds zero, gamma = (1 + a) / (1 - a). Count, sum, minimum and maximum are exact.
Durations that never ended are counted as infinite and rank above every other. It knows nothing of requests or
of SQLite.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

ALPHA: Final = 0.0049
"""Half a bin's relative width: a little under the promised 0.5 %, so that rounding in log() cannot break the
promise."""
GAMMA: Final = (1 + ALPHA) / (1 - ALPHA)
BINS: Final = 4_500
"""More than the 4,457 bins that 2^63 microseconds need."""

_LOG_GAMMA: Final = math.log(GAMMA)
VERSION: Final = 1
HEADER: Final = np.dtype(
    [
        ("version", "u1"),
        ("width", "u1"),  # bytes of a count
        ("size", "<u2"),  # number of bins
        ("infinite", "<i8"),
        ("total_us", "<i8"),
        ("minimum_us", "<i8"),
        ("maximum_us", "<i8"),
    ]
)
"""What an encoded histogram begins with; then the bins as 16-bit integers, then the counts, little-endian."""
_UNPACK: Final = struct.Struct("<BBHqqqq").unpack_from
"""Reads a HEADER."""
_WIDTHS: Final = (1, 2, 4, 8)
_GROUPS_AT_ONCE: Final = 128
"""Groups that are merged in one array, of 36 kB each."""

Ints = NDArray[np.int64]


def bins_of(values_us: Ints) -> Ints:
    """The bin of each duration, in microseconds; negative ones count as zero. Same shape."""
    bins = np.ceil(np.log(np.maximum(values_us, 1)) * (1 / _LOG_GAMMA)).astype(np.int64) + 1
    bins[values_us <= 0] = 0
    return bins


@dataclass(frozen=True, eq=False)
class Histogram:
    """Durations in microseconds. `bins` ascend without repeats, `counts` are positive; both have shape (n,).

    `minimum_us` and `maximum_us` are 0 where there is no finite value.
    """

    bins: Ints
    counts: Ints
    infinite: int = 0
    total_us: int = 0
    minimum_us: int = 0
    maximum_us: int = 0

    @classmethod
    def of(cls, values_us: Iterable[int] | Ints, infinite: int = 0) -> Histogram:
        """The histogram of `values_us`, and of `infinite` durations that never ended."""
        values = np.maximum(np.fromiter(values_us, np.int64), 0)
        if not values.size:
            return cls(_NONE, _NONE, infinite)
        bins, counts = np.unique(bins_of(values), return_counts=True)
        total = int(values.sum())
        return cls(bins, counts.astype(np.int64), infinite, total, int(values.min()), int(values.max()))

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Histogram:
        """The histogram of all values of `parts`: the same, to the bit, as `of` all of them at once."""
        every = list(parts)
        infinite = sum(part.infinite for part in every)
        finite = [part for part in every if part.bins.size]
        if not finite:
            return cls(_NONE, _NONE, infinite)
        bins, counts = _added_up(
            np.concatenate([part.bins for part in finite]), np.concatenate([part.counts for part in finite])
        )
        return cls(
            bins,
            counts,
            infinite,
            sum(part.total_us for part in finite),
            min(part.minimum_us for part in finite),
            max(part.maximum_us for part in finite),
        )

    @property
    def finite(self) -> int:
        """How many durations ended."""
        return int(self.counts.sum())

    @property
    def count(self) -> int:
        """How many durations there are, infinite ones included."""
        return self.finite + self.infinite

    @property
    def mean_us(self) -> float | None:
        """The exact mean of the finite durations, None if there are none."""
        return self.total_us / self.finite if self.bins.size else None

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile in microseconds, within 0.5 %; None if it is infinite or nothing was
        counted.

        Rank ceil(percent / 100 * count), at least 1. The value is the middle of the rank's bin, clamped to
        the minimum and maximum, which ranks 1 and last hit exactly.
        """
        finite = self.finite
        rank = max(1, math.ceil(round(percent * (finite + self.infinite) / 100, 6)))
        if rank > finite:
            return None
        if rank == 1:
            return self.minimum_us
        if rank == finite:
            return self.maximum_us
        index = int(self.bins[np.searchsorted(np.cumsum(self.counts), rank)])
        middle = 2 * GAMMA ** (index - 1) / (GAMMA + 1) if index else 0.0
        return min(max(middle, self.minimum_us), self.maximum_us)

    def encode(self) -> bytes:
        """The histogram as bytes: HEADER, bins, counts; no bytes at all for an empty one."""
        if not self.count:
            return b""
        width = count_width(int(self.counts.max(initial=0)))
        scalars = (self.infinite, self.total_us, self.minimum_us, self.maximum_us)
        head = np.array((VERSION, width, len(self.bins), *scalars), HEADER).tobytes()
        return head + self.bins.astype("<u2").tobytes() + self.counts.astype(f"<u{width}").tobytes()

    @classmethod
    def decode(cls, blob: bytes | None) -> Histogram:
        """What `encode` made; nothing, or no bytes, is the empty histogram. Raises ValueError for anything
        else."""
        return decode_merged((blob,), (0, 1))[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def _content(self) -> tuple[object, ...]:
        scalars = (self.infinite, self.total_us, self.minimum_us, self.maximum_us)
        return (self.bins.tobytes(), self.counts.tobytes(), *scalars)


def count_width(largest: int) -> int:
    """The fewest bytes, of 1, 2, 4 and 8, that hold the count `largest`."""
    return next(width for width in _WIDTHS if largest < 1 << 8 * width)


def decode_merged(blobs: Sequence[bytes | None], edges: Sequence[int]) -> list[Histogram]:
    """Encoded histograms merged by group, the first of `blobs[edges[0]:edges[1]]`, and so on: one less than edges.

    The same as `merged` of each of them decoded, at a fraction of the cost: a chart is made of thousands. Raises
    ValueError for bytes that `encode` did not make.
    """
    made = []
    for first in range(0, len(edges) - 1, _GROUPS_AT_ONCE):
        made += _decode_groups(blobs, edges[first : first + _GROUPS_AT_ONCE + 1])
    return made


def _decode_groups(blobs: Sequence[bytes | None], edges: Sequence[int]) -> list[Histogram]:
    scalars = [_Scalars() for _ in edges[1:]]
    by_width: dict[int, list[tuple[int, int, bytes]]] = {}
    for group, (first, end) in enumerate(pairwise(edges)):
        for blob in blobs[first:end]:
            if blob:
                width, size = scalars[group].add(blob)
                by_width.setdefault(width, []).append((group, size, blob))
    dense = np.zeros(len(scalars) * BINS, np.int64)
    for width, parts in by_width.items():
        cells, counts = _cells(width, parts)
        np.add.at(dense, cells, counts)
    cells = np.flatnonzero(dense)
    counts, bins = dense[cells], cells % BINS
    ends = np.searchsorted(cells, np.arange(len(edges)) * BINS).tolist()
    return [
        Histogram(
            bins[first:end],
            counts[first:end],
            each.infinite,
            each.total_us,
            each.minimum_us,
            each.maximum_us,
        )
        for each, (first, end) in zip(scalars, pairwise(ends), strict=True)
    ]


def _cells(width: int, parts: list[tuple[int, int, bytes]]) -> tuple[Ints, Ints]:
    """The cells (group * BINS + bin) and counts of (group, size, blob), all with counts of `width` bytes."""
    at = HEADER.itemsize
    bins = np.frombuffer(b"".join([blob[at : at + 2 * size] for _, size, blob in parts]), "<u2").astype(
        np.int64
    )
    counts = np.frombuffer(b"".join([blob[at + 2 * size :] for _, size, blob in parts]), f"<u{width}").astype(
        np.int64
    )
    groups, sizes, _ = zip(*parts, strict=True)
    ends = np.cumsum(sizes)
    rising = np.diff(bins, prepend=-1) > 0
    rising[(ends - sizes)[ends > ends - sizes]] = True  # where another histogram begins
    if bins.size and (not rising.all() or bins.max() >= BINS or counts.min() <= 0):
        raise ValueError("a histogram's bins are out of order")
    return np.repeat(np.array(groups) * BINS, sizes) + bins, counts


class _Scalars:
    """What encoded histograms come to apart from their bins."""

    def __init__(self) -> None:
        self.infinite = self.total_us = self.minimum_us = self.maximum_us = 0
        self._filled = False

    def add(self, blob: bytes) -> tuple[int, int]:
        """Count one more; returns how wide its counts are, in bytes, and how many bins it has."""
        if len(blob) < HEADER.itemsize:
            raise ValueError("a histogram is cut short")
        version, width, size, infinite, total, low, high = _UNPACK(blob)
        if version != VERSION or width not in _WIDTHS or len(blob) != HEADER.itemsize + size * (2 + width):
            raise ValueError("not a histogram of version 1")
        if infinite < 0 or total < 0 or (size and not 0 <= low <= high):
            raise ValueError("a histogram's numbers cannot be")
        self.infinite += infinite
        if size:
            self.total_us += total
            self.minimum_us = min(low, self.minimum_us) if self._filled else low
            self.maximum_us = max(high, self.maximum_us)
            self._filled = True
        return width, size


def _added_up(bins: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The bins, each once and ascending, with the sum of its counts."""
    dense = np.zeros(BINS, np.int64)
    np.add.at(dense, bins, counts)
    once = np.flatnonzero(dense)
    return once, dense[once]


_NONE: Final[Ints] = np.zeros(0, np.int64)
