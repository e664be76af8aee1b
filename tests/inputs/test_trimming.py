"""Trimming: what is left fits, is of the text, and is as long as it can be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inputs.tokens import estimate_tokens
from app.inputs.trimming import GAP, Strategy, trimmed

WORDS = " ".join(f"word{n}" for n in range(500))


def test_a_text_that_fits_stays() -> None:
    assert trimmed("short", 100, "keep_both_ends") == "short"


def test_the_start_the_end_or_both_are_kept() -> None:
    assert trimmed(WORDS, 20, "keep_start").startswith("word0 word1 ")
    assert trimmed(WORDS, 20, "keep_end").endswith(" word498 word499")
    start, gap, end = trimmed(WORDS, 20, "keep_both_ends").partition(GAP)
    assert (start[:6], gap, end[-7:]) == ("word0 ", GAP, "word499")
    assert abs(len(start) - len(end)) <= 1


@pytest.mark.parametrize("strategy", ["keep_start", "keep_end", "keep_both_ends"])
def test_no_tokens_are_no_text(strategy: Strategy) -> None:
    assert trimmed(WORDS, 0, strategy) == ""


@given(
    text=st.text(max_size=400),
    most=st.integers(0, 100),
    strategy=st.sampled_from(["keep_start", "keep_end", "keep_both_ends"]),
)
def test_what_is_left_fits_and_is_of_the_text(text: str, most: int, strategy: Strategy) -> None:
    left = trimmed(text, most, strategy)
    assert estimate_tokens(left) <= most
    if strategy == "keep_start":
        assert text.startswith(left)
        # One character more would not have fitted.
        assert left == text or estimate_tokens(text[: len(left) + 1]) > most
    elif strategy == "keep_end":
        assert text.endswith(left)
    elif left != text and left:
        start, gap, end = left.partition(GAP)
        assert gap
        assert text.startswith(start)
        assert text.endswith(end)
