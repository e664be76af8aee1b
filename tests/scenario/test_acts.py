"""Acts: a scenario staged for a presenter, and acts that cannot be played."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import UserError
from app.scenario.acts import staged_text
from app.scenario.edit import with_setting
from app.scenario.files import open_scenario, parse_scenario
from app.scenario.rehearsal import rehearse_acts


@pytest.mark.parametrize("name", ["support-assistant", "provider-outage"])
def test_a_staged_scenario_waits_for_its_acts(name: str) -> None:
    # Given a ready-made scenario with acts
    file = open_scenario(name)
    assert len(file.scenario.acts) >= 4

    # When it is staged
    staged = parse_scenario(staged_text(file.text, file.scenario), Path("staged.toml")).scenario

    # Then nothing happens by itself, the first act's switches are set, and it lasts as long as the acts do
    assert staged.changes == ()
    assert all(not fault.incident or not fault.on for fault in staged.faults)
    assert staged.duration_s == sum(act.for_s or 0 for act in file.scenario.acts)

    # And every later act can be played in turn
    for act in staged.acts[1:]:
        for switch in act.changes:
            staged = with_setting(staged, switch.set, switch.value)


def test_an_act_that_cannot_be_played_is_told_when_the_scenario_is_checked() -> None:
    file = open_scenario("support-assistant")
    text = file.text.replace('set = "targets.primary.tpm"', 'set = "targets.primary.tpn"')
    with pytest.raises(UserError, match="tpn"):
        rehearse_acts(parse_scenario(text, Path("wrong.toml")).scenario)


def test_an_act_of_unknown_length_leaves_the_duration_as_it_is() -> None:
    file = open_scenario("support-assistant")
    text = file.text.replace("for_s = 40\n", "")
    scenario = parse_scenario(text, Path("own.toml")).scenario
    assert parse_scenario(staged_text(text, scenario), Path("own.toml")).scenario.duration_s == 300
