"""The known results notice mistakes: each deliberate one, of the size of an off-by-one, makes its row fail.

Patching the class under test is the point here. Runs are shorter than those that prove the results; a mutant
must fail by z, not for want of precision.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.engine.attempt_plans import AttemptPlans
from app.engine.draws import Draws, Role
from app.providers.profile import Target
from app.providers.simulated import SimulatedProvider
from app.safeguards.cache import CacheLayer
from app.safeguards.commands import Attempt
from app.safeguards.retry import RetryLayer
from app.safeguards.retry_budget import RetryBudgetLayer
from tests.validation import measure
from tests.validation.known import (
    Z_LIMIT,
    Comparison,
    Known,
    batch_means,
    budgeted_attempts,
    che_hit_ratio,
    md1_mean_wait_s,
    retry_attempts,
    zipf,
)
from tests.validation.measure import Queue

LOOSE = 10.0
"""Precision of a short run: whatever it is, so that only z decides."""


def test_nothing_fails_without_a_mutant(tmp_path: Path) -> None:
    rows = [
        *_erlang(tmp_path),
        _khinchine(tmp_path),
        _retries(tmp_path),
        _budget(tmp_path),
        _lru(tmp_path),
        *_arrivals(tmp_path),
    ]
    assert [str(row) for row in rows if not row.passed] == []


@pytest.mark.parametrize("by", [-1, 1])
def test_a_slot_too_few_or_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    _change_slots(monkeypatch, by)
    waiting, mean_wait, _ = _erlang(tmp_path)
    assert _fails(waiting)
    assert _fails(mean_wait)


def test_last_in_first_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a queue that serves the latest first: the mean wait is the same, and the tail is not
    _after_init(monkeypatch, SimulatedProvider, lambda provider: setattr(provider, "queue", _Stack()))
    waiting, _, tail = _erlang(tmp_path)
    assert not _fails(waiting)
    assert _fails(tail)


def test_services_three_percent_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init: Any = AttemptPlans.__init__

    def mistaken(self: AttemptPlans, name: str, target: Target, *rest: Any) -> None:
        init(self, name, target.model_copy(update={"service_s": 1.03 * target.service_s}), *rest)

    monkeypatch.setattr(AttemptPlans, "__init__", mistaken)
    assert _fails(_khinchine(tmp_path))


def test_two_servers_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _change_slots(monkeypatch, 1)
    assert _fails(_khinchine(tmp_path))


def test_one_retry_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, RetryLayer, lambda layer: setattr(layer, "max_retries", layer.max_retries + 1))
    assert _fails(_retries(tmp_path))


def test_retries_that_share_the_first_call_s_luck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Draws.key

    def mistaken(self: Draws, purpose: str, role: Role | None = None) -> int:
        return key(self, purpose, role and role._replace(retry=0))

    monkeypatch.setattr(Draws, "key", mistaken)
    assert _fails(_retries(tmp_path))


def test_a_deposit_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, RetryBudgetLayer, lambda layer: setattr(layer, "deposit", 2 * layer.deposit))
    assert _fails(_budget(tmp_path))


def test_a_retry_that_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryBudgetLayer, "withdraw", lambda _layer, _now: True)
    assert _fails(_budget(tmp_path))


def test_first_in_first_out_where_the_least_recently_used_should_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _after_init(monkeypatch, CacheLayer, lambda layer: setattr(layer, "entries", _InOrderOfEntry()))
    assert _fails(_lru(tmp_path))


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_cache_a_tenth_too_small_or_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    _after_init(
        monkeypatch,
        CacheLayer,
        lambda layer: setattr(layer, "max_entries", round(layer.max_entries * factor)),
    )
    assert _fails(_lru(tmp_path))


def test_every_gap_used_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given gaps that are each exponential, and not independent
    _mutate_gaps(monkeypatch, lambda draws: np.repeat(draws[::2], 2))
    mean, _, dispersion, lag_1 = _arrivals(tmp_path)
    assert not _fails(mean)
    assert _fails(dispersion)
    assert _fails(lag_1)


def test_gaps_that_are_no_exponentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given uniform gaps with the right mean
    _mutate_gaps(monkeypatch, lambda draws: -np.expm1(-2 * draws))
    mean, variation, *_ = _arrivals(tmp_path)
    assert not _fails(mean)
    assert _fails(variation)


# -- the rows, shorter -----------------------------------------------------------------------------------


def _erlang(tmp_path: Path) -> list[Comparison]:
    queue = Queue("exponential", 10, 0.8)
    return measure.erlang_rows(queue, queue.measure(tmp_path, seed=51, requests=25_000), LOOSE)


def _khinchine(tmp_path: Path) -> Comparison:
    queue = Queue("constant", 1, 0.8)
    rows = queue.measure(tmp_path, seed=52, requests=40_000)
    return queue.mean(rows, measure.waits_of(rows), Known("M/D/1", md1_mean_wait_s(0.8), LOOSE))


def _retries(tmp_path: Path) -> Comparison:
    rows = measure.measure(tmp_path, measure.retry_tables(0.5, 3), seed=53, duration_s=100)
    return Comparison(
        Known("attempts", retry_attempts(0.5, 3), LOOSE), batch_means(rows.requests["attempts"])
    )


def _budget(tmp_path: Path) -> Comparison:
    tables = measure.retry_tables(0.5, 3, measure.EMPTY_BUDGET)
    rows = measure.measure(tmp_path, tables, seed=54, duration_s=100)
    return Comparison(
        Known("load", budgeted_attempts(0.5, 0.1), LOOSE), batch_means(rows.requests["attempts"])
    )


def _lru(tmp_path: Path) -> Comparison:
    rows = measure.measure(tmp_path, measure.cache_tables(1.0, 100), seed=55, duration_s=400, rows=1000)
    return Comparison(
        Known("LRU", che_hit_ratio(zipf(1000, 1.0), 100), LOOSE, bias=0.0005),
        batch_means(measure.hits_of(rows, 2000)),
    )


def _arrivals(tmp_path: Path) -> list[Comparison]:
    rows = measure.measure(tmp_path, measure.retry_tables(0, 0), seed=56, duration_s=200)
    return measure.arrival_rows(rows, 100, LOOSE)


# -- tools -----------------------------------------------------------------------------------------------


def _fails(row: Comparison) -> bool:
    return abs(row.z) >= Z_LIMIT


def _change_slots(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    configure = SimulatedProvider.configure

    def mistaken(self: SimulatedProvider, target: Target, *rest: Any) -> None:
        configure(self, target.model_copy(update={"slots": target.slots + by}), *rest)

    monkeypatch.setattr(SimulatedProvider, "configure", mistaken)


def _after_init(monkeypatch: pytest.MonkeyPatch, cls: type, spoil: Any) -> None:
    init: Any = cls.__init__  # type: ignore[misc]

    def mistaken(self: Any, *arguments: Any) -> None:
        init(self, *arguments)
        spoil(self)

    monkeypatch.setattr(cls, "__init__", mistaken)


def _mutate_gaps(monkeypatch: pytest.MonkeyPatch, spoil: Any) -> None:
    block = Draws.block

    def mistaken(self: Draws, purpose: str, role: Role | None, first: int, count: int) -> NDArray[np.float64]:
        draws = block(self, purpose, role, first, count)
        return spoil(draws) if purpose == "traffic.gap" else draws

    monkeypatch.setattr(Draws, "block", mistaken)


class _Stack(deque[Attempt]):
    """A queue that gives the latest first."""

    def popleft(self) -> Attempt:
        return self.pop()


class _InOrderOfEntry(OrderedDict[Any, Any]):
    """Entries that do not notice being used."""

    def move_to_end(self, key: Any, last: bool = True) -> None:
        pass
