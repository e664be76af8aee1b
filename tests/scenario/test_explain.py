"""What a newcomer reads after a slip: the field, its value, what is allowed, and the nearest right key."""

from __future__ import annotations

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UserError
from app.scenario.files import parse_scenario
from tests.scenario.small import SMALL
from tests.scenario.test_files import PATH


def told(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse_scenario(text, PATH)
    return str(caught.value)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("seed =", "sed =", ["mine.toml: sed: unknown key, did you mean 'seed'?", "(allowed: about, "]),
        ("rate_per_s =", "rate =", ["traffic.rate: unknown key, did you mean 'rate_per_s'?"]),
        ("seed = 3", "seed = -1", ["seed = -1: must be at least 0."]),
        ("seed = 3", "seed = 1.5", ["seed = 1.5: must be a whole number."]),
        ("seed = 3", "duration_s = inf", ["duration_s = inf: must be a finite number."]),
        ("rate = 0.01", 'rate = "1 %"', ["faults.errors.rate = '1 %': must be a number."]),
        ("rate = 0.01", "rate = 1.5", ["faults.errors.rate = 1.5: must be at most 1."]),
        ("rate = 0.01", "rate = 0.01\non = 5", ["faults.errors.on = 5: must be true or false."]),
        ("rate = 0.01", "to_s = 5", ["faults.errors: say when it strikes: give 'rate'"]),
        ("rate = 0.01", 'rate = 1\ntargets = "primary"', ["errors.targets = 'primary': must be a list"]),
        ("rate = 0.01", 'rate = 1\ntargets = ["main"]', ["there is no 'main' here; there is primary."]),
        (
            '"server_error"',
            '"serverror"',
            ["errors.kind = 'serverror': unknown, did you mean 'server_error'?"],
        ),
        ('kind = "server_error"\n', "", ["faults.errors: 'kind' is missing (allowed: bad_gateway, "]),
        ('kind = "hang"', 'kind = "hang"\nhang = 1', ["faults.hang.hang: unknown key"]),
        (
            "max_retries",
            "retries",
            ["careful.safeguards.retry.retries: unknown key, did you mean 'max_retries'?"],
        ),
        (
            'preset = "prototype"',
            'preset = "proto"',
            ["prototype.preset = 'proto': unknown, did you mean 'prototype'?"],
        ),
        ("[traffic]\nrate_per_s = 2", "[tokens]", ["traffic: missing; it must be given."]),
        ("[traffic]\nrate_per_s = 2", "[traffic]", ["traffic: exactly one of level, rate_per_s and points"]),
        ("[variants.prototype]", '[variants."my own"]', ["'my own' is no good name"]),
        ("seed = 3", "traffic = 5", ["no valid TOML"]),
        ("seed = 3", "prompts = 5", ["prompts = 5: must be a table."]),
        ("seed = 3", "seed = = 3", ["no valid TOML: Invalid value (at line 3, column 8)."]),
        ("seed = 3", "seed = " + "9" * 5000, ["a number has thousands of digits"]),
        ("seed = 3", "seed = " + "[" * 5000, ["nested too deeply"]),
    ],
)
def test_a_slip_is_told_in_plain_words(right: str, wrong: str, says: list[str]) -> None:
    assert right in SMALL
    message = told(SMALL.replace(right, wrong, 1))
    for each in says:
        assert each in message


def test_faults_written_as_one_table_are_shown_how_to_write_them() -> None:
    text = (
        SMALL[: SMALL.index("# Every day")] + '[faults]\nkind = "hang"\n[variants.a]\npreset = "prototype"\n'
    )
    assert "faults: must be a list of tables, each headed [[faults]]" in told(text)


def test_entries_that_share_a_name_are_told_apart_by_their_place() -> None:
    text = SMALL.replace('kind = "server_error"\nid = "errors"', 'kind = "hang"').replace("0.01", "7")
    assert "faults[1].rate = 7: must be at most 1." in told(text)


def test_a_misspelt_key_that_must_be_given_is_told_once() -> None:
    message = told(SMALL.replace("input_usd_per_million_tokens", "input_usd_per_mtok"))
    assert "did you mean 'input_usd_per_million_tokens'?" in message
    assert "missing" not in message


def test_of_many_slips_five_are_told_each_with_its_nearest_key() -> None:
    message = told(
        SMALL.replace("rate", "raet")
        .replace("kind", "kined")
        .replace("quality", "qality")
        .replace("seed", "sed")
    )
    assert message.count(";") == 5
    assert message.endswith("and 1 more.")


def test_a_file_that_says_nothing_is_told_what_it_must_say() -> None:
    message = told("")
    for table in ("title", "traffic", "targets", "variants"):
        assert f"{table}: missing" in message


keys = st.sampled_from(
    ["title", "traffic", "targets", "faults", "variants", "checks", "kind", "rate", "safeguards", "x"]
)
scalars = (
    st.booleans()
    | st.integers(-5, 5)
    | st.text("ab", max_size=3)
    | st.sampled_from(["hang", "retry", "regex"])
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(keys, trees, max_size=5))
def test_any_tables_give_one_clear_error(tables: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"^mine\.toml: .") as caught:
        parse_scenario(tomlkit.dumps({"y": 1, **tables}), PATH)
    assert "y: unknown key" in caught.value.what or "more" in caught.value.what


@given(st.text())
def test_any_text_gives_one_clear_error(text: str) -> None:
    with pytest.raises(UserError):
        parse_scenario(text, PATH)


def test_a_table_with_nothing_in_it_is_told_in_our_words() -> None:
    with pytest.raises(UserError) as caught:
        parse_scenario(SMALL, PATH, ["variants={}"])
    assert "variants: must be at least 1 long" in str(caught.value)
