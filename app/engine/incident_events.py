"""Tells when faults that come and go begin and end, as the run's time passes them."""

from __future__ import annotations

from app.engine.draws import Draws
from app.engine.events import Event
from app.faults.base import Fault
from app.faults.schedule import Schedule, has_end
from app.scenario.model import Scenario


class IncidentEvents:
    """The schedules of a scenario's faults; times never go back."""

    def __init__(self, scenario: Scenario, draws: Draws) -> None:
        self._draws = draws
        self.change(scenario, 0)
        self._untold = [
            _edge(0, fault, begins=True)
            for fault, schedule in zip(scenario.faults, self._schedules, strict=True)
            if fault.on and schedule.on and has_end(fault)
        ]

    def change(self, scenario: Scenario, at_us: int) -> None:
        """Go on by these settings from `at_us` on; `pass_time` must have passed it."""
        self._faults = scenario.faults
        self._schedules = [Schedule(fault, self._draws, at_us) for fault in scenario.faults]

    def pass_time(self, now_us: int) -> list[Event]:
        """What has begun and ended up to `now_us`, in order of time."""
        told, self._untold = self._untold, []
        for fault, schedule in zip(self._faults, self._schedules, strict=True):
            while schedule.next_us <= now_us:
                at_us = schedule.next_us
                schedule.step()
                if fault.on and has_end(fault):
                    told.append(_edge(at_us, fault, begins=schedule.on))
        return sorted(told, key=lambda event: event.at_us)


def _edge(at_us: int, fault: Fault, *, begins: bool) -> Event:
    kind = "incident_begin" if begins else "incident_end"
    return Event(at_us, kind, fault.label or fault.id, {"fault": fault.id, "kind": fault.kind})
