"""What is said of real calls before and after they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.providers.keys import KeyEntry
from app.scenario.files import parse_scenario
from app.scenario.model import Scenario
from widgets.real_calls.preparation import hosts_of
from widgets.real_calls.words import origins, real_lines

TOLD: dict[str, Any] = {
    "endpoints": {
        "primary": {"origin": "https://a.example", "api": "openai-chat", "model": "large"},
        "fallback": {"origin": "https://a.example", "api": "openai-chat", "model": "small"},
    },
    "cap_usd": 2.0,
}


def scenario() -> Scenario:
    text = """
title = "Priced"
[traffic]
rate_per_s = 1
[targets.primary]
model = "gpt-4o-mini"
endpoint = { base_url = "https://a.example/v1" }
[targets.spare]
model = "other"
endpoint = { base_url = "https://a.example:443/other" }
price = { input_usd_per_million_tokens = 1, output_usd_per_million_tokens = 1 }
[variants.bare]
"""
    return parse_scenario(text, Path("priced.toml")).scenario


def test_a_run_that_goes_on_says_where_and_not_yet_how_much() -> None:
    lines = real_lines(TOLD)
    assert lines[:3] == [
        "Real calls to",
        "primary: large at https://a.example",
        "fallback: small at https://a.example",
    ]
    assert not any("spent" in line for line in lines)
    assert origins(TOLD) == "https://a.example"


def test_one_that_the_cap_ended_says_so() -> None:
    told = TOLD | {"spent_usd": 1.99, "stopped_by": "spend_cap", "punctuality": [{"client_limited": True}]}
    lines = real_lines(told)
    assert "$1.99 of $2.00 spent; the cap ended the run" in lines
    assert "This machine could not keep up, so requests were sent late." in lines


def test_of_a_simulated_run_nothing_is_said() -> None:
    assert real_lines({}) == real_lines(None) == []
    assert origins(None) == ""


def test_each_host_is_named_once_with_its_models_and_its_key() -> None:
    used = KeyEntry("mine", "https://a.example/v1", "store", used=True)
    older = KeyEntry("older", "https://a.example", "store", used=False)
    (host,) = hosts_of(scenario(), [older, used])
    assert (host.origin, host.models, host.key) == ("https://a.example", ("gpt-4o-mini", "other"), used)
