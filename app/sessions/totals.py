"""What a run's rows come to, for a bucket of time or for the whole run: read from rollups, merged, shown.

It makes Totals of stored rollups and of raw rows; which of them to add up is `reader`'s to know, and what a
number means (rates, cost per good answer) is the analysis package's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from app.sessions.flat_rows import FlatRows
from app.sessions.histogram import Histogram
from app.sessions.histogram_groups import merged_groups
from app.sessions.recount import CACHED
from app.sessions.schema import COUNTS, HISTOGRAMS
from app.sessions.tally import of_requests, rows_of
from app.sessions.vocabulary import OUTCOMES, SERVED_BY

TOTALS_COLUMNS: Final = (*COUNTS, *HISTOGRAMS, "faults")
"""The columns of `rollup_log` that a Totals is made of."""
_NUMBERS: Final = (
    *("offered", "requests", "served_retried", "attempts", "retries"),
    *("input_tokens", "output_tokens", "cost_pico"),
    *("token_gaps", "token_gaps_us"),
)
"""The counts that are fields of a Totals by themselves."""


@dataclass(frozen=True)
class Totals:
    """Counts, tokens, money in picodollars and histograms in microseconds.

    `outcomes` and `served_by` have an entry for every word of the vocabulary, `faults` for every kind that
    occurred; `served_retried` are those that the primary or a hedge served after a retry. `latency` covers all
    finished requests, `answer` the same with those that failed as infinite, `service` counts from the first send,
    `ttft` from intended arrival to the first token, where there was one, and `tpot` has of each answer that a call gave
    the mean gap between its tokens; `token_gaps` are all these gaps, `token_gaps_us` their sum. `cache` counts requests by
    what the cache did (miss, hit, shared, stale) and those whose answer put another out (evicted).
    """

    offered: int
    requests: int
    outcomes: Mapping[str, int]
    served_by: Mapping[str, int]
    served_retried: int
    attempts: int
    retries: int
    input_tokens: int
    output_tokens: int
    cost_pico: int
    token_gaps: int
    token_gaps_us: int
    cache: Mapping[str, int]
    faults: Mapping[str, int]
    latency: Histogram
    answer: Histogram
    service: Histogram
    ttft: Histogram
    tpot: Histogram

    @classmethod
    def of_rows(cls, rows: Sequence[Sequence[Any]]) -> Totals:
        """Rows of the values of TOTALS_COLUMNS, added up."""
        return cls.of_groups(rows, (0, len(rows)))[0]

    @classmethod
    def of_groups(cls, rows: Sequence[Sequence[Any]], edges: Sequence[int]) -> list[Totals]:
        """Rows of the values of TOTALS_COLUMNS added up by group, of `rows[edges[0]:edges[1]]` first: one less than
        edges."""
        if not rows:
            return [EMPTY] * (len(edges) - 1)
        columns: dict[str, Sequence[Any]] = dict(zip(TOTALS_COLUMNS, zip(*rows, strict=True), strict=True))
        histograms = [merged_groups(columns[name], edges) for name in HISTOGRAMS]
        made = []
        for (first, end), *kinds in zip(pairwise(edges), *histograms, strict=True):
            count = {name: sum(columns[name][first:end]) for name in COUNTS}
            made.append(
                cls(
                    outcomes={name: count[f"outcome_{name}"] for name in OUTCOMES},
                    served_by={name: count[f"served_{name}"] for name in SERVED_BY},
                    cache={name.removeprefix("cache_"): count[name] for name in CACHED},
                    faults=_added(json.loads(each) for each in columns["faults"][first:end] if each != "{}"),
                    **{name: count[name] for name in _NUMBERS},
                    **dict(zip(HISTOGRAMS, kinds, strict=True)),
                )
            )
        return made

    @classmethod
    def of_requests(cls, rows: FlatRows) -> Totals:
        """From request rows. Nothing is offered and no fault occurs in them: those are not theirs to
        tell."""
        if not rows:
            return EMPTY
        whole = of_requests(rows)
        (row,) = rows_of(whole.coarser(int(whole.bucket[-1]) + 1).collapsed(), (), lambda _: "")
        return cls.of_rows([row[1:]])  # without the bucket

    @classmethod
    def merged(cls, parts: Iterable[Totals]) -> Totals:
        """All of `parts` added up."""
        every = list(parts)
        numbers = {name: sum(getattr(part, name) for part in every) for name in _NUMBERS}
        histograms: dict[str, Any] = {
            name: Histogram.merged(getattr(part, name) for part in every) for name in HISTOGRAMS
        }
        return cls(
            outcomes={name: sum(part.outcomes[name] for part in every) for name in OUTCOMES},
            served_by={name: sum(part.served_by[name] for part in every) for name in SERVED_BY},
            cache={
                word: sum(part.cache[word] for part in every)
                for word in (name.removeprefix("cache_") for name in CACHED)
            },
            faults=_added(part.faults for part in every),
            **numbers,
            **histograms,
        )


@dataclass(frozen=True)
class Rollup:
    """What happened from `bucket * step_s` to `(bucket + 1) * step_s` seconds after the run's start."""

    step_s: int
    bucket: int
    totals: Totals


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    added: Counter[str] = Counter()
    for each in counts:
        added.update(each)
    return dict(added)


EMPTY: Final = Totals.merged(())
