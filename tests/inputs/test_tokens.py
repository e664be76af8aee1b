"""The stated token estimate, by example and by its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inputs.tokens import estimate_tokens


def test_given_no_text_then_no_tokens() -> None:
    assert estimate_tokens("") == 0


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a", 1),
        ("Where is my card? I have been waiting over a week.", 12),
        ("2023-11-16 18:15:46", 11),
        ("カードがまだ届いていません", 10),
        ("😀" * 10, 15),
    ],
)
def test_given_a_text_then_the_rule_gives_its_tokens(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(alphabet=st.characters(), max_size=200), st.text(max_size=50))
def test_given_any_text_then_more_text_is_never_fewer_tokens(text: str, more: str) -> None:
    assert len(text) * 13 / 60 <= estimate_tokens(text) <= max(len(text) * 1.5 + 1, 0)
    assert estimate_tokens(text + more) >= estimate_tokens(text)


def test_given_half_a_surrogate_pair_then_it_is_counted_and_not_refused() -> None:
    assert estimate_tokens("\ud83d") == 1
