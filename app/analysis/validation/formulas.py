"""The formulas of the known results, with their sources. Arithmetic alone: nothing is run or measured here."""

from __future__ import annotations

from math import ceil, exp, log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def erlang_c(servers: int, load: float) -> float:
    """Probability that an arrival waits in M/M/c: c = `servers`, each busy for the share `load` (Erlang).

    By the recursion of Erlang B, B(c) = a B(c-1) / (c + a B(c-1)), then C = B / (1 - load (1 - B)).
    """
    offered = servers * load
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


def mmc_mean_wait_s(servers: int, load: float) -> float:
    """Mean wait in M/M/c of all arrivals, for a mean service of 1 s."""
    return erlang_c(servers, load) / (servers * (1 - load))


def mmc_tail(servers: int, load: float, wait_s: float) -> float:
    """P(W > t) in M/M/c = C exp(-(c mu - lambda) t), for a mean service of 1 s."""
    return erlang_c(servers, load) * exp(-servers * (1 - load) * wait_s)


def mm1_mean_wait_s(load: float) -> float:
    """Mean wait in M/M/1 for a mean service of 1 s."""
    return load / (1 - load)


def md1_mean_wait_s(load: float) -> float:
    """Mean wait in M/D/1 for a service of 1 s: half of M/M/1's (Pollaczek and Khinchine)."""
    return load / (2 * (1 - load))


def repairman(servers: int, users: int, think_s: float) -> tuple[float, float]:
    """Throughput per second and mean response in seconds of M/M/c//N: users think, then ask; a service takes 1 s on average.

    Of k users who wait or are served, p(k) is in proportion to N! / (N-k)! / think^k over the product of min(j, c) for
    j = 1 to k (the machine repairman; what mean value analysis gives exactly, M. Reiser and S. Lavenberg, 1980).
    """
    weights = [1.0]
    for k in range(1, users + 1):
        weights.append(weights[-1] * (users - k + 1) / think_s / min(k, servers))
    total = sum(weights)
    throughput = sum(min(k, servers) * weight for k, weight in enumerate(weights)) / total
    inside = sum(k * weight for k, weight in enumerate(weights)) / total
    return throughput, inside / throughput


def retry_attempts(failure: float, retries: int) -> float:
    """Expected attempts of a request when each fails independently: the sum of failure^k for k = 0 to `retries`."""
    if failure == 1:
        return retries + 1
    return (1 - failure ** (retries + 1)) / (1 - failure)


def budgeted_attempts(failure: float, deposit: float) -> float:
    """Expected attempts when retries live on what successes deposit: L = 1 + deposit (1 - f) L."""
    return 1 / (1 - deposit * (1 - failure))


def hedged_tail(time_s: float, after_s: float) -> float:
    """P(T > t) of the first of two answers that take Exp(1) each, the second asked for `after_s` later if none is there."""
    return exp(-time_s) if time_s <= after_s else exp(after_s - 2 * time_s)


def hedged_mean_s(after_s: float) -> float:
    """The mean of the same: the integral of its tail, 1 - e^-h / 2."""
    return 1 - exp(-after_s) / 2


def hedged_quantile_s(share: float, after_s: float) -> float:
    """The time by which `share` of them have answered."""
    left = 1 - share
    return -log(left) if left >= exp(-after_s) else (after_s - log(left)) / 2


def throttled_per_s(offered_per_s: float, accepted_per_s: float, k: float) -> float:
    """What adaptive throttling sends, in the steady state of its formula: k times what is accepted, and no more than is
    offered (Beyer et al., "Site Reliability Engineering", 2016, ch. 21)."""
    return min(offered_per_s, k * min(accepted_per_s, offered_per_s))


def zipf(items: int, skew: float) -> Floats:
    """Popularity of items by rank, summing to 1; shape (items,)."""
    weights = np.arange(1, items + 1, dtype=np.float64) ** -skew
    shares: Floats = weights / weights.sum()
    return shares


def che_hit_ratio(shares: Floats, capacity: int) -> float:
    """Hit ratio of an LRU cache under independent references (H. Che, Y. Tung, Z. Wang, IEEE JSAC 20, 2002).

    The characteristic time T solves sum(1 - exp(-p T)) = capacity; an approximation, good for many items.
    """
    low, high = 0.0, 1.0
    while _resident(shares, high) < capacity:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        if _resident(shares, middle) < capacity:
            low = middle
        else:
            high = middle
    return float(np.sum(shares * -np.expm1(-shares * high)))


def ttl_hit_ratio(shares: Floats, rate_per_s: float, ttl_s: float) -> float:
    """Hit ratio of a cache whose entries live `ttl_s` from the miss that brought them, and that never runs full.

    An item asked for at rate p lambda is found p lambda T times for each time it is missed (J. Jung, A. Berger,
    H. Balakrishnan, "Modeling TTL-based Internet caches", INFOCOM 2003).
    """
    found = shares * rate_per_s * ttl_s
    return float(np.sum(shares * found / (1 + found)))


def backlog_after_outage(rate_per_s: float, timeout_s: float, retries: int, outage_s: float) -> float:
    """Calls held back when an outage ends: those of the clients, and their retry i, which began i timeouts later."""
    return rate_per_s * sum(max(0.0, outage_s - retry * timeout_s) for retry in range(retries + 1))


def recovery_s(
    rate_per_s: float, served_per_s: float, timeout_s: float, retries: int, outage_s: float
) -> float | None:
    """How long after an outage, whose traffic is redelivered at its end, calls are in time again; None: never.

    While calls wait longer than their timeout each request makes all its retries, so the backlog changes by
    (retries + 1) lambda - mu; calls are in time when it is down to what is served in one timeout. (The model of
    N. Bronson et al., "Metastable failures in distributed systems", HotOS 2021, as a fluid.)
    """
    drains_per_s = served_per_s - (retries + 1) * rate_per_s
    too_many = backlog_after_outage(rate_per_s, timeout_s, retries, outage_s) - timeout_s * served_per_s
    if too_many <= 0:
        return 0.0
    return too_many / drains_per_s if drains_per_s > 0 else None


def stalled_quantile_s(
    share: float, *, requests: int, rate_per_s: float, stall_s: float, service_s: float
) -> float:
    """Nearest-rank quantile of latency when the server stands still for `stall_s` and arrivals are evenly spaced.

    The j-th request of the stall, counted from 0, waits stall_s - j / rate; all others are served at once.
    """
    slower = requests - ceil(share * requests)
    return max(0.0, stall_s - slower / rate_per_s) + service_s


def _resident(shares: Floats, time: float) -> float:
    return float(np.sum(-np.expm1(-shares * time)))
