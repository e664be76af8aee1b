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
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

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
        if not blob:
            return cls(_NONE, _NONE)
        head = head_of(blob)
        bins = np.frombuffer(blob, "<u2", head.size, HEADER.itemsize).astype(np.int64)
        counts = np.frombuffer(blob, f"<u{head.width}", head.size, HEADER.itemsize + 2 * head.size)
        counts = counts.astype(np.int64)
        check_cells(bins, np.diff(bins) > 0, counts)
        return cls(bins, counts, head.infinite, head.total_us, head.minimum_us, head.maximum_us)

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


class Head(NamedTuple):
    """The fields of HEADER."""

    version: int
    width: int
    size: int
    infinite: int
    total_us: int
    minimum_us: int
    maximum_us: int


def head_of(blob: bytes) -> Head:
    """What an encoded histogram begins with. Raises ValueError where nothing of version 1 can follow."""
    if len(blob) < HEADER.itemsize:
        raise ValueError("a histogram is cut short")
    head = Head(*_UNPACK(blob))
    length = HEADER.itemsize + head.size * (2 + head.width)
    if head.version != VERSION or head.width not in _WIDTHS or len(blob) != length:
        raise ValueError("not a histogram of version 1")
    if head.infinite < 0 or head.total_us < 0:
        raise ValueError("a histogram counts below zero")
    if head.size and not 0 <= head.minimum_us <= head.maximum_us:
        raise ValueError("a histogram's extremes are out of order")
    return head


def check_cells(bins: Ints, rising: NDArray[np.bool_], counts: Ints) -> None:
    """Raises ValueError for bins and counts that no histogram has; `rising` tells which bins follow lower ones."""
    if bins.size and (not rising.all() or bins.max() >= BINS or counts.min() <= 0):
        raise ValueError("a histogram's bins are out of order")


def _added_up(bins: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The bins, each once and ascending, with the sum of its counts."""
    dense = np.zeros(BINS, np.int64)
    np.add.at(dense, bins, counts)
    once = np.flatnonzero(dense)
    return once, dense[once]


_NONE: Final[Ints] = np.zeros(0, np.int64)
