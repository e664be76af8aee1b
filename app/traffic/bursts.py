"""Bursts that come and go by chance: with Poisson arrivals a Markov-modulated Poisson process of two states.

The state's history is keyed by the number of the stay, so that it does not depend on rates, and a longer run only
goes on. Theory: Fischer and Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook", Performance
Evaluation 18 (1993).
"""

from __future__ import annotations

import numpy as np

from app.engine.draws import BLOCK, Draws
from app.traffic.settings import Bursts, Steps


def burst_steps(draws: Draws, bursts: Bursts, until_us: int) -> Steps:
    """The factor on the rate over time, up to `until_us`; from there on the last step's holds.

    Stays are exponential; the run begins within a stay of the state's long-run share, as if the process had gone on
    for ever.
    """
    share = bursts.mean_burst_s / (bursts.mean_burst_s + bursts.mean_quiet_s)
    in_burst = draws.one("traffic.burst.first", None, 0) < share
    means_us = np.array([bursts.mean_burst_s, bursts.mean_quiet_s])[:: 1 if in_burst else -1] * 1e6
    parts = [np.zeros(1)]
    first = 0
    while parts[-1][-1] < until_us:
        stays = np.arange(first, first + BLOCK)
        lengths = -np.log1p(-draws.block("traffic.burst", None, first, BLOCK)) * means_us[stays % 2]
        parts.append(np.cumsum(np.concatenate([parts[-1][-1:], lengths]))[1:])
        first += BLOCK
    edges = np.floor(np.concatenate(parts))
    edges = edges[: max(1, int(np.searchsorted(edges, until_us)))]
    # A stay of less than a microsecond is none.
    kept = np.append(np.diff(edges) > 0, True)
    factors = np.where((np.arange(len(edges)) % 2 == 0) == in_burst, bursts.burst_factor, bursts.quiet_factor)
    return edges[kept], factors[kept]
