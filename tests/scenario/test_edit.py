"""Dotted paths: what they reach, what they refuse, and the comments that survive."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UserError
from app.scenario.edit import check_changeable, parse_value, set_path, with_setting
from app.scenario.files import changed_text, parse_scenario
from app.scenario.model import Scenario
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH

SCENARIO = parse_scenario(SMALL, PATH).scenario


def tables() -> dict[str, Any]:
    return tomllib.loads(SMALL)


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("traffic.rate_per_s", 9, lambda there: there["traffic"]["rate_per_s"]),
        ("targets.primary.rpm", 500, lambda there: there["targets"]["primary"]["rpm"]),
        ("faults.errors.rate", 0.5, lambda there: there["faults"][0]["rate"]),
        ("faults.hang.rate", 0.5, lambda there: there["faults"][1]["rate"]),
        ("variants.careful.safeguards.retry.max_retries", 1, lambda there: _safeguard(there)["max_retries"]),
        ("patience_s", 10, lambda there: there["patience_s"]),
        ("tokens.max_tokens", 10, lambda there: there["tokens"]["max_tokens"]),
    ],
)
def test_a_path_leads_through_tables_and_lists(path: str, value: Any, found: Any) -> None:
    here = tables()
    set_path(here, path, value)
    assert found(here) == value


def _safeguard(there: dict[str, Any]) -> dict[str, Any]:
    safeguard: dict[str, Any] = there["variants"]["careful"]["safeguards"][0]
    return safeguard


def test_an_id_that_is_not_there_adds_an_entry_and_one_that_is_there_replaces_it() -> None:
    here = tables()
    set_path(here, "faults.storm", {"kind": "overloaded", "rate": 0.2})
    set_path(here, "faults.errors", {"kind": "overloaded", "rate": 0.3})
    assert here["faults"][2] == {"kind": "overloaded", "rate": 0.2, "id": "storm"}
    assert here["faults"][0] == {"kind": "overloaded", "rate": 0.3, "id": "errors"}


def test_the_first_fault_can_be_added_where_there_is_none() -> None:
    text = SMALL[: SMALL.index("# Every day")] + '[variants.a]\npreset = "prototype"\n'
    file = parse_scenario(text, PATH, ['faults.storm={kind = "overloaded", rate = 0.2}'])
    assert [fault.id for fault in file.scenario.faults] == ["storm"]


def test_none_takes_a_key_or_an_entry_out() -> None:
    here = tables()
    set_path(here, "targets.primary.quality", None)
    set_path(here, "targets.primary.rpm", None)
    set_path(here, "faults.errors", None)
    assert "quality" not in here["targets"]["primary"]
    assert [fault["kind"] for fault in here["faults"]] == ["hang"]


def test_a_limit_that_was_set_can_be_lifted_again() -> None:
    limited = with_setting(SCENARIO, "targets.primary.rpm", 500)
    assert limited.targets["primary"].rpm == 500
    assert with_setting(limited, "targets.primary.rpm", None) == SCENARIO


def test_a_preset_is_spelled_out_when_one_of_its_safeguards_is_set() -> None:
    # Given a variant that only names its preset, when one of its settings is set, then the others stay.
    file = parse_scenario(SMALL, PATH, ["variants.prototype.safeguards.retry.max_retries=7"])
    before = {each.id: each for each in SCENARIO.variants["prototype"].safeguards}
    after = {each.id: each for each in file.scenario.variants["prototype"].safeguards}
    assert after["retry"].model_dump() == before["retry"].model_dump() | {"max_retries": 7}
    assert after["attempt_timeout"] == before["attempt_timeout"]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("targets.primry.rpm", 1, "Did you mean 'primary'?"),
        ("variants.careful.safeguards.retri.on", True, "Did you mean 'retry'?"),
        ("faults.outage.on", False, "There is: errors, hang."),
        ("faults.errors", 5, "faults.errors.on"),
        ("title.x", 1, "'title' is a value and holds no keys"),
        ("title.x.y", 1, "'title' is a value and holds no keys"),
        ("", 1, "is no path"),
        ("traffic..x", 1, "is no path"),
    ],
)
def test_a_path_that_leads_nowhere_is_told_with_what_is_there(path: str, value: Any, says: str) -> None:
    with pytest.raises(UserError) as caught:
        set_path(tables(), path, value)
    assert says in str(caught.value)


def test_a_value_that_does_not_fit_is_told_by_its_path() -> None:
    with pytest.raises(UserError, match=r"faults\.errors\.rate = 2: must be at most 1\."):
        with_setting(SCENARIO, "faults.errors.rate", 2)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8),
        ("0.5", 0.5),
        ("true", True),
        ('"8"', "8"),
        ("[1, 2]", [1, 2]),
        ('{kind = "hang", rate = 1}', {"kind": "hang", "rate": 1}),
        ("poisson", "poisson"),
        ("", ""),
        ("1\nseed = 2", "1\nseed = 2"),
        ("9" * 5000, "9" * 5000),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_values_are_read_as_toml_and_anything_else_is_a_text(text: str, value: Any) -> None:
    assert parse_value(text) == value


@given(st.text())
def test_any_text_is_some_value(text: str) -> None:
    parse_value(text)


@pytest.mark.parametrize(
    "path",
    ["traffic.rate_per_s", "faults.hang.on", "targets.primary.rpm", "variants.careful.safeguards.retry.on"],
)
def test_a_switch_can_be_flipped_while_the_run_goes(path: str) -> None:
    check_changeable(path)


@pytest.mark.parametrize(
    "path", ["seed", "changes", "prompts.path", "variants.careful", "targets.primary", "traffic"]
)
def test_what_defines_the_run_cannot_change_while_it_goes(path: str) -> None:
    with pytest.raises(UserError, match="cannot change while a run goes"):
        check_changeable(path)


steps = st.sampled_from(
    ["traffic", "targets", "primary", "faults", "errors", "hang", "variants", "careful", "safeguards"]
)
steps |= st.sampled_from(
    ["retry", "title", "rate", "rate_per_s", "seed", "preset", "price", "x", "changes", "answers"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(steps, min_size=1, max_size=5), values)
def test_whatever_is_set_the_result_is_a_scenario_or_a_clear_error(path: list[str], value: Any) -> None:
    with suppress(UserError):
        assert isinstance(with_setting(SCENARIO, ".".join(path), value), Scenario)


NUMBERS = [
    "traffic.rate_per_s",
    "targets.primary.quality",
    "faults.errors.rate",
    "patience_s",
    "tokens.max_tokens",
]


@given(st.dictionaries(st.sampled_from(NUMBERS), st.integers(0, 1), max_size=4))
def test_a_changed_text_says_what_was_set_and_keeps_every_comment(settings: dict[str, int]) -> None:
    text = changed_text(SMALL, list(settings.items()))
    expected = tables()
    for path, value in settings.items():
        set_path(expected, path, value)
    assert tomllib.loads(text) == expected
    for comment in (
        "# What this scenario teaches.",
        "# shown on top",
        "# one every half",
        "# Every day",
        "# one in a",
    ):
        assert comment in text
    assert text.startswith("# What this scenario teaches.\n")
