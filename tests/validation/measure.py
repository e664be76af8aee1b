"""Runs the small scenarios of the known results through the real engine; hands out their rows as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.world import Row
from app.sessions.vocabulary import ATTEMPT_COLUMNS, CACHE, OUTCOMES, REQUEST_COLUMNS
from tests.harness import run
from tests.validation.known import (
    Comparison,
    Estimate,
    Known,
    batch_means,
    erlang_c,
    mmc_mean_wait_s,
    mmc_tail,
)

Ints = NDArray[np.int64]

_SCENARIO = """
title = "A known result"
seed = {seed}
duration_s = {duration_s}
drain_s = 86400
[tokens]
input_tokens = 1
output_sigma = 0
[targets.primary]
quality = 1
price = {{ input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }}
"""


@dataclass(frozen=True)
class Rows:
    """What a variant logged, in order of request: the columns that count here, by name."""

    requests: dict[str, Ints]
    attempts: dict[str, Ints]


def measure(tmp_path: Path, tables: str, *, seed: int, duration_s: float, rows: int = 1) -> Rows:
    """Run a scenario of one variant, `bare`, on data of so many `rows`. `tables` go on in the target's."""
    prompts = tmp_path / "prompts"
    prompts.mkdir(exist_ok=True)
    (prompts / "ask.j2").write_text("{{ question }}", encoding="utf-8")
    data = tmp_path / "data.csv"
    data.write_text(
        "question,number\n" + "".join(f"question {n},{n}\n" for n in range(rows)), encoding="utf-8"
    )
    text = _SCENARIO.format(seed=seed, duration_s=duration_s) + tables
    requests, attempts = run(text, data=data, prompts=prompts).rows("bare")
    return Rows(
        _columns(requests, REQUEST_COLUMNS, ("intended_us", "outcome", "attempts", "cache")),
        _columns(attempts, ATTEMPT_COLUMNS, ("started_us", "queued_us", "finished_us")),
    )


def _columns(rows: Sequence[Row], names: tuple[str, ...], wanted: tuple[str, ...]) -> dict[str, Ints]:
    places = [names.index(name) for name in ("key", *wanted)]
    table = np.array(list(map(itemgetter(*places), rows)), dtype=np.int64)
    table = table[np.argsort(table[:, 0])]
    return {name: table[:, column] for column, name in enumerate(wanted, start=1)}


# -- queues ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Queue:
    """A queue in front of `slots` servers, each busy for the share `load` on average; a service takes 1 s."""

    service: str
    slots: int
    load: float

    @property
    def rate_per_s(self) -> float:
        """Arrivals."""
        return self.slots * self.load

    def measure(self, tmp_path: Path, *, seed: int, requests: int) -> Rows:
        """Run it until about so many requests have arrived."""
        tables = f"""
service = "{self.service}"
service_s = 1
slots = {self.slots}
[traffic]
rate_per_s = {self.rate_per_s}
repeat_rate = 0
[variants.bare]
"""
        return measure(tmp_path, tables, seed=seed, duration_s=requests / self.rate_per_s)

    def mean(self, rows: Rows, series: Any, known: Known) -> Comparison:
        """Mean of a series that is alike for all requests in the steady state.

        The first twentieth is left out: the queue starts empty. Luck in gaps and services is taken out.
        """
        attempts = rows.attempts
        warm = len(series) // 20
        gaps = np.diff(attempts["started_us"], prepend=0) / 1e6
        services = (attempts["finished_us"] - attempts["started_us"] - attempts["queued_us"]) / 1e6
        controls = [(gaps[warm:], 1 / self.rate_per_s)]
        if self.service != "constant":
            controls.append((services[warm:], 1.0))
        return Comparison(known, batch_means(series[warm:], controls=controls))


def waits_of(rows: Rows) -> NDArray[np.float64]:
    """Time spent in the provider's queue, in seconds."""
    waits: NDArray[np.float64] = rows.attempts["queued_us"] / 1e6
    return waits


def erlang_rows(queue: Queue, rows: Rows, precision: float) -> list[Comparison]:
    """M/M/c: waiting probability, mean wait, and the tail at the mean wait of those who wait."""
    name = f"M/M/{queue.slots}, load {queue.load:g}"
    c, load = queue.slots, queue.load
    waits = waits_of(rows)
    tail_s = 1 / (c * (1 - load))
    return [
        queue.mean(rows, waits > 0, Known(f"{name}: P(wait)", erlang_c(c, load), precision)),
        queue.mean(rows, waits, Known(f"{name}: mean wait, s", mmc_mean_wait_s(c, load), precision)),
        queue.mean(
            rows,
            waits > tail_s,
            Known(f"{name}: P(wait > {tail_s:g} s)", mmc_tail(c, load, tail_s), precision),
        ),
    ]


# -- retries ---------------------------------------------------------------------------------------------


def retry_tables(failure: float, max_retries: int, more: str = "") -> str:
    """Independent failures, and a variant that retries them at once."""
    return f"""
service = "constant"
service_s = 0.01
slots = 100000
[traffic]
rate_per_s = 100
repeat_rate = 0
[[faults]]
kind = "server_error"
rate = {failure}
[[variants.bare.safeguards]]
kind = "retry"
max_retries = {max_retries}
base_s = 0
{more}
"""


EMPTY_BUDGET = """
[[variants.bare.safeguards]]
kind = "retry_budget"
ratio = 0.1
min_per_s = 0
max_tokens = 1000
starts_full = false
"""


def answered(rows: Rows) -> NDArray[np.bool_]:
    """Which requests got an answer."""
    got: NDArray[np.bool_] = rows.requests["outcome"] != OUTCOMES.index("failed")
    return got


# -- caches ----------------------------------------------------------------------------------------------

HIT = CACHE.index("hit")


def cache_tables(skew: float, capacity: int) -> str:
    """Independent references by popularity, and a cache that forgets only for want of room.

    A call is over before the next request comes.
    """
    return f"""
service = "constant"
service_s = 0.001
[traffic]
arrivals = "constant"
rate_per_s = 100
repeat_rate = 0
order = "zipf"
skew = {skew}
same_row_same_question = true
[[variants.bare.safeguards]]
kind = "cache"
ttl_s = 1e9
max_entries = {capacity}
single_flight = false
"""


def hits_of(rows: Rows, warm: int) -> NDArray[np.bool_]:
    """Which requests the cache answered, once it is warm."""
    hits: NDArray[np.bool_] = rows.requests["cache"][warm:] == HIT
    return hits


# -- arrivals --------------------------------------------------------------------------------------------


def arrival_rows(rows: Rows, rate_per_s: float, precision: float = 0.02) -> list[Comparison]:
    """Poisson arrivals: mean gap, coefficient of variation, index of dispersion of counts, lag-1 correlation.

    Standard errors are those of exponential gaps: 1/sqrt(n) for the coefficient of variation and for the
    correlation, sqrt(2 / (w - 1)) for the index of dispersion over w windows. The correlation is compared as
    1 + r with 1.
    """
    at_s = rows.requests["intended_us"] / 1e6
    gaps = np.diff(at_s)
    n = len(gaps)
    centred = gaps - gaps.mean()
    lag_1 = float(centred[1:] @ centred[:-1] / (centred @ centred))
    window_s = 10 / rate_per_s
    windows = int(at_s[-1] / window_s)
    counts = np.bincount((at_s / window_s).astype(np.int64))[:windows]
    dispersion = float(counts.var(ddof=1) / counts.mean())
    name = f"Poisson, {rate_per_s:g}/s"
    measured = [
        ("mean gap times rate", float(gaps.mean()) * rate_per_s, 1 / sqrt(n)),
        ("gap CV", float(gaps.std(ddof=1) / gaps.mean()), 1 / sqrt(n)),
        ("index of dispersion", dispersion, sqrt(2 / (windows - 1))),
        ("1 + lag-1 correlation", 1 + lag_1, 1 / sqrt(n)),
    ]
    return [
        Comparison(Known(f"{name}: {what}", 1.0, precision), Estimate(mean, err))
        for what, mean, err in measured
    ]
