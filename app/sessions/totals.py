"""What a run's rows come to, for a bucket of time or for the whole run: read from rollups, merged, shown.

It makes Totals of stored rollups and of raw rows; which of them to add up is `reader`'s to know, and what a
number means (rates, cost per good answer) is the analysis package's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.sessions.histogram import Histogram
from app.sessions.schema import COUNTS, HISTOGRAMS
from app.sessions.tally import of_requests, rows_of
from app.sessions.vocabulary import OUTCOMES, SERVED_BY

TOTALS_COLUMNS: Final = (*COUNTS, *HISTOGRAMS, "faults")
"""The columns of `rollup_log` that a Totals is made of."""


@dataclass(frozen=True)
class Totals:
    """Counts, tokens, money in picodollars and histograms in microseconds.

    `outcomes` and `served_by` have an entry for every word of the vocabulary, `faults` for every kind that
    occurred. `latency` covers all finished requests, `answer` the same with those that failed as infinite,
    `service` counts from the first send, `ttft` from intended arrival to the first token, where there was
    one.
    """

    offered: int
    requests: int
    outcomes: Mapping[str, int]
    served_by: Mapping[str, int]
    attempts: int
    retries: int
    input_tokens: int
    output_tokens: int
    cost_pico: int
    faults: Mapping[str, int]
    latency: Histogram
    answer: Histogram
    service: Histogram
    ttft: Histogram

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Totals:
        """From the values of TOTALS_COLUMNS."""
        values: dict[str, Any] = dict(zip(TOTALS_COLUMNS, row, strict=True))
        plain = {name: values[name] for name in COUNTS if not name.startswith(("outcome_", "served_"))}
        histograms: dict[str, Any] = {name: Histogram.decode(values[name]) for name in HISTOGRAMS}
        return cls(
            outcomes={name: values[f"outcome_{name}"] for name in OUTCOMES},
            served_by={name: values[f"served_{name}"] for name in SERVED_BY},
            faults=json.loads(values["faults"]),
            **plain,
            **histograms,
        )

    @classmethod
    def of_requests(cls, rows: Sequence[tuple[Any, ...]]) -> Totals:
        """From request row tuples. Nothing is offered and no fault occurs in them: those are not theirs to
        tell."""
        if not rows:
            return EMPTY
        whole = of_requests(rows)
        (row,) = rows_of(whole.coarser(int(whole.bucket[-1]) + 1).collapsed(), (), lambda _: "")
        return cls.of_row(row[1:])  # without the bucket

    @classmethod
    def merged(cls, parts: Iterable[Totals]) -> Totals:
        """All of `parts` added up."""
        every = list(parts)
        faults: Counter[str] = Counter()
        for part in every:
            faults.update(part.faults)
        return cls(
            offered=sum(part.offered for part in every),
            requests=sum(part.requests for part in every),
            outcomes={name: sum(part.outcomes[name] for part in every) for name in OUTCOMES},
            served_by={name: sum(part.served_by[name] for part in every) for name in SERVED_BY},
            attempts=sum(part.attempts for part in every),
            retries=sum(part.retries for part in every),
            input_tokens=sum(part.input_tokens for part in every),
            output_tokens=sum(part.output_tokens for part in every),
            cost_pico=sum(part.cost_pico for part in every),
            faults=dict(faults),
            latency=Histogram.merged(part.latency for part in every),
            answer=Histogram.merged(part.answer for part in every),
            service=Histogram.merged(part.service for part in every),
            ttft=Histogram.merged(part.ttft for part in every),
        )


@dataclass(frozen=True)
class Rollup:
    """What happened from `bucket * step_s` to `(bucket + 1) * step_s` seconds after the run's start."""

    step_s: int
    bucket: int
    totals: Totals


EMPTY: Final = Totals.merged(())
