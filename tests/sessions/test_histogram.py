from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sessions.histogram import BINS, Histogram

durations = st.lists(st.one_of(st.integers(0, 200), st.integers(0, 2**55)), max_size=60)
percents = st.one_of(st.sampled_from([1, 50, 90, 95, 99, 99.9, 100]), st.floats(0.01, 100))


@given(st.lists(durations, max_size=5), st.lists(st.integers(0, 5), min_size=5, max_size=5))
def test_merging_histograms_equals_the_histogram_of_all_values(
    parts: list[list[int]], infinite: list[int]
) -> None:
    made = [Histogram.of(part, never) for part, never in zip(parts, infinite, strict=False)]
    whole = Histogram.of([value for part in parts for value in part], sum(infinite[: len(parts)]))
    assert Histogram.merged(made) == whole
    assert hash(Histogram.merged(made)) == hash(whole)


@given(st.lists(st.one_of(st.integers(0, 200), st.integers(0, 2**55)), min_size=1, max_size=60), percents)
def test_a_percentile_is_within_half_a_percent_of_the_exact_nearest_rank(
    values: list[int], percent: float
) -> None:
    rank = max(1, math.ceil(round(percent * len(values) / 100, 6)))
    exact = sorted(values)[rank - 1]
    found = Histogram.of(values).percentile(percent)
    assert found is not None
    assert abs(found - exact) <= 0.005 * exact
    assert min(values) <= found <= max(values)


@given(durations, st.integers(0, 10))
def test_count_sum_minimum_and_maximum_are_exact(values: list[int], infinite: int) -> None:
    histogram = Histogram.of(values, infinite)
    assert (histogram.finite, histogram.count) == (len(values), len(values) + infinite)
    assert histogram.total_us == sum(values)
    if values:
        assert (histogram.minimum_us, histogram.maximum_us) == (min(values), max(values))
        assert histogram.mean_us == sum(values) / len(values)


@given(durations, st.integers(0, 10))
def test_a_histogram_survives_being_encoded(values: list[int], infinite: int) -> None:
    histogram = Histogram.of(values, infinite)
    assert Histogram.decode(histogram.encode()) == histogram


@given(st.binary(max_size=80))
def test_bytes_that_are_no_histogram_raise_a_value_error_and_nothing_else(blob: bytes) -> None:
    try:
        Histogram.decode(blob)
    except ValueError:
        return


@given(durations.filter(bool), st.data())
def test_a_damaged_histogram_is_refused_or_reads_as_another(values: list[int], data: st.DataObject) -> None:
    blob = bytearray(Histogram.of(values).encode())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        Histogram.decode(bytes(blob)).percentile(95)
    except ValueError:
        return


def test_a_percentile_that_falls_among_those_that_never_ended_is_none() -> None:
    histogram = Histogram.of([1_000] * 94, infinite=6)
    assert histogram.percentile(94) == 1_000
    assert histogram.percentile(95) is None
    assert Histogram.of([], infinite=3).percentile(50) is None


def test_a_histogram_of_nothing_is_empty_and_takes_no_bytes() -> None:
    empty = Histogram.of([])
    assert (empty.count, empty.mean_us, empty.percentile(50), empty.encode()) == (0, None, None, b"")
    assert Histogram.decode(None) == empty


def test_the_longest_duration_has_a_bin() -> None:
    assert Histogram.of([2**63 - 1]).bins.max() < BINS


def test_a_later_version_is_refused() -> None:
    blob = Histogram.of([5]).encode()
    with pytest.raises(ValueError, match="version 1"):
        Histogram.decode(bytes([2]) + blob[1:])
