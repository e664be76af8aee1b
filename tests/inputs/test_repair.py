"""Repairing fields: what is wrong is undone, what is sound stays, what cannot be repaired is told."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inputs.mess import mutate
from app.inputs.mess.mojibake import typeset
from app.inputs.repair import FieldRule, alike, folded, repair
from tests.assets.test_samples import ASSETS

RULE = FieldRule()
with (ASSETS / "data" / "support.csv").open(encoding="utf-8", newline="") as _opened:
    SAMPLE_ROWS: list[dict[str, object]] = [dict(row) for row in csv.DictReader(_opened)]


def cleaned(text: str, rule: FieldRule = RULE) -> str:
    """What becomes of a field."""
    done = repair({"text": text}, ["text"], rule, {})
    assert not done.problem
    return str(done.values["text"])


def problem(values: dict[str, object], rule: FieldRule = RULE, **own: FieldRule) -> str:
    """Why it cannot be asked about."""
    return repair(values, ["text"], rule, own).problem


@pytest.mark.parametrize("kind", ["mojibake", "stray_characters", "html_left_in"])
def test_such_mess_is_undone_in_every_row_of_the_sample(kind: str) -> None:
    for row in SAMPLE_ROWS:
        messy = mutate(kind, dict(row), ["question"], lambda purpose: 0.3)
        assert messy != row
        done = repair(messy, list(row), RULE, {}).values
        assert all(alike(done[name], row[name]) for name in row), done


def test_clean_rows_stay_as_they_are() -> None:
    for row in SAMPLE_ROWS:
        done = repair(row, list(row), RULE, {})
        assert done.values == row
        assert not done.shortened


def test_several_messes_on_top_of_each_other_are_undone() -> None:
    row: dict[str, object] = {"text": 'My "new" lamp - a gift - is broken.\nCan I send it back?'}
    messy = row
    for kind in ("html_left_in", "stray_characters", "mojibake"):
        messy = mutate(kind, messy, ["text"], lambda purpose: 0.3)
    assert alike(cleaned(str(messy["text"])), row["text"])


@pytest.mark.parametrize(
    "text",
    [
        "3 < 5 and 7 > 2",
        "<hallo@example.com> wrote",
        "if (a<b && c>d)",
        "déjà vu, naïve, Łódź, 東京, 👩‍👩‍👧‍👦",
        "AT&T",
        "Yes\nYes\nYes",
        "  indented code\n\tand a tab",
    ],
)
def test_sound_text_stays_as_it_is(text: str) -> None:
    assert cleaned(text) == text


def test_html_leaves_its_text_with_lines_where_there_were_blocks() -> None:
    text = "<!-- x --><style>p { color: red }</style><p>Tom &amp; Ann&nbsp;ask:</p><p><b>where</b> is it?<br>Soon?</p>"
    assert cleaned(text).split("\n") == ["Tom & Ann ask:", "", "where is it?", "Soon?"]


def test_a_customers_own_tags_that_a_mail_program_escaped_stay() -> None:
    assert cleaned("<p>I wrote &lt;b&gt;bold&lt;/b&gt;</p>") == "I wrote <b>bold</b>"


def test_quoted_lines_and_long_ones_are_taken_out_the_second_time() -> None:
    long = "This sentence has well over forty characters in it."
    done = repair({"text": f"{long}\nHi\nHi\n> Hi\n> {long}\n> > new"}, ["text"], RULE, {})
    assert done.values["text"] == f"{long}\nHi\nHi\n> > new"
    assert done.shortened


@pytest.mark.parametrize("value", [None, "", "  \n", "null", "N/A", "\ufeff\u200b", "<p>&nbsp;</p>"])
def test_what_says_nothing_cannot_be_asked_about(value: object) -> None:
    assert problem({"text": value}) == "field text is empty"


@pytest.mark.parametrize("value", [0, False, 3.5, "0", "none of it came"])
def test_but_a_nought_says_something(value: object) -> None:
    assert problem({"text": value}) == ""


def test_a_field_may_be_missing_or_empty_where_its_rule_says_so() -> None:
    lenient = FieldRule(required=False, not_empty=False)
    assert problem({}) == "field text is missing"
    assert problem({}, text=lenient) == ""
    assert repair({}, ["text"], lenient, {}).values == {"text": ""}
    assert repair({"text": None}, ["text"], lenient, {}).values == {"text": ""}


def test_a_text_that_is_too_long_is_cut_or_told() -> None:
    done = repair({"text": "x" * 50}, ["text"], FieldRule(max_chars=10), {})
    assert (done.values["text"], done.shortened) == ("x" * 10, True)
    assert problem({"text": "x" * 50}, FieldRule(max_chars=10, too_long="ask")) == "field text is too long"


def test_what_is_not_to_be_repaired_is_not() -> None:
    off = FieldRule(mend_encoding=False, strip_control=False, strip_html=False, drop_repeats=False)
    messy = "<p>\ufeffcafÃ©\n> a\n> a</p>"
    assert cleaned(messy, off) == messy


def test_fields_that_the_prompt_does_not_use_stay() -> None:
    assert repair({"text": "a", "other": "<p>b</p>"}, ["text"], RULE, {}).values["other"] == "<p>b</p>"


@given(text=st.text(max_size=300))
def test_any_text_can_be_repaired_and_once_is_enough_for_control_characters(text: str) -> None:
    rule = FieldRule(not_empty=False)
    once = cleaned(text, rule)
    assert not any(ord(each) < 32 and each not in "\t\n\r" for each in once)
    assert len(once) <= len(text) * 18  # the widest ligature there is becomes 18 letters


@given(text=st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=200))
def test_words_set_in_type_and_misread_come_back(text: str) -> None:
    messy = mutate("mojibake", {"text": text}, ["text"], lambda purpose: 0.5)["text"]
    only = FieldRule(strip_html=False, not_empty=False, drop_repeats=False)
    if text.strip():
        assert folded(cleaned(str(messy), only)) == folded(typeset(text).replace("\ufeff", ""))
