"""How often each fault was meant to strike, and how often it did, among what it could strike: with an interval.

What a fault could strike are the calls to its targets that began, or the requests that were meant to arrive, while it was on
by its schedule and its switch. Faults without a rate, and those with rules about rows or prompts, are left out: the log does
not tell what they could have struck.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.analysis.in_force import spans
from app.analysis.intervals import wilson
from app.analysis.summary import summary
from app.engine.draws import Draws
from app.faults.base import AttemptFault, Fault, MessFault
from app.faults.kind_words import KIND_WORDS
from app.faults.schedule import windows
from app.scenario.files import parse_scenario
from app.sessions.reader import RunReader

_PAGE = 20_000
"""Rows at a time: no more than the window's own thread can wait for while they are turned into arrays."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class FaultRate:
    """One fault in one variant. `configured` is its rate, on average over what it could strike where it was changed."""

    fault: str
    kind: str
    title: str
    configured: float
    struck: int
    of: int
    unit: Literal["requests", "calls"]

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson) for the rate behind what happened."""
        return wilson(self.struck, self.of)

    def as_json(self) -> dict[str, Any]:
        """For the command line's JSON."""
        low, high = self.interval
        return {
            "title": self.title,
            "configured": self.configured,
            "realised": self.struck / self.of if self.of else None,
            "low": low,
            "high": high,
            "struck": self.struck,
            "of": self.of,
            "unit": self.unit,
        }


@dataclass(frozen=True)
class _Window:
    begin_us: int
    end_us: int
    fault: Fault

    @property
    def rate(self) -> float:
        assert self.fault.rate is not None
        return self.fault.rate


def summary_with_rates(reader: RunReader) -> dict[str, Any]:
    """The summary of a run with `fault_rates` for each variant, by the fault's id. It reads all attempts."""
    found = summary(reader)
    for name, variant in found["variants"].items():
        variant["fault_rates"] = {each.fault: each.as_json() for each in fault_rates(reader, name)}
    return found


def fault_rates(reader: RunReader, variant: str) -> list[FaultRate]:
    """The faults of the scenario in its order, of what has ended so far."""
    record = reader.record()
    began = parse_scenario(record.scenario_toml, Path("logged.toml")).scenario
    changes = [event for event in reader.events() if event.kind == "change"]
    draws = Draws(record.seed)
    found: dict[str, list[_Window]] = {}
    for begin_us, end_us, scenario in spans(began, changes, record.virtual_us + 1):
        for fault in scenario.faults:
            if fault.on and _countable(fault) and (not fault.variants or variant in fault.variants):
                found.setdefault(fault.id, []).extend(_within(fault, draws, begin_us, end_us))
    counts = _counted(
        reader, variant, list(began.targets), {name: each for name, each in found.items() if each}
    )
    return [_rate(found[name], *counted) for name, counted in counts.items()]


def _countable(fault: Fault) -> bool:
    by_rate = fault.rate is not None and fault.first is None and fault.every is None
    return by_rate and fault.match is None and not fault.prompts


def _within(fault: Fault, draws: Draws, begin_us: int, end_us: int) -> Iterator[_Window]:
    """The fault's own windows, as far as they are in [begin, end)."""
    for first_us, last_us in windows(fault, draws):
        if first_us >= end_us:
            return
        if last_us > begin_us:
            yield _Window(max(first_us, begin_us), min(last_us, end_us), fault)


def _rate(stretches: list[_Window], could: Ints, struck: int) -> FaultRate:
    of = int(could.sum())
    rates = np.array([each.rate for each in stretches])
    fault = stretches[-1].fault
    return FaultRate(
        fault.id,
        fault.kind,
        fault.label or KIND_WORDS[fault.kind][0],
        float(rates @ could / of) if of else float(rates[-1]),
        struck,
        of,
        "requests" if isinstance(fault, MessFault) or fault.per == "request" else "calls",
    )


def _counted(
    reader: RunReader, variant: str, targets: list[str], found: dict[str, list[_Window]]
) -> dict[str, tuple[Ints, int]]:
    """By fault: what it could strike in each of its windows, and how much it did strike in all of them."""
    counters = {name: _Counter(stretches, targets) for name, stretches in found.items()}
    names: dict[int, frozenset[str]] = {}

    def struck(codes: Ints, name: str) -> NDArray[np.bool_]:
        for code in np.unique(codes).tolist():
            if code not in names:
                names[code] = frozenset(reader.text(code).split(","))
        return np.isin(codes, [code for code, ids in names.items() if name in ids])

    calls = [name for name, counter in counters.items() if isinstance(counter.fault, AttemptFault)]
    mess = [name for name, counter in counters.items() if isinstance(counter.fault, MessFault)]
    if calls:
        for page in reader.attempt_pages(
            variant, ("target", "retry", "hedge", "started_us", "fault_name"), size=_PAGE
        ):
            first = (page["retry"] == 0) & (page["hedge"] == 0)
            for name in calls:
                counter = counters[name]
                concerns = np.isin(page["target"], counter.targets)
                if counter.fault.per == "request":  # its calls share one draw: the first stands for them
                    concerns &= first
                counter.take(page["started_us"][concerns], struck(page["fault_name"][concerns], name))
    if mess:
        for page in _request_pages(reader, variant, ("intended_us", "mess_name", "faults_name")):
            for name in mess:
                counter = counters[name]
                kept = "faults_name" if counter.fault.kind == "duplicate" else "mess_name"
                counter.take(page["intended_us"], struck(page[kept], name))
    return {name: (counter.could, counter.struck) for name, counter in counters.items()}


def _request_pages(reader: RunReader, variant: str, names: tuple[str, ...]) -> Iterator[dict[str, Ints]]:
    first = 0
    while True:
        page = reader.columns(variant, ("number", *names), first=first, limit=_PAGE)
        if not len(page["number"]):
            return
        yield page
        first = int(page["number"][-1]) + 1


class _Counter:
    """Counts what falls into a fault's windows."""

    def __init__(self, stretches: list[_Window], targets: list[str]) -> None:
        self.fault = stretches[-1].fault
        self.targets = [at for at, name in enumerate(targets) if name in (self.fault.targets or targets)]
        self.edges = np.array(list(chain.from_iterable((each.begin_us, each.end_us) for each in stretches)))
        self.could = np.zeros(len(stretches), dtype=np.int64)
        self.struck = 0

    def take(self, times_us: Ints, struck: NDArray[np.bool_]) -> None:
        """Count things at these times, struck or not."""
        place = np.searchsorted(self.edges, times_us, side="right")
        inside = place % 2 == 1
        self.could += np.bincount(place[inside] // 2, minlength=len(self.could))
        self.struck += int((struck & inside).sum())
