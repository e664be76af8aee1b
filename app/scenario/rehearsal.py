"""Tries out a scenario's `[[changes]]` before the run: each must have its place, and fit what is there."""

from __future__ import annotations

from app.scenario.edit import check_changeable, with_setting
from app.scenario.model import Scenario


def rehearse_changes(scenario: Scenario) -> None:
    """Raise UserError for the first change that could not be made."""
    for change in sorted(scenario.changes, key=lambda each: each.at_s):
        check_changeable(change.set)
        scenario = with_setting(scenario, change.set, change.value, where=f"changes, at {change.at_s:g} s")
