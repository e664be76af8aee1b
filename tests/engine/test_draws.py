"""Keyed draws: one equals block, uniform, and independent between purposes, roles, seeds and neighbours."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.draws import Draws, Role
from tests.traffic.statistics import LIMIT, chi_square_z_score

N = 100_000
PRIMARY = Role("primary")

purposes = st.text(max_size=20)
roles = st.none() | st.builds(Role, st.text(max_size=10), st.integers(0, 20), st.integers(0, 5))


@given(
    seed=st.integers(-(2**70), 2**70),
    purpose=purposes,
    role=roles,
    first=st.integers(0, 2**63),
    count=st.integers(0, 20),
)
def test_one_draw_is_the_value_that_its_block_has(
    seed: int, purpose: str, role: Role | None, first: int, count: int
) -> None:
    block = Draws(seed).block(purpose, role, first, count)
    assert block.tolist() == [Draws(seed).one(purpose, role, first + i) for i in range(count)]


@given(
    columns=st.lists(st.tuples(purposes, roles), min_size=1, max_size=4),
    first=st.integers(0, 2**40),
    count=st.integers(1, 20),
    data=st.data(),
)
def test_what_lies_below_a_limit_is_what_a_comparison_of_the_draws_says(
    columns: list[tuple[str, Role | None]], first: int, count: int, data: st.DataObject
) -> None:
    draws = Draws(1)
    table = draws.table(columns, first, count)
    # Limits anywhere, and hard by a draw: the draw itself, and the next numbers below and above it.
    limits = []
    for column in table:
        draw = data.draw(st.sampled_from(column.tolist()))
        near = [draw, float(np.nextafter(draw, 0)), float(np.nextafter(draw, 1))]
        between = st.floats(0, 1, exclude_min=True, exclude_max=True)
        limits.append(data.draw(st.sampled_from([each for each in near if 0 < each < 1]) | between))
    below = draws.below(columns, limits, first, count)
    assert below.tolist() == (table < np.array(limits)[:, np.newaxis]).tolist()


@given(purpose=purposes, role=roles, entities=st.lists(st.integers(0, 5_000), min_size=1, max_size=20))
def test_a_column_holds_the_same_draws(purpose: str, role: Role | None, entities: list[int]) -> None:
    draws = Draws(1)
    column = draws.column(purpose, role)
    assert [column[entity] for entity in entities] == [
        draws.one(purpose, role, entity) for entity in entities
    ]


@given(st.integers(0, 20_000), st.lists(st.integers(0, 20_000), max_size=20))
def test_a_column_that_is_often_asked_holds_them_too(first: int, between: list[int]) -> None:
    # Often enough for it to compute them in blocks, the end of one and the beginning of the next among them.
    entities = [*range(first, first + 300), *between, *range(first + 4_000, first + 4_300), *between]
    draws = Draws(1)
    column = draws.column("fault:hang", PRIMARY)
    expected = draws.of("fault:hang", PRIMARY, np.array(entities, dtype=np.uint64))
    assert [column[entity] for entity in entities] == expected.tolist()


@given(entities=st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_entities_can_be_asked_for_in_any_order(entities: list[int]) -> None:
    draws = Draws(1)
    many = draws.of("fault:hang", PRIMARY, np.array(entities, dtype=np.uint64))
    assert many.tolist() == [draws.one("fault:hang", PRIMARY, entity) for entity in entities]


@given(seed=st.integers(), purpose=purposes, role=roles, entity=st.integers(0, 2**64 - 1))
def test_a_draw_is_never_one_so_that_rate_one_always_fires(
    seed: int, purpose: str, role: Role | None, entity: int
) -> None:
    assert 0.0 <= Draws(seed).one(purpose, role, entity) < 1.0


def test_a_draw_does_not_depend_on_what_was_drawn_before() -> None:
    used = Draws(5)
    used.block("other", None, 0, 1_000)
    used.one("fault:hang", PRIMARY, 3)
    assert used.one("fault:hang", Role("primary", 1), 7) == Draws(5).one("fault:hang", Role("primary", 1), 7)


def test_draws_are_the_same_on_every_machine_and_version() -> None:
    # A change of these numbers changes every saved run.
    assert Draws(42).one("traffic.gap", None, 0) == 0.47415065022374825
    assert Draws(42).one("fault:hang", Role("fallback", 2, 1), 1_000_000) == 0.4432944113134418


@pytest.mark.parametrize("seed", [0, 1, 2**64])
@pytest.mark.parametrize("first", [0, 10**9, 2**60])
def test_draws_are_uniform(seed: int, first: int) -> None:
    draws = Draws(seed).block("traffic.gap", None, first, N)
    counts, _ = np.histogram(draws, bins=200, range=(0, 1))
    assert abs(chi_square_z_score(counts, np.full(200, N / 200))) < LIMIT
    # and evenly so in the fine grain: the last of 53 bits is as often set as not
    low_bit = (draws * 2.0**53).astype(np.uint64) & np.uint64(1)
    assert abs((float(low_bit.mean()) - 0.5) * 2 * sqrt(N)) < LIMIT


@pytest.mark.parametrize(
    ("purpose", "role", "seed", "first"),
    [
        ("fault:slow", PRIMARY, 1, 0),
        ("fault:hang", None, 1, 0),
        ("fault:hang", Role("fallback"), 1, 0),
        ("fault:hang", Role("primary", 1), 1, 0),
        ("fault:hang", Role("primary", 0, 1), 1, 0),
        ("fault:hang", PRIMARY, 2, 0),
        ("fault:hang", PRIMARY, 1, 1),
        ("fault:hang", PRIMARY, 1, 2),
        ("fault:hang", PRIMARY, 1, 1_024),
    ],
)
def test_columns_and_neighbours_are_independent(
    purpose: str, role: Role | None, seed: int, first: int
) -> None:
    one = Draws(1).block("fault:hang", PRIMARY, 0, N)
    other = Draws(seed).block(purpose, role, first, N)
    assert abs(float(np.corrcoef(one, other)[0, 1]) * sqrt(N)) < LIMIT
    # and not only uncorrelated: the pairs fill the square evenly
    counts, _, _ = np.histogram2d(one, other, bins=12, range=((0, 1), (0, 1)))
    assert abs(chi_square_z_score(counts.reshape(-1).astype(np.int64), np.full(144, N / 144))) < LIMIT


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_normal_draws_have_the_moments_of_the_normal_distribution(seed: int) -> None:
    z = Draws(seed).normal_block("provider.service", PRIMARY, 0, N)
    # mean, variance, skewness and excess kurtosis, each over its standard error
    assert abs(float(z.mean()) * sqrt(N)) < LIMIT
    assert abs((float(z.var()) - 1) * sqrt(N / 2)) < LIMIT
    assert abs(float(np.mean(z**3)) * sqrt(N / 15)) < LIMIT
    assert abs((float(np.mean(z**4)) - 3) * sqrt(N / 96)) < LIMIT


def test_normal_draws_are_keyed_too() -> None:
    draws = Draws(1)
    whole = draws.normal_block("provider.service", PRIMARY, 0, 100)
    assert np.array_equal(draws.normal_block("provider.service", PRIMARY, 40, 20), whole[40:60])
    some = np.array([99, 3, 3], dtype=np.uint64)
    assert np.array_equal(draws.normal("provider.service", PRIMARY, some), whole[[99, 3, 3]])
