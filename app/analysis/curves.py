"""What the charts of a run draw: its rollups, merged into bins of one length, with its events and summary.

Read from the log, and read on from where it was while the run goes on. It draws nothing, and decides on no colour.

Formulas: percentiles by nearest rank from the merged histograms of the bin (never averaged), where a request without
an answer ranks as infinite; cost per 1,000 good answers = all that was spent in the bin / good answers in it * 1,000.
Requests, outcomes and cost are counted where the request finished, `offered` where it was meant to arrive.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.analysis.detection import Detections
from app.analysis.fault_bands import Band, FaultBands
from app.analysis.summary import of_totals, summary
from app.safeguards.base import USD_PICO
from app.sessions.reader import RunReader
from app.sessions.records import EventRecord, RunRecord, VariantRecord
from app.sessions.totals import Rollup, Totals
from app.sessions.vocabulary import OUTCOMES, STATES

__all__ = ["SAVED_BY", "Band", "Curves", "Picture", "RunPicture", "bin_length"]

Floats = NDArray[np.float64]

SAVED_BY: Final = ("cache", "retried", "fallback", "canned", "human")
"""What saved a request that the first call did not serve."""
MOST_BINS: Final = 120
"""As many as a chart can show."""
_MICRO: Final = 1e6
_BINS_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
_ENDED: Final = STATES[1:]
_COLUMNS: Final = (
    *("offered", "requests", "attempts", "p50_s", "p95_s", "cost_usd", "cost_per_1000_good_usd"),
    *OUTCOMES,
    *SAVED_BY,
)


@dataclass(frozen=True)
class Curves:
    """One variant's time series; arrays have shape (n,), a value for every bin from 0 on, without holes.

    Only the first `complete` bins may be drawn: what is in the others is not all yet. `p50_s` and `p95_s` are NaN where
    no request finished, and infinite where the request of that rank had no answer; `cost_per_1000_good_usd` is NaN
    where no answer was good; `total_cost_usd` adds up from the start. `outcomes` has every word of OUTCOMES, `saved`
    every word of SAVED_BY.
    """

    bin_s: int
    starts_s: Floats
    complete: int
    offered: Floats
    requests: Floats
    outcomes: dict[str, Floats]
    saved: dict[str, Floats]
    p50_s: Floats
    p95_s: Floats
    cost_usd: Floats
    cost_per_1000_good_usd: Floats
    total_cost_usd: Floats
    attempts: Floats

    @property
    def last_arrivals(self) -> int | None:
        """The last complete bin in which requests arrived; None where none did."""
        places = np.flatnonzero(self.offered[: self.complete])
        return int(places[-1]) if places.size else None


@dataclass(frozen=True)
class Picture:
    """All that is shown of a run at one moment. `summary` is the contracted JSON; `curves` go by variant; `until_s` is
    how far it shows, in virtual seconds. `record` is the run as it is now, also in a picture of an earlier moment, and so
    is `passed_us`: how far each variant is on its own clock, in the order of `variants`."""

    record: RunRecord
    variants: tuple[VariantRecord, ...]
    summary: dict[str, Any]
    curves: dict[str, Curves]
    events: tuple[EventRecord, ...]
    bands: tuple[Band, ...]
    until_s: float
    passed_us: tuple[int, ...] = ()

    @property
    def in_turns(self) -> bool:
        """Whether the variants of the run are asked one after the other."""
        return self.summary.get("real_calls", {}).get("side_by_side") is False and len(self.variants) > 1

    def turn_to_come(self, place: int) -> bool:
        """Whether it is not yet this variant's turn, by its place in `variants`."""
        return bool(self.passed_us) and not self.passed_us[place] and any(self.passed_us)


def bin_length(duration_s: float) -> int:
    """The shortest bin, in seconds, that needs at most MOST_BINS for the duration."""
    for length in _BINS_S:
        if duration_s <= length * MOST_BINS:
            return length
    length = _BINS_S[-1]
    while duration_s > length * MOST_BINS:
        length *= 2
    return length


class RunPicture:
    """Makes pictures of one run, finished or still going; what was read once is not read again."""

    def __init__(self, reader: RunReader) -> None:
        self._reader = reader
        self._record = reader.record()
        self.bin_s = bin_length(self._record.duration_s)
        self._bins = {variant.name: _VariantBins() for variant in reader.variants}
        self._passed_us = dict.fromkeys(self._bins, 0)
        self._events: list[EventRecord] = []
        self._bands = FaultBands(self._record)
        self._detections = Detections(reader)
        self._last: Picture | None = None

    def now(self) -> Picture:
        """The run as it is. Raises UserError if it was deleted, or the log cannot be read."""
        self._read_on()
        record = self._record
        until_s = record.virtual_us / _MICRO
        bins = self._bin_count()
        self._last = Picture(
            record,
            tuple(self._reader.variants),
            summary(self._reader, self._detections.of(self._events, until_s)),
            {
                name: each.curves(self.bin_s, bins, self._complete(name, bins))
                for name, each in self._bins.items()
            },
            tuple(self._events),
            self._bands.bands(until_s, self.bin_s),
            until_s,
            tuple(self._passed_us[variant.name] for variant in self._reader.variants),
        )
        return self._last

    def at(self, t_s: float) -> Picture:
        """The run as it was at virtual time `t_s`; what is counted is counted up to the last whole bin before it.

        Raises UserError as `now` does.
        """
        now = self._last
        if now is None or now.record.state not in _ENDED:
            now = self.now()
        if t_s >= now.until_s:
            return now
        t_s = max(t_s, 0.0)
        complete = int(t_s // self.bin_s)
        totals = {name: each.totals(complete) for name, each in self._bins.items()}
        arriving_s = min(complete * self.bin_s, now.summary["duration_s"])
        events = tuple(event for event in now.events if event.at_us <= t_s * _MICRO)
        noticed = self._detections.of(events, t_s)
        told = {
            **now.summary,
            "state": "running",
            "ended_at": None,
            "virtual_s": t_s,
            "offered": max((each.offered for each in totals.values()), default=0),
            "variants": {
                name: of_totals(each, arriving_s, noticed[name], now.record.closed_loop)
                for name, each in totals.items()
            },
        }
        return replace(
            now,
            summary=told,
            curves={
                name: replace(each, complete=min(complete, each.complete))
                for name, each in now.curves.items()
            },
            events=events,
            bands=self._bands.bands(t_s, self.bin_s),
            until_s=t_s,
        )

    def _read_on(self) -> None:
        """Read what came since the last time. The record first: what the log gains meanwhile waits for the next."""
        record = self._record = self._reader.record()
        # Of a run that goes on, or was interrupted, only bins that are complete; at its end the rest is written.
        bin_us = round(self.bin_s * _MICRO)
        for name, bins in self._bins.items():
            passed_us = self._passed_us[name] = self._reader.passed_us(name)
            last = None if record.state in _ENDED else passed_us // bin_us - 1
            bins.add(self._reader.series(name, self.bin_s, first=bins.end, last=last))
        after = self._events[-1].sequence if self._events else -1
        fresh = self._reader.events(after)
        self._events += fresh
        self._bands.follow(fresh)

    def _bin_count(self) -> int:
        """Bins to the end of arrivals, or of the run if it ended before; and on to the last in which anything happened."""
        record = self._record
        end_s = record.duration_s
        if record.state in _ENDED:
            end_s = min(end_s, record.virtual_us / _MICRO)
        return max([math.ceil(end_s / self.bin_s), *(each.end for each in self._bins.values())])

    def _complete(self, variant: str, bins: int) -> int:
        """Bins whose end the variant's time has passed; at the end of the drain all, unless requests still arrived in the
        last: who waited to the very end has no answer then, and is to be seen. A variant whose turn was cut short has no
        more bins than it lived."""
        passed_us, bin_us = self._passed_us[variant], round(self.bin_s * _MICRO)
        drained = self._record.state in ("finished", "stopped")
        if drained and not any(each.offered(bins - 1) for each in self._bins.values()):
            cut_short = passed_us < self._record.virtual_us and self._record.state == "stopped"
            return min(bins, -(-passed_us // bin_us)) if cut_short else bins
        return min(bins, passed_us // bin_us)


class _VariantBins:
    """A variant's bins: what they come to, and what is drawn of it."""

    def __init__(self) -> None:
        self.end = 0
        """One after the last bin in which anything happened."""
        self._totals: dict[int, Totals] = {}
        self._cells: dict[int, tuple[float, ...]] = {}

    def add(self, rollups: list[Rollup]) -> None:
        """Bins that follow those there are."""
        for each in rollups:
            self._totals[each.bucket] = each.totals
            self._cells[each.bucket] = _cells(each.totals)
            self.end = each.bucket + 1

    def offered(self, place: int) -> int:
        """How many requests arrived in this bin."""
        return self._totals[place].offered if place in self._totals else 0

    def totals(self, complete: int) -> Totals:
        """What the first `complete` bins come to."""
        return Totals.merged(totals for place, totals in self._totals.items() if place < complete)

    def curves(self, bin_s: int, bins: int, complete: int) -> Curves:
        table = np.array([self._cells.get(place, _NOTHING) for place in range(bins)], np.float64)
        column = dict(zip(_COLUMNS, table.reshape(bins, len(_COLUMNS)).T.copy(), strict=True))
        return Curves(
            bin_s=bin_s,
            starts_s=np.arange(bins, dtype=np.float64) * bin_s,
            complete=complete,
            offered=column["offered"],
            requests=column["requests"],
            outcomes={name: column[name] for name in OUTCOMES},
            saved={name: column[name] for name in SAVED_BY},
            p50_s=column["p50_s"],
            p95_s=column["p95_s"],
            cost_usd=column["cost_usd"],
            cost_per_1000_good_usd=column["cost_per_1000_good_usd"],
            total_cost_usd=np.cumsum(column["cost_usd"]),
            attempts=column["attempts"],
        )


def _cells(totals: Totals) -> tuple[float, ...]:
    """A bin's numbers, in the order of _COLUMNS."""
    cost_usd = totals.cost_pico / USD_PICO
    good = totals.outcomes["good"]
    return (
        totals.offered,
        totals.requests,
        totals.attempts,
        _percentile_s(totals, 50),
        _percentile_s(totals, 95),
        cost_usd,
        cost_usd / good * 1000 if good else math.nan,
        *(totals.outcomes[name] for name in OUTCOMES),
        *_saved(totals),
    )


def _saved(totals: Totals) -> Iterable[int]:
    """How many requests each of SAVED_BY served; `retried` are those that the primary or a hedge did after a retry."""
    for name in SAVED_BY:
        yield totals.served_retried if name == "retried" else totals.served_by[name]


def _percentile_s(totals: Totals, percent: float) -> float:
    if not totals.requests:
        return math.nan
    value_us = totals.answer.percentile(percent)
    return math.inf if value_us is None else value_us / _MICRO


_NOTHING: Final = _cells(Totals.merged(()))
