"""Scenario files: found, read, confined to their folder, and written with their comments."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assets
from app.errors import UserError
from app.scenario.files import changed_text, lesson, open_scenario, parse_scenario, ready_made, within
from app.scenario.model import Change
from tests.scenario.small import SMALL

PATH = Path("mine.toml").resolve()


def test_a_file_is_read_with_its_settings_applied_to_its_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("\ufeff" + SMALL, encoding="utf-8")
    file = open_scenario(str(path), ["seed=11", "traffic.rate_per_s=4", "patience_s=9", "title=My own"])
    assert (file.name, file.folder) == ("mine", tmp_path)
    scenario = file.scenario
    assert (scenario.seed, scenario.traffic.rate_per_s, scenario.patience_s, scenario.title) == (
        11,
        4,
        9,
        "My own",
    )
    assert parse_scenario(file.text, path).scenario == scenario
    assert "rate_per_s = 4 # one every half second" in file.text


def test_a_ready_made_scenario_goes_by_its_name() -> None:
    assert open_scenario("support-assistant").scenario.seed == 7


def test_a_name_that_is_nearly_right_is_told_the_right_one() -> None:
    with pytest.raises(UserError, match=r"Did you mean 'messy-data'\?") as caught:
        open_scenario("mesy-data")
    assert all(name in str(caught.value) for name in ready_made())


@pytest.mark.parametrize("name", ["", ".", "a\0b", "x" * 5000, "no/such/place.toml"])
def test_what_is_no_file_is_a_clear_error(name: str) -> None:
    with pytest.raises(UserError, match="there is no scenario"):
        open_scenario(name)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"\xff\xfe\x00", "no UTF-8 text"), (b"#" * 5_000_001, "too large"), (b"", "missing")],
)
def test_a_file_that_is_no_scenario_is_a_clear_error(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "other.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        open_scenario(str(path))


@pytest.mark.parametrize("setting", ["seed", "=3", "seed=x", "nope=1", "traffic.x.y=1", "changes.0.at_s=1"])
def test_a_setting_that_cannot_be_made_is_a_clear_error(setting: str) -> None:
    with pytest.raises(UserError):
        parse_scenario(SMALL, PATH, [setting])


def test_the_first_comment_is_the_lesson() -> None:
    assert lesson("# One.\n#  Two.\ntitle = 1\n# not this\n") == "One. Two."
    assert lesson("title = 1\n# not this") == ""


# -- what a scenario may read --------------------------------------------------------------------------------


def test_a_path_beside_the_scenario_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert within(tmp_path, "data/rows.csv", what="data") == tmp_path.resolve() / "data" / "rows.csv"
    assert within(tmp_path, "data/../rows.csv", what="data") == tmp_path.resolve() / "rows.csv"


def test_a_sample_is_found_by_its_name() -> None:
    assert within(PATH.parent, "sample:support.csv", what="data").is_file()
    assert within(PATH.parent, "sample:prompts", what="prompts").is_dir()


@pytest.mark.parametrize(
    "path", ["../rows.csv", "/etc/passwd", "a/../../b", "link/rows.csv", "~/../../x/../../y"]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="outside of the scenario's folder") as caught:
        within(folder, path, what="data")
    assert caught.value.option == "--data PATH"


@pytest.mark.parametrize("name", ["", "nope.csv", "../pyproject.toml", "/etc/passwd", "a\0b", "x" * 5000])
def test_a_sample_that_is_none_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(UserError, match="there is no sample") as caught:
        within(PATH.parent, f"sample:{name}", what="data")
    assert "support.csv" in str(caught.value)


@given(st.text() | st.text().map(lambda text: f"sample:{text}"))
def test_whatever_the_path_nothing_outside_is_ever_named(path: str) -> None:
    folder = Path(assets.__file__).parent if path.startswith("sample:") else Path(__file__).parent
    try:
        found = within(folder, path, what="data")
    except UserError:
        return
    assert found.is_relative_to(folder)


# -- writing -------------------------------------------------------------------------------------------------


def test_recorded_changes_take_the_place_of_the_scenario_s_own() -> None:
    with_one = changed_text(SMALL, (), [Change(at_s=1, set="faults.hang.rate", value=1)])
    changes = [
        Change(at_s=2.5, set="traffic.rate_per_s", value=4, label="More"),
        Change(at_s=3, set="faults.storm", value={"kind": "hang", "rate": 1, "to_s": None}),
    ]
    text = changed_text(with_one, (), changes)
    scenario = parse_scenario(text, PATH).scenario
    assert scenario.changes[0] == changes[0]
    assert scenario.changes[1].value == {"kind": "hang", "rate": 1}
    assert text.startswith(SMALL.rstrip("\n"))
    assert "changes" not in tomllib.loads(changed_text(text, (), []))


def test_a_setting_of_none_is_left_out_of_the_text() -> None:
    limited = changed_text(SMALL, [("targets.primary.rpm", 500)])
    assert tomllib.loads(limited)["targets"]["primary"]["rpm"] == 500
    assert tomllib.loads(changed_text(limited, [("targets.primary.rpm", None)])) == tomllib.loads(SMALL)
