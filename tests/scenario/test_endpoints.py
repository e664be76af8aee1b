"""Where real calls go, as a scenario says it."""

from __future__ import annotations

import pytest

from app.errors import UserError
from app.scenario.edit import check_changeable
from tests.harness import opened

PLACE = "targets.primary.endpoint"


def test_an_endpoint_is_set_where_there_was_none() -> None:
    file = opened("support-assistant", [f'{PLACE}.base_url="http://127.0.0.1:8642/v1"'])
    endpoint = file.scenario.targets["primary"].endpoint
    assert endpoint is not None
    assert (endpoint.base_url, endpoint.api) == ("http://127.0.0.1:8642/v1", "openai-chat")


@pytest.mark.parametrize(
    "url",
    ["", "api.example.com", "ftp://api.example.com", "https://me:secret@api.example.com/v1", "https://h?x=1"],
)
def test_what_is_no_address_is_refused_by_its_place(url: str) -> None:
    with pytest.raises(UserError) as refused:
        opened("support-assistant", [f'{PLACE}.base_url="{url}"'])
    assert PLACE in str(refused.value)


def test_a_key_in_a_scenario_is_an_unknown_setting() -> None:
    with pytest.raises(UserError) as refused:
        opened("support-assistant", [f'{PLACE}={{base_url="https://api.example.com/v1", key="sk-1"}}'])
    assert "key" in str(refused.value)


def test_where_calls_go_cannot_change_while_a_run_goes() -> None:
    with pytest.raises(UserError):
        check_changeable(f"{PLACE}.base_url")
    check_changeable("targets.primary.rpm")
