"""Which settings were in force when, in a run whose switches were flipped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.errors import UserError
from app.scenario.edit import with_setting
from app.scenario.model import Scenario
from app.sessions.records import EventRecord


def spans(
    began: Scenario, changes: Sequence[EventRecord], end_us: int
) -> Iterator[tuple[int, int, Scenario]]:
    """Stretches [begin, end) in microseconds up to `end_us`, each with its settings; none is empty.

    `changes` are the run's events of that kind in their order. One that this version does not know is passed over.
    """
    scenario, begin_us = began, 0
    for event in changes:
        if begin_us < event.at_us < end_us:
            yield begin_us, event.at_us, scenario
            begin_us = event.at_us
        if event.at_us < end_us:
            try:
                scenario = with_setting(scenario, str(event.details["set"]), event.details["value"])
            except UserError:
                continue
    yield begin_us, end_us, scenario


def scenario_at(began: Scenario, changes: Sequence[EventRecord], at_us: int) -> Scenario:
    """The settings in force at a time."""
    *_, (_, _, scenario) = spans(began, changes, at_us + 1)
    return scenario
