"""When each fault of a run was on, from the scenario it began with and the events of its log: the bands of charts.

It follows the events as they come and never looks ahead. How often a fault struck is counted in the rollups.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.engine.draws import Draws
from app.errors import UserError
from app.faults.base import Fault
from app.faults.schedule import FOREVER_US, Schedule, windows
from app.scenario.edit import with_setting
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from app.sessions.records import EventRecord, RunRecord

_MICRO = 1e6


@dataclass(frozen=True)
class Band:
    """A fault is on from `from_s` to `to_s` (None: for as long as is shown), in virtual seconds."""

    from_s: float
    to_s: float | None
    label: str


@dataclass
class _Stretch:
    fault: str
    label: str
    from_us: int
    to_us: int | None = None


class FaultBands:
    """The bands of a run: `follow` its events in order, then ask for `bands`.

    A fault that is on from the start and has no schedule is a fixture of the scenario and gets no band, until it
    was off once. Of a log whose scenario cannot be read, such as another version's, only incidents are known.
    """

    def __init__(self, record: RunRecord) -> None:
        self._draws = Draws(record.seed)
        self._scenario: Scenario | None = None
        self._stretches: list[_Stretch] = []
        self._open: dict[str, _Stretch] = {}
        try:
            self._take(parse_scenario(record.scenario_toml, Path("logged.toml")).scenario, 0)
        except UserError:
            return
        # What stays open without being listed draws no band, until it ends and begins anew.
        self._stretches = [each for each in self._stretches if not self._always_on(each.fault)]

    def follow(self, events: Iterable[EventRecord]) -> None:
        """Take in what happened next."""
        for event in events:
            if event.kind in ("incident_begin", "incident_end"):
                name = str(event.details.get("fault", event.label))
                fault, begins = self._fault(name), event.kind == "incident_begin"
                self._set(name, event.label, event.at_us, on=begins and (fault is None or fault.rate != 0))
            elif event.kind == "change" and str(event.details.get("set", "")).startswith("faults."):
                self._flip(str(event.details["set"]), event.details.get("value"), event.at_us)

    def bands(self, until_s: float, seen_s: float) -> tuple[Band, ...]:
        """What was on up to `until_s`, in order of begin. Bands of a fault that are less than `seen_s` apart are
        one: nobody could tell them apart."""
        made: dict[str, list[Band]] = {}
        for stretch in self._stretches:
            from_s = stretch.from_us / _MICRO
            if from_s >= until_s:
                continue
            to_s = (
                None if stretch.to_us is None or stretch.to_us > until_s * _MICRO else stretch.to_us / _MICRO
            )
            before = made.setdefault(stretch.fault, [])
            if before and before[-1].to_s is not None and from_s - before[-1].to_s < seen_s:
                from_s = before.pop().from_s
            before.append(Band(from_s, to_s, stretch.label))
        every = [band for bands in made.values() for band in bands]
        return tuple(sorted(every, key=lambda band: band.from_s))

    def _flip(self, path: str, value: object, at_us: int) -> None:
        if self._scenario is None:
            return
        try:
            changed = with_setting(self._scenario, path, value)
        except UserError:  # the log of a version that knew this setting
            return
        self._take(changed, at_us)

    def _take(self, scenario: Scenario, at_us: int) -> None:
        """Go on with these faults from `at_us` on."""
        before = {} if self._scenario is None else {fault.id: fault for fault in self._scenario.faults}
        self._scenario = scenario
        for fault in scenario.faults:
            if fault != before.pop(fault.id, None):
                on = fault.on and fault.rate != 0 and Schedule(fault, self._draws, at_us).on
                self._set(fault.id, fault.label or fault.id, at_us, on=on)
        for gone in before:
            self._set(gone, "", at_us, on=False)

    def _fault(self, name: str) -> Fault | None:
        faults = () if self._scenario is None else self._scenario.faults
        return next((fault for fault in faults if fault.id == name), None)

    def _set(self, fault: str, label: str, at_us: int, *, on: bool) -> None:
        if on and fault not in self._open:
            stretch = self._open[fault] = _Stretch(fault, label, at_us)
            self._stretches.append(stretch)
        elif not on and fault in self._open:
            self._open.pop(fault).to_us = at_us

    def _always_on(self, name: str) -> bool:
        fault = self._fault(name)
        return fault is not None and next(windows(fault, self._draws), None) == (0, FOREVER_US)
