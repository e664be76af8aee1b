"""The score interval of one rate, against published values and by its properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.intervals import wilson


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_values_come_out(k: int, n: int, low: float, high: float) -> None:
    assert wilson(k, n) == pytest.approx((low, high), abs=5e-5)


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("k", "n"), [(2, 1), (-1, 3), (0, -1)])
def test_what_is_no_share_is_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        wilson(k, n)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_it_holds_the_rate_lies_within_0_and_1_and_mirrors(good: int, bad: int) -> None:
    n = good + bad
    low, high = wilson(good, n)
    assert 0 <= low <= (good / n if n else 0.5) <= high <= 1
    mirrored = wilson(bad, n)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)
