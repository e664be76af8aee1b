"""Tries out a scenario's `[[changes]]` and `[[acts]]` before the run: each must have its place, and fit what is there."""

from __future__ import annotations

from collections.abc import Iterable

from app.scenario.edit import check_changeable, with_setting
from app.scenario.model import Scenario, Switch


def rehearse_changes(scenario: Scenario) -> None:
    """Raise UserError for the first change that could not be made."""
    planned = sorted(scenario.changes, key=lambda each: each.at_s)
    _flip(scenario, ((change, f"changes, at {change.at_s:g} s") for change in planned))


def rehearse_acts(scenario: Scenario) -> None:
    """Raise UserError for the first switch of an act that could not be flipped. A run does without acts."""
    _flip(scenario, ((switch, f"act '{act.title}'") for act in scenario.acts for switch in act.changes))


def _flip(scenario: Scenario, switches: Iterable[tuple[Switch, str]]) -> None:
    for switch, where in switches:
        check_changeable(switch.set)
        scenario = with_setting(scenario, switch.set, switch.value, where=where)
