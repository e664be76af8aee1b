"""Rollups of a run while it goes: every variant's tallies at 1, 10, 60 and 600 seconds of virtual time,
append-only.

A bucket is given out once, when virtual time has passed its end; what is left comes at the end of the run.
Each level is made from the one below it. Writing them is `writer`'s, reading them back `totals`'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from app.sessions.flat_rows import FlatRows
from app.sessions.tally import (
    NEVER,
    SECOND_US,
    Ints,
    Tally,
    joined,
    lowest_key,
    of_faults,
    of_offered,
    of_requests,
    rows_of,
)
from app.sessions.vocabulary import STEPS_S

_RATIOS: Final = tuple(
    coarse // fine for fine, coarse in zip(STEPS_S, (*STEPS_S[1:], STEPS_S[-1]), strict=True)
)


class _VariantRollups:
    """The levels of one variant: what is not yet given out of each, and the first bucket that is still
    open."""

    def __init__(self) -> None:
        self._open: list[list[Tally]] = [[] for _ in STEPS_S]
        self._limits = [0] * len(STEPS_S)

    def absorb(self, tally: Tally) -> None:
        if tally.bucket.size and tally.bucket[0] < self._limits[0]:
            raise ValueError(
                f"second {tally.bucket[0]} was rolled up already: "
                "what happened before virtual_us must be added before flush(virtual_us)"
            )
        self._open[0].append(tally)

    def lowest_key(self) -> int:
        return min(map(lowest_key, self._open[0]), default=NEVER)

    def advance(self, virtual_us: int | None) -> Iterator[tuple[int, Tally]]:
        """The buckets that end by `virtual_us`, as (step, tally); all that are left if None."""
        for level, step in enumerate(STEPS_S):
            limit = None if virtual_us is None else virtual_us // (step * SECOND_US)
            if limit is not None:
                if limit <= self._limits[level]:
                    continue
                self._limits[level] = limit
            if not self._open[level]:
                continue
            ready = joined(self._open[level])
            self._open[level] = []
            if limit is not None:
                ready, rest = ready.split(limit)
                if rest.bucket.size:
                    self._open[level].append(rest)
            if not ready.bucket.size:
                continue
            made = ready.collapsed()
            yield step, made
            if level + 1 < len(STEPS_S):
                self._open[level + 1].append(made.coarser(_RATIOS[level]))


class RunRollups:
    """The rollups of all variants of a run, and its arrivals, which the variants share."""

    def __init__(self, run_id: int, variants: int, text_of: Callable[[int], str]) -> None:
        self._run_id = run_id
        self._text_of = text_of
        self._variants = [_VariantRollups() for _ in range(variants)]
        self._arrivals: Ints = np.zeros(0, np.int64)
        self._offered = 0
        self._own = [0] * variants

    def requests(self, variant: int, rows: FlatRows) -> None:
        """Finished requests of a variant. Raises ValueError if their second was given out
        already."""
        self._variants[variant].absorb(of_requests(rows))

    def faults(self, variant: int, faults: Sequence[tuple[int, int]]) -> None:
        """Fault occurrences of a variant, as (microseconds, id of the kind's name)."""
        self._variants[variant].absorb(of_faults(faults))

    def arrivals(self, intended_us: Ints) -> None:
        """Arrivals of all variants, shape (n,), in any order; those ahead of virtual time are kept until it
        comes."""
        self._arrivals = np.sort(np.concatenate((self._arrivals, intended_us)))

    def own_arrivals(self, variant: int, intended_us: Ints) -> None:
        """Arrivals of one variant of a closed loop, shape (n,), up to virtual time."""
        self._variants[variant].absorb(of_offered(intended_us))
        self._own[variant] += len(intended_us)
        self._offered = max(self._own)

    def offered(self, virtual_us: int) -> int:
        """How many arrivals there were up to and including `virtual_us`; of a closed loop, the most of any variant."""
        return self._offered + int(np.searchsorted(self._arrivals, virtual_us, "right"))

    def tails(self) -> list[int]:
        """By variant, the lowest key of requests that are in no rollup given out; NEVER for none."""
        return [variant.lowest_key() for variant in self._variants]

    def advance(self, virtual_us: int) -> list[tuple[Any, ...]]:
        """Rows of `schema.ROLLUP_COLUMNS` for the buckets that virtual time has now passed."""
        passed_us = virtual_us // SECOND_US * SECOND_US
        self._take_arrivals(int(np.searchsorted(self._arrivals, passed_us)))
        return self._rows(virtual_us)

    def advance_each(self, passed_us: Sequence[int]) -> list[tuple[Any, ...]]:
        """The same where each variant has arrivals and a clock of its own: `passed_us` is how far each is."""
        rows = []
        for index, (variant, up_to_us) in enumerate(zip(self._variants, passed_us, strict=True)):
            for step, tally in variant.advance(up_to_us):
                rows += rows_of(tally, (self._run_id, index, step), self._text_of)
        return rows

    def finish(self, virtual_us: int) -> list[tuple[Any, ...]]:
        """Rows for all that is left, at the end of the run. Arrivals after `virtual_us` never came and are
        dropped."""
        self._take_arrivals(int(np.searchsorted(self._arrivals, virtual_us, "right")))
        self._arrivals = self._arrivals[:0]
        return self._rows(None)

    def _take_arrivals(self, count: int) -> None:
        if count:
            tally = of_offered(self._arrivals[:count])
            self._arrivals = self._arrivals[count:]
            self._offered += count
            for variant in self._variants:
                variant.absorb(tally)

    def _rows(self, virtual_us: int | None) -> list[tuple[Any, ...]]:
        rows = []
        for index, variant in enumerate(self._variants):
            for step, tally in variant.advance(virtual_us):
                rows += rows_of(tally, (self._run_id, index, step), self._text_of)
        return rows
