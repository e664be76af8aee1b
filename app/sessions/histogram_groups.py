"""Merges encoded histograms by the thousand, as the charts of a long run need them.

It gives what `Histogram.decode` and `Histogram.merged` give, without an array of each: numpy's price is by the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from app.sessions.histogram import BINS, HEADER, Head, Histogram, Ints, check_cells, head_of

_AT_ONCE: Final = 128
"""Groups that are merged in one array, which has 36 kB for each."""


def merged_groups(blobs: Sequence[bytes | None], edges: Sequence[int]) -> list[Histogram]:
    """The histograms of `blobs` merged by group: `blobs[edges[0]:edges[1]]`, then those up to the next edge, and so on.

    One less than there are edges, which ascend. Raises ValueError for bytes that `Histogram.encode` did not make.
    """
    made: list[Histogram] = []
    for first in range(0, len(edges) - 1, _AT_ONCE):
        made += _merged(blobs, edges[first : first + _AT_ONCE + 1])
    return made


def _merged(blobs: Sequence[bytes | None], edges: Sequence[int]) -> list[Histogram]:
    groups = [[(head_of(blob), blob) for blob in blobs[first:end] if blob] for first, end in pairwise(edges)]
    by_width: dict[int, list[tuple[int, Head, bytes]]] = {}
    for place, group in enumerate(groups):
        for head, blob in group:
            by_width.setdefault(head.width, []).append((place, head, blob))
    dense = np.zeros(len(groups) * BINS, np.int64)
    for width, parts in by_width.items():
        cells, counts = _cells(width, parts)
        np.add.at(dense, cells, counts)
    cells = np.flatnonzero(dense)
    counts, bins = dense[cells], cells % BINS
    ends = np.searchsorted(cells, np.arange(len(edges)) * BINS).tolist()
    return [
        _histogram(bins[first:end], counts[first:end], [head for head, _ in group])
        for group, (first, end) in zip(groups, pairwise(ends), strict=True)
    ]


def _cells(width: int, parts: Sequence[tuple[int, Head, bytes]]) -> tuple[Ints, Ints]:
    """The cells (place of the group * BINS + bin) of encoded histograms, and their counts, all of `width` bytes."""
    places = np.array([place for place, _, _ in parts])
    sizes = np.array([head.size for _, head, _ in parts])
    at = HEADER.itemsize
    bins = np.frombuffer(b"".join([blob[at : at + 2 * head.size] for _, head, blob in parts]), "<u2")
    counts = np.frombuffer(b"".join([blob[at + 2 * head.size :] for _, head, blob in parts]), f"<u{width}")
    whole, numbers = bins.astype(np.int64), counts.astype(np.int64)
    rising = np.diff(whole, prepend=-1) > 0
    rising[(np.cumsum(sizes) - sizes)[sizes > 0]] = (
        True  # the first of each may be lower than the last before it
    )
    check_cells(whole, rising, numbers)
    return np.repeat(places * BINS, sizes) + whole, numbers


def _histogram(bins: Ints, counts: Ints, heads: Sequence[Head]) -> Histogram:
    filled = [head for head in heads if head.size]
    return Histogram(
        bins,
        counts,
        sum(head.infinite for head in heads),
        sum(head.total_us for head in filled),
        min((head.minimum_us for head in filled), default=0),
        max((head.maximum_us for head in filled), default=0),
    )
