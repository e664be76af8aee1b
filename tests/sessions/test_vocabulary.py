from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.sessions.vocabulary import STEPS_S, key_of, parts_of


@given(
    st.integers(0, 2**20 - 1),
    st.integers(0, 7),
    st.integers(0, 2**32 - 1),
    st.integers(0, 255),
    st.integers(0, 255),
)
def test_a_key_gives_back_its_parts_and_fits_sqlite(
    run: int, variant: int, number: int, sequence: int, other: int
) -> None:
    key = key_of(run, variant, number, sequence)
    assert parts_of(key) == (run, variant, number, sequence)
    assert key < 2**63
    assert (
        key_of(run, variant, number, other) < key_of(run, variant, number + 1) <= key_of(run, variant + 1, 0)
    )


def test_every_step_is_a_multiple_of_the_one_before() -> None:
    assert all(coarse % fine == 0 for fine, coarse in pairwise(STEPS_S))
