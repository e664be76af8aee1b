from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sessions.histogram import Histogram
from app.sessions.histogram_groups import merged_groups

durations = st.lists(st.one_of(st.integers(0, 200), st.integers(0, 2**40)), max_size=8)
# Counts that take one byte, two and four.
histograms = st.builds(
    lambda values, infinite, often: Histogram.of(np.repeat(np.array(values, np.int64), often), infinite),
    durations,
    st.integers(0, 3),
    st.sampled_from([1, 1, 1, 300, 70_000]),
)


@given(st.lists(st.lists(histograms, max_size=4), max_size=6))
def test_each_group_comes_to_what_its_histograms_come_to_one_by_one(groups: list[list[Histogram]]) -> None:
    blobs = [each.encode() for group in groups for each in group]
    edges = list(accumulate(map(len, groups), initial=0))
    assert merged_groups(blobs, edges) == [Histogram.merged(group) for group in groups]


def test_groups_are_told_apart_however_many_there_are() -> None:
    values = [[place, place + 1_000] for place in range(1_000)]
    blobs = [Histogram.of([one]).encode() for pair in values for one in pair]
    assert merged_groups(blobs, range(0, 2_001, 2)) == [Histogram.of(pair) for pair in values]


def test_only_what_lies_between_the_edges_is_counted() -> None:
    blobs = [Histogram.of([value]).encode() for value in (1, 20, 300, 4_000)]
    assert merged_groups(blobs, [1, 3]) == [Histogram.of([20, 300])]
    assert merged_groups(blobs, [2]) == []
    assert merged_groups([None, b"", blobs[0]], [0, 2, 3]) == [Histogram.of([]), Histogram.of([1])]


@given(durations.filter(bool), st.data())
def test_a_damaged_histogram_is_refused_or_reads_as_it_does_alone(
    values: list[int], data: st.DataObject
) -> None:
    blob = bytearray(Histogram.of(values).encode())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    damaged, sound = bytes(blob), Histogram.of([5, 7])
    try:
        alone = Histogram.decode(damaged)
    except ValueError:
        with pytest.raises(ValueError):
            merged_groups([sound.encode(), damaged], [0, 2])
    else:
        assert merged_groups([sound.encode(), damaged], [0, 2]) == [Histogram.merged([sound, alone])]
