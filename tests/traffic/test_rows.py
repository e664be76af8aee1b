"""Rows: the orders, what repeats repeat, blocks of any size, stepping back, changes, forced repeats."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.draws import Draws
from app.traffic.rows import REWIND, RowBlock, RowOrder
from app.traffic.settings import Order, Traffic
from tests.traffic.statistics import LIMIT, chi_square_z_score, share_z_score

orders: st.SearchStrategy[Order] = st.sampled_from(["in_order", "shuffled", "zipf"])


def traffic(**table: Any) -> Traffic:
    return Traffic.model_validate({"rate_per_s": 1, **table})


def rows(n_rows: int, count: int, seed: int = 1, **table: Any) -> RowBlock:
    return RowOrder(Draws(seed), n_rows, traffic(**table)).block(0, count)


def same(one: RowBlock, other: RowBlock) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("source", "row", "fresh", "question")
    )


def test_in_order_goes_round() -> None:
    block = rows(3, 7, repeat_rate=0)
    assert block.row.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert block.fresh.all()
    assert block.question.tolist() == list(range(7))  # another pass over a row is a new question


def test_new_questions_count_the_order_and_repeats_do_not() -> None:
    block = rows(1_000, 5_000, repeat_rate=0.3)
    assert np.array_equal(block.row[block.fresh], np.arange(block.fresh.sum()) % 1_000)


@pytest.mark.parametrize("n_rows", [1, 2, 7, 300, 2_500])
def test_shuffled_has_every_row_once_a_pass_and_passes_differ(n_rows: int) -> None:
    passes = rows(n_rows, 5 * n_rows, repeat_rate=0, order="shuffled").row.reshape(5, n_rows)
    assert np.array_equal(np.sort(passes, axis=1), np.tile(np.arange(n_rows), (5, 1)))
    if n_rows >= 7:
        assert len({tuple(one.tolist()) for one in passes}) == 5


@pytest.mark.parametrize("skew", [0.0, 1.0, 1.5])
def test_zipf_asks_popular_rows_in_proportion(skew: float) -> None:
    # given 60,000 requests over 50 rows
    counts = np.bincount(rows(50, 60_000, repeat_rate=0, order="zipf", skew=skew).row, minlength=50)
    shares = np.arange(1, 51, dtype=np.float64) ** -skew
    expected = 60_000 * shares / shares.sum()
    # then, ranked by the permutation that a steep skew reveals, the counts are as expected
    steep = rows(50, 60_000, repeat_rate=0, order="zipf", skew=1.5).row
    rank = np.argsort(-np.bincount(steep, minlength=50), kind="stable")
    head = rank[:8]  # further down, neighbours change places by chance
    tail = counts.sum() - counts[head].sum()
    observed = np.append(counts[head], tail)
    assert abs(chi_square_z_score(observed, np.append(expected[:8], expected[8:].sum()))) < LIMIT


def test_popular_rows_are_not_the_first_ones() -> None:
    counts = np.bincount(rows(1_000, 20_000, repeat_rate=0, order="zipf").row, minlength=1_000)
    assert np.argmax(counts) != 0
    assert np.argmax(counts) != np.argmax(
        np.bincount(rows(1_000, 20_000, seed=2, repeat_rate=0, order="zipf").row)
    )


@pytest.mark.parametrize("repeat_rate", [0.05, 0.2, 0.9])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_repeats_are_as_frequent_as_the_rate_says(repeat_rate: float, seed: int) -> None:
    block = rows(100, 50_000, seed, repeat_rate=repeat_rate)
    assert abs(share_z_score(int((~block.fresh).sum()), 50_000, repeat_rate)) < LIMIT


def test_zero_means_never_and_one_means_always() -> None:
    assert rows(10, 5_000, repeat_rate=0).fresh.all()
    everyone = rows(10, 5_000, repeat_rate=1)
    assert everyone.source.tolist() == [0] * 5_000
    assert everyone.fresh.tolist() == [True] + [False] * 4_999


def test_raising_the_repeat_rate_only_adds_repeats() -> None:
    few, many = rows(10, 5_000, repeat_rate=0.2), rows(10, 5_000, repeat_rate=0.5)
    assert not np.any(~few.fresh & many.fresh)


@given(repeat_rate=st.floats(0, 1), order=orders, n_rows=st.integers(1, 3_000), window=st.integers(1, 3_000))
def test_a_repeat_asks_what_a_new_question_before_it_asked(
    repeat_rate: float, order: Order, n_rows: int, window: int
) -> None:
    block = rows(n_rows, 2_500, repeat_rate=repeat_rate, order=order, repeat_window=window)
    numbers = np.arange(2_500)
    assert np.all(block.source <= numbers)
    assert np.all(block.fresh[block.source])
    assert np.array_equal(block.row, block.row[block.source])
    assert np.all((block.row >= 0) & (block.row < n_rows))
    assert np.array_equal(block.fresh, block.source == numbers)


def test_repeats_pick_evenly_among_the_last_so_many() -> None:
    # given a window of 10 and few repeats, so that most of them repeat a new question directly
    block = rows(100_000, 60_000, repeat_rate=0.02, repeat_window=10)
    back = (np.arange(60_000) - block.source)[~block.fresh]
    direct = back[back <= 10]
    assert len(direct) > 0.97 * len(back)
    counts = np.bincount(direct, minlength=11)[1:]
    assert abs(chi_square_z_score(counts, np.full(10, len(direct) / 10))) < LIMIT


def test_the_same_row_can_be_the_same_question() -> None:
    block = rows(3, 7, repeat_rate=0, same_row_same_question=True)
    assert block.question.tolist() == [-1, -2, -3, -1, -2, -3, -1]
    assert block.source.tolist() == list(range(7))


@settings(max_examples=50)
@given(
    sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=8),
    order=orders,
    n_rows=st.integers(1, 3_000),
    repeat_rate=st.sampled_from([0.0, 0.2, 0.95, 1.0]),
)
def test_blocks_of_any_size_give_the_same_rows(
    sizes: list[int], order: Order, n_rows: int, repeat_rate: float
) -> None:
    table: dict[str, Any] = {"order": order, "repeat_rate": repeat_rate, "repeat_window": 500}
    at_once = rows(n_rows, sum(sizes), **table)
    plan = RowOrder(Draws(1), n_rows, traffic(**table))
    first = 0
    for size in sizes:
        block = plan.block(first, size)
        assert np.array_equal(block.row, at_once.row[first : first + size])
        assert np.array_equal(block.source, at_once.source[first : first + size])
        first += size


@settings(max_examples=50)
@given(order=orders, planned=st.integers(1, 6_000), data=st.data())
def test_stepping_back_gives_the_same_again(order: Order, planned: int, data: st.DataObject) -> None:
    plan = RowOrder(Draws(2), 40, traffic(order=order))
    plan.block(0, planned)
    first = data.draw(st.integers(0, planned))
    again = plan.block(first, planned - first + 100)
    at_once = rows(40, planned + 100, seed=2, order=order)
    assert np.array_equal(again.row, at_once.row[first:])
    assert np.array_equal(again.source, at_once.source[first:])


def test_how_far_a_plan_can_step_back_and_that_it_cannot_skip() -> None:
    plan = RowOrder(Draws(1), 40, traffic(repeat_rate=0.5, repeat_window=50_000))
    plan.block(0, 200_000)
    whole = rows(40, 200_000, repeat_rate=0.5, repeat_window=50_000)
    first = 200_000 - REWIND
    assert np.array_equal(plan.block(first, REWIND).source, whole.source[first:])
    with pytest.raises(ValueError, match="cannot go back"):
        plan.block(first - 1, 10)
    with pytest.raises(ValueError, match="cannot go on at 200001"):
        plan.block(200_001, 10)


def test_a_change_of_repeat_rate_counts_from_its_number_on() -> None:
    # given two thousand requests planned, when from 700 on nothing repeats
    plan = RowOrder(Draws(1), 100, traffic(repeat_rate=0.5))
    before = plan.block(0, 2_000)
    plan.change(700, traffic(repeat_rate=0))
    # then they must be planned anew from there, and earlier ones are as they were
    with pytest.raises(ValueError, match="planned up to 700"):
        plan.block(2_000, 10)
    after = plan.block(0, 2_000)
    assert np.array_equal(after.source[:700], before.source[:700])
    assert after.fresh[700:].all()
    # and the order goes on where it stood
    assert np.array_equal(after.row[after.fresh], np.arange(after.fresh.sum()) % 100)


def test_a_change_can_be_given_ahead_and_a_later_one_replaces_what_follows() -> None:
    plan = RowOrder(Draws(1), 100, traffic(repeat_rate=0))
    plan.change(50, traffic(repeat_rate=1))
    plan.change(80, traffic(repeat_rate=0))
    block = plan.block(0, 120)
    assert block.fresh.tolist() == [True] * 50 + [False] * 30 + [True] * 40
    plan.change(60, traffic(repeat_rate=0))
    assert plan.block(60, 60).fresh.all()


@settings(max_examples=50)
@given(
    forced_at=st.sets(st.integers(0, 2_499)),
    repeat_rate=st.sampled_from([0.0, 0.3]),
    order=orders,
    cut=st.integers(1, 2_499),
)
def test_a_forced_repeat_asks_what_the_request_before_asked(
    forced_at: set[int], repeat_rate: float, order: Order, cut: int
) -> None:
    plain = rows(60, 2_500, repeat_rate=repeat_rate, order=order)
    forced = np.zeros(2_500, dtype=np.bool_)
    forced[list(forced_at)] = True
    plan = RowOrder(Draws(1), 60, traffic(repeat_rate=repeat_rate, order=order))
    parts = [plan.block(0, cut, forced[:cut]), plan.block(cut, 2_500 - cut, forced[cut:])]
    source = np.concatenate([part.source for part in parts])
    row = np.concatenate([part.row for part in parts])
    fresh = np.concatenate([part.fresh for part in parts])
    here = np.flatnonzero(forced[1:]) + 1
    assert np.array_equal(source[here], source[here - 1])
    assert np.array_equal(row[here], row[here - 1])
    # and every question that is still new is the one it was without
    assert np.array_equal(fresh[1:], plain.fresh[1:] & ~forced[1:])
    assert fresh[0]
    assert np.array_equal(row[fresh], plain.row[fresh])


def test_two_plans_of_one_seed_agree_and_seeds_differ() -> None:
    assert same(rows(40, 3_000, order="shuffled"), rows(40, 3_000, order="shuffled"))
    assert not same(rows(40, 3_000, order="shuffled"), rows(40, 3_000, seed=2, order="shuffled"))


def test_no_rows_no_order() -> None:
    with pytest.raises(ValueError, match="no rows"):
        RowOrder(Draws(1), 0, traffic())


@pytest.mark.parametrize("order", ["in_order", "shuffled", "zipf"])
def test_many_requests_take_no_more_memory_than_a_few(order: Order) -> None:
    plan = RowOrder(Draws(1), 3, traffic(order=order))
    plan.block(0, 1_024)
    tracemalloc.start()
    for first in range(1_024, 400_000, 1_024):
        plan.block(first, 1_024)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000
