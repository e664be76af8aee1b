"""The known results notice mistakes: each deliberate one, of the size of an off-by-one, makes its row fail.

Patching the class under test is the point here. Runs are shorter than those that prove the results; a mutant
must fail by z, not for want of precision.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.analysis.validation.arrivals import PoissonArrivals
from app.analysis.validation.backoff import Backoff, Kind
from app.analysis.validation.caches import LRUCache, TTLCache
from app.analysis.validation.clients import AdaptiveThrottling, ClientQueue, Hedging
from app.analysis.validation.closed import MachineRepairman
from app.analysis.validation.incidents import BreakerTimes, Stall
from app.analysis.validation.limits import TokenBucket
from app.analysis.validation.metastable import Metastable
from app.analysis.validation.queues import MD1, ErlangC
from app.analysis.validation.retries import LayeredRetries, Retries, RetryTokenBucket
from app.analysis.validation.statistics import Z_LIMIT, Comparison
from app.engine.attempt_plans import AttemptPlans
from app.engine.draws import Column, Draws, Role
from app.engine.rows import Row, RowMaker
from app.engine.users import ClosedLoop, Coming
from app.providers.profile import Target
from app.providers.quota import Quota
from app.providers.simulated import SimulatedProvider
from app.safeguards.adaptive_throttle import AdaptiveThrottleLayer
from app.safeguards.breaker import HALF_OPEN, OPEN, BreakerLayer, Circuit
from app.safeguards.cache import CacheLayer
from app.safeguards.commands import Attempt
from app.safeguards.concurrency import Places
from app.safeguards.errors import CallError
from app.safeguards.hedge import HedgeLayer
from app.safeguards.request import Request
from app.safeguards.retry import RetryLayer
from app.safeguards.retry_budget import RetryBudgetLayer
from app.sessions.vocabulary import REQUEST_COLUMNS

LOOSE = 1.0
"""Precision of a short run: whatever it is, so that only z decides."""


def test_nothing_fails_without_a_mutant() -> None:
    rows = [
        *_erlang(),
        _khinchine(),
        _retries(),
        _budget(),
        _lru(),
        *_arrivals(),
        *_backoff("full"),
        *_backoff("decorrelated"),
        *_closed(),
        *_client_queue(),
        *_hedging(),
    ]
    assert [str(row) for row in rows if not row.passed] == []


@pytest.mark.parametrize("by", [-1, 1])
def test_a_slot_too_few_or_too_many(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    _change_slots(monkeypatch, by)
    waiting, mean_wait, _ = _erlang()
    assert _fails(waiting)
    assert _fails(mean_wait)


def test_last_in_first_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a queue that serves the latest first: the mean wait is the same, and the tail is not
    _after_init(monkeypatch, SimulatedProvider, lambda provider: setattr(provider, "queue", _Stack()))
    waiting, _, tail = _erlang()
    assert not _fails(waiting)
    assert _fails(tail)


def test_services_three_percent_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    init: Any = AttemptPlans.__init__

    def mistaken(self: AttemptPlans, name: str, target: Target, *rest: Any, **more: Any) -> None:
        longer = target.model_copy(update={"service_s": 1.03 * target.service_s})
        init(self, name, longer, *rest, **more)

    monkeypatch.setattr(AttemptPlans, "__init__", mistaken)
    assert _fails(_khinchine())


def test_two_servers_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _change_slots(monkeypatch, 1)
    assert _fails(_khinchine())


def test_one_retry_more(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, RetryLayer, lambda layer: setattr(layer, "max_retries", layer.max_retries + 1))
    assert _fails(_retries())


def test_retries_that_share_the_first_call_s_luck(monkeypatch: pytest.MonkeyPatch) -> None:
    key = Draws.key

    def mistaken(self: Draws, purpose: str, role: Role | None = None) -> int:
        return key(self, purpose, role and role._replace(retry=0))

    monkeypatch.setattr(Draws, "key", mistaken)
    assert _fails(_retries())


def test_a_deposit_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, RetryBudgetLayer, lambda layer: setattr(layer, "deposit", 2 * layer.deposit))
    assert _fails(_budget())


def test_a_retry_that_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryBudgetLayer, "withdraw", lambda _layer, _now: True)
    assert _fails(_budget())


@pytest.mark.parametrize("kind", ["full", "decorrelated"])
def test_jitter_missing(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    _after_init(monkeypatch, RetryLayer, lambda layer: setattr(layer, "jitter", "none"))
    assert all(_fails(row) for row in _backoff(kind))


def test_jitter_alike_for_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryLayer, "_column", lambda *_: _Always(0.5))
    assert all(_fails(row) for row in _backoff("full"))


def test_decorrelated_jitter_that_forgets_its_last_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    backoff = RetryLayer._backoff_us
    monkeypatch.setattr(
        RetryLayer,
        "_backoff_us",
        lambda layer, request, made, _last: backoff(layer, request, made, layer.base_us),
    )
    assert any(_fails(row) for row in _backoff("decorrelated"))


def test_users_who_do_not_wait_for_their_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given users who think of the next question as soon as they have asked
    arrive = ClosedLoop._arrive

    def mistaken(self: ClosedLoop, coming: Coming) -> None:
        arrive(self, coming)
        self._think(coming[0])

    monkeypatch.setattr(ClosedLoop, "_arrive", mistaken)
    monkeypatch.setattr(ClosedLoop, "answered", lambda _loop, _number: None)
    assert all(_fails(row) for row in _closed())


def test_users_who_think_a_tenth_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def longer(loop: ClosedLoop) -> None:
        loop._users = loop._users.model_copy(update={"think_s": 1.1 * loop._users.think_s})

    _after_init(monkeypatch, ClosedLoop, longer)
    assert any(_fails(row) for row in _closed())


def test_first_in_first_out_where_the_least_recently_used_should_go(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, CacheLayer, lambda layer: setattr(layer, "entries", _InOrderOfEntry()))
    assert _fails(_lru())


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_cache_a_tenth_too_small_or_large(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    _after_init(
        monkeypatch,
        CacheLayer,
        lambda layer: setattr(layer, "max_entries", round(layer.max_entries * factor)),
    )
    assert _fails(_lru())


def test_every_gap_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given gaps that are each exponential, and not independent
    _mutate_gaps(monkeypatch, lambda draws: np.repeat(draws[::2], 2))
    mean, _, dispersion, lag_1 = _arrivals()
    assert not _fails(mean)
    assert _fails(dispersion)
    assert _fails(lag_1)


def test_gaps_that_are_no_exponentials(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given uniform gaps with the right mean
    _mutate_gaps(monkeypatch, lambda draws: -np.expm1(-2 * draws))
    mean, variation, *_ = _arrivals()
    assert not _fails(mean)
    assert _fails(variation)


def test_entries_that_live_a_tenth_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, CacheLayer, lambda layer: setattr(layer, "ttl_us", layer.ttl_us * 11 // 10))
    (hits,) = TTLCache(ttl_s=60, seed=57, requests=38_000, precision=LOOSE).rows()
    assert _fails(hits)


def test_a_quota_that_holds_one_call_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    init = Quota.__init__

    def mistaken(self: Quota, per_minute: float, burst_s: float, *rest: Any) -> None:
        init(self, per_minute, burst_s + 60 / per_minute, *rest)

    monkeypatch.setattr(Quota, "__init__", mistaken)
    assert _fails(TokenBucket(rpm=600, period_s=10, seed=58).rows()[0])


def test_a_layer_that_tries_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, RetryLayer, lambda layer: setattr(layer, "max_retries", layer.max_retries + 1))
    assert _fails(LayeredRetries(tries=2, layers=2).rows()[0])


def test_a_breaker_one_probe_short(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(
        monkeypatch, BreakerLayer, lambda layer: setattr(layer, "half_open_calls", layer.half_open_calls - 1)
    )
    assert any(_fails(row) for row in BreakerTimes().rows())


def test_a_breaker_that_never_half_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Circuit.turn

    def mistaken(self: Circuit, state: int) -> None:
        turn(self, OPEN if state == HALF_OPEN else state)

    monkeypatch.setattr(Circuit, "turn", mistaken)
    assert any(_fails(row) for row in BreakerTimes().rows())


def test_a_bucket_that_is_filled_twice_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    init = Quota.__init__

    def mistaken(self: Quota, per_minute: float, burst_s: float, *rest: Any) -> None:
        init(self, 2 * per_minute, burst_s / 2, *rest)

    monkeypatch.setattr(Quota, "__init__", mistaken)
    assert any(_fails(row) for row in TokenBucket(rpm=600, period_s=10, seed=58).rows())


@pytest.mark.parametrize("rpm", [1, 500, 600])
@pytest.mark.parametrize(
    ("faster", "larger"), [(1.1, 1), (0.9, 1), (1, 2), (1, 0.5)], ids=["fast", "slow", "large", "small"]
)
def test_a_bucket_filled_a_tenth_too_fast_or_slow_or_of_another_size(
    monkeypatch: pytest.MonkeyPatch, rpm: float, faster: float, larger: float
) -> None:
    init = Quota.__init__
    case = TokenBucket(rpm=rpm, period_s=10, seed=58)
    assert not any(_fails(row) for row in case.rows())

    def mistaken(self: Quota, per_minute: float, burst_s: float, *rest: Any) -> None:
        init(self, per_minute * faster, burst_s * larger / faster, *rest)

    monkeypatch.setattr(Quota, "__init__", mistaken)
    assert any(_fails(row) for row in case.rows())


def test_a_cache_whose_entries_never_die(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, CacheLayer, lambda layer: setattr(layer, "ttl_us", 1 << 60))
    (hits,) = TTLCache(ttl_s=60, seed=57, requests=38_000, precision=LOOSE).rows()
    assert _fails(hits)


def test_a_client_s_queue_that_serves_the_latest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, Places, lambda places: setattr(places, "queue", _LatestFirst()))
    waiting, _, _, tail = _client_queue()
    assert not _fails(waiting)
    assert _fails(tail)


def test_latency_from_the_send_instead_of_the_intended_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    request_row = RowMaker.request
    intended = REQUEST_COLUMNS.index("intended_us")

    def mistaken(self: RowMaker, request: Request, *rest: Any) -> Row:
        row = list(request_row(self, request, *rest))
        row[intended] = request.attempts[0].started_us
        return tuple(row)

    monkeypatch.setattr(RowMaker, "request", mistaken)
    wait, _, latency, _ = _client_queue()
    assert _fails(wait)
    assert _fails(latency)


def test_a_hedge_whose_loser_is_not_billed(monkeypatch: pytest.MonkeyPatch) -> None:
    abandon = SimulatedProvider.abandon

    def mistaken(self: SimulatedProvider, attempt: Attempt, error: CallError) -> None:
        with monkeypatch.context() as unbilled:
            unbilled.setattr(SimulatedProvider, "_bill", lambda _self, _attempt: None)
            abandon(self, attempt, error)

    monkeypatch.setattr(SimulatedProvider, "abandon", mistaken)
    _, billed, *_ = _hedging()
    assert _fails(billed)


def test_a_hedge_that_waits_for_the_one_it_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, HedgeLayer, lambda layer: setattr(layer, "after_us", layer.after_us * 11 // 10))
    assert _fails(_hedging()[0])


def test_throttling_that_forgets_its_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, AdaptiveThrottleLayer, lambda layer: setattr(layer, "k", 1.0))
    assert _fails(AdaptiveThrottling(k=2, window_s=20, seed=87, precision=LOOSE).rows()[0])


def test_a_breaker_that_opens_a_tenth_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    _after_init(monkeypatch, BreakerLayer, lambda layer: setattr(layer, "open_us", layer.open_us * 11 // 10))
    assert any(_fails(row) for row in BreakerTimes().rows())


def test_a_server_that_stops_when_its_client_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a server that leaves off although it is told to finish: nothing is metastable
    _change_target(monkeypatch, lambda _: {"on_cancel": "stop"})
    assert _fails(Metastable(rate_per_s=155).rows()[0])


def test_a_server_that_serves_on_while_it_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        SimulatedProvider,
        "_wait_out",
        lambda provider, _standstill, attempt: provider._serve(attempt, attempt.started_us),
    )
    assert any(_fails(row) for row in Stall().rows())


# -- the rows, shorter -----------------------------------------------------------------------------------


def _erlang() -> list[Comparison]:
    mean_wait, waiting, tail = ErlangC(c=10, rho=0.8, seed=51, requests=25_000, precision=LOOSE).rows()
    return [waiting, mean_wait, tail]


def _khinchine() -> Comparison:
    (mean_wait,) = MD1(rho=0.8, seed=52, requests=40_000, precision=LOOSE).rows()
    return mean_wait


def _retries() -> Comparison:
    return Retries(failure_rate=0.5, max_retries=3, seed=53, requests=10_000, precision=LOOSE).rows()[0]


def _budget() -> Comparison:
    return RetryTokenBucket(failure_rate=0.5, seed=54, requests=10_000, precision=LOOSE).rows()[0]


def _backoff(kind: Kind) -> list[Comparison]:
    return Backoff(jitter=kind, seed=59, requests=1000, precision=LOOSE).rows()


def _closed() -> list[Comparison]:
    return MachineRepairman(c=2, users=10, think_s=5, seed=60, requests=12_000, precision=LOOSE).rows()


def _lru() -> Comparison:
    (hits,) = LRUCache(items=1000, skew=1, capacity=100, seed=55, requests=38_000, precision=LOOSE).rows()
    return hits


def _client_queue() -> list[Comparison]:
    return ClientQueue(c=10, rho=0.8, seed=82, requests=25_000, precision=LOOSE).rows()


def _hedging() -> list[Comparison]:
    return Hedging(seed=83, requests=20_000, precision=LOOSE).rows()


def _arrivals() -> list[Comparison]:
    return PoissonArrivals(rate_per_s=100, seed=56, requests=20_000, precision=LOOSE).rows()


# -- tools -----------------------------------------------------------------------------------------------


def _fails(row: Comparison) -> bool:
    return abs(row.z) >= Z_LIMIT


def _change_slots(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    _change_target(monkeypatch, lambda target: {"slots": target.slots + by})


def _change_target(monkeypatch: pytest.MonkeyPatch, changes: Callable[[Target], dict[str, Any]]) -> None:
    configure = SimulatedProvider.configure

    def mistaken(self: SimulatedProvider, target: Target, *rest: Any) -> None:
        configure(self, target.model_copy(update=changes(target)), *rest)

    monkeypatch.setattr(SimulatedProvider, "configure", mistaken)


def _after_init(monkeypatch: pytest.MonkeyPatch, cls: type, spoil: Any) -> None:
    init: Any = cls.__init__  # type: ignore[misc]

    def mistaken(self: Any, *arguments: Any) -> None:
        init(self, *arguments)
        spoil(self)

    monkeypatch.setattr(cls, "__init__", mistaken)


def _mutate_gaps(monkeypatch: pytest.MonkeyPatch, spoil: Any) -> None:
    of = Draws.of

    def mistaken(
        self: Draws, purpose: str, role: Role | None, entities: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        draws = of(self, purpose, role, entities)
        return spoil(draws) if purpose == "traffic.gap" else draws

    monkeypatch.setattr(Draws, "of", mistaken)


class _Always(Column):
    """Draws that are all the same."""

    __slots__ = ("_draw",)

    def __init__(self, draw: float) -> None:
        self._draw = draw

    def __getitem__(self, _entity: int) -> float:
        return self._draw


class _Stack(deque[Attempt]):
    """A queue that gives the latest first."""

    def popleft(self) -> Attempt:
        return self.pop()


class _LatestFirst(OrderedDict[Any, Any]):
    """A queue that gives the latest first."""

    def popitem(self, last: bool = True) -> tuple[Any, Any]:
        return super().popitem(last=True)


class _InOrderOfEntry(OrderedDict[Any, Any]):
    """Entries that do not notice being used."""

    def move_to_end(self, key: Any, last: bool = True) -> None:
        pass
