"""Messy data: each kind of mess on a row that a team might have, and on rows that nobody would wish for."""

from __future__ import annotations

import copy
import re
import string
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.draws import Draws
from app.errors import UserError
from app.inputs.mess import MESS_KINDS, MUTATIONS, Draw, Parameters, mutate
from app.inputs.mess.mojibake import misread, typeset
from app.inputs.mess.off_topic import QUESTIONS
from app.inputs.mess.planted import NAUGHTY, PERSONAL

ROW: dict[str, object] = {
    "id": 4711,
    "subject": "Wrong invoice",
    "body": "The invoice of 2026-03-04 says $1,234.50, but we agreed on less. Call 555-123-4567.",
    "tier": "Gold",
}
TEXT_COLUMNS = ("body", "subject")
CELLS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.datetimes()
    | st.lists(st.text(), max_size=2)
)
unhurried = settings(deadline=None)  # a busy machine is no failure


def draw_of(row_number: int, seed: int = 1) -> Draw:
    draws = Draws(seed)
    return lambda purpose: draws.one(purpose, None, row_number)


def text_of(kind: str, text: str, row_number: int = 0, **parameters: Any) -> str:
    return str(mutate(kind, {"q": text}, ["q"], draw_of(row_number), Parameters(**parameters))["q"])


def test_every_kind_is_described() -> None:
    assert set(MESS_KINDS) == set(MUTATIONS)
    assert all(MESS_KINDS.values())


def test_an_unknown_kind_is_a_clear_error() -> None:
    with pytest.raises(UserError, match="Known are missing_field"):
        mutate("gremlins", ROW, TEXT_COLUMNS, draw_of(0))


@pytest.mark.parametrize("kind", MESS_KINDS)
@unhurried
@given(row_number=st.integers(min_value=0, max_value=10**9))
def test_a_row_gets_a_mess_that_is_always_the_same(kind: str, row_number: int) -> None:
    before = copy.deepcopy(ROW)
    messy = mutate(kind, ROW, TEXT_COLUMNS, draw_of(row_number))
    assert messy != ROW
    assert messy == mutate(kind, ROW, TEXT_COLUMNS, draw_of(row_number))
    assert before == ROW


@pytest.mark.parametrize("kind", MESS_KINDS)
@unhurried
@given(
    row=st.dictionaries(st.sampled_from(["q", "a", "b", ""]), CELLS),
    text_columns=st.lists(st.sampled_from(["q", "a", "", "absent"]), max_size=3),
    drawn=st.floats(min_value=0, max_value=1, exclude_max=True),
)
def test_no_row_makes_a_mutation_raise_or_changes_underfoot(
    kind: str, row: dict[str, object], text_columns: list[str], drawn: float
) -> None:
    before = repr(row)
    mutate(kind, row, text_columns, lambda _purpose: drawn)
    assert repr(row) == before


@pytest.mark.parametrize("kind", MESS_KINDS)
def test_an_empty_row_stays_an_empty_row(kind: str) -> None:
    assert mutate(kind, {}, TEXT_COLUMNS, draw_of(0)) == {}


@pytest.mark.parametrize(
    "text",
    ["\u0000", "👩‍👩‍👧‍👦 hi", "\ud800", "％ｓ", "{{ 7*7 }}", "Ω≈ç√", "\u202etxt.exe", "'; DROP TABLE x"],
)
@pytest.mark.parametrize("kind", MESS_KINDS)
def test_naughty_strings_do_no_harm(kind: str, text: str) -> None:
    assert "q" in mutate(kind, {"q": text}, ["q"], draw_of(0)) or kind == "missing_field"


def test_a_missing_field_is_one_of_the_prompts_own() -> None:
    gone = {
        column
        for row_number in range(50)
        for column in set(ROW) - set(mutate("missing_field", ROW, TEXT_COLUMNS, draw_of(row_number)))
    }
    assert gone == {"body", "subject"}


def test_a_null_text_keeps_its_key() -> None:
    messy = mutate("null_text", ROW, ["body"], draw_of(0))
    assert messy == {**ROW, "body": None}


@pytest.mark.parametrize(
    ("text", "misread_text"),
    [
        ('It\'s "fine" - or not...', "Itâ€™s â€œfineâ€\x9d â€“ or notâ€¦"),
        ("the Cafe near us", "the CafÃ© near us"),
        ("Grüße", "GrÃ¼ÃŸe"),
        ("hello world", "helloÂ\xa0world"),
        ("hello", "ï»¿hello"),
    ],
)
def test_mojibake_shows_in_plain_ascii_too(text: str, misread_text: str) -> None:
    assert text_of("mojibake", text) == misread_text


@unhurried
@given(st.text(min_size=1))
def test_mojibake_always_changes_the_text_and_loses_nothing(text: str) -> None:
    typed = typeset(text)
    assert misread(typed) != text
    octets = b"".join(
        bytes([ord(char)]) if ord(char) < 256 else char.encode("cp1252") for char in misread(typed)
    )
    assert octets.decode("utf-8", errors="surrogatepass") == typed


@unhurried
@given(st.text(string.ascii_letters + " .", min_size=1, max_size=200), st.integers(0, 1000))
def test_typos_hit_some_words_and_never_none(text: str, row_number: int) -> None:
    messy = text_of("typos", text, row_number)
    has_a_word = any(len(word) > 1 for word in text.replace(".", " ").split())
    assert (messy != text) is has_a_word


def test_more_severity_only_adds_typos() -> None:
    text = "please send the corrected invoice to our accounting office before the end of next week"
    words = text.split()
    hit = []
    for severity in (0.0, 0.1, 0.4, 1.0):
        messy = text_of("typos", text, 3, severity=severity).split()
        assert len(messy) == len(words)
        hit.append({at for at, word in enumerate(words) if messy[at] != word})
    assert hit[0] == set()
    assert hit[0] < hit[1] <= hit[2] < hit[3] == set(range(len(words)))


def test_typos_leave_numbers_and_codes_alone() -> None:
    messy = text_of("typos", "order 20431234 of 2026-03-04 is late", severity=1.0)
    assert "20431234" in messy
    assert "2026-03-04" in messy


@unhurried
@given(text=st.text(min_size=1, max_size=300).filter(str.strip), row_number=st.integers(0, 99))
def test_far_too_long_quotes_the_question_until_it_is(text: str, row_number: int) -> None:
    messy = text_of("far_too_long", text, row_number, repeat_to_chars=5_000)
    assert messy.startswith(text + "\n\n-----Original Message-----\n> From: ")
    assert 5_000 <= len(messy) < 5_000 + 2 * len(text) + 2_000 + 12 * text.count("\n")


def test_far_too_long_quotes_a_long_question_once() -> None:
    text = "word " * 6_000
    assert text_of("far_too_long", text).count("Original Message") == 1


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("2026-03-04", {"04.03.26", "March 4th", "4/3/2026", "4 Mar 2026", "20260304"}),
        ("04.03.2026", {"04.03.26", "March 4th", "4/3/2026", "4 Mar 2026", "20260304"}),
        ("March 4, 2026", {"04.03.26", "March 4th", "4/3/2026", "4 Mar 2026", "20260304"}),
        ("4 Mar 2026", {"04.03.26", "March 4th", "4/3/2026", "20260304"}),
        ("31/12/2026", {"31.12.26", "December 31st", "31 Dec 2026", "20261231"}),
        (
            "2026-03-04T09:30:00Z",
            {f"{day} 09:30" for day in ("04.03.26", "March 4th", "4/3/2026", "4 Mar 2026")},
        ),
        ("1,234.50", {"1.234,50", "1234,50"}),
        ("1.234.567,8", {"1,234,567.8", "1234567.8"}),
        ("$1,234.50", {"1.234,50 $", "1.234,50 USD", "1234,50 $", "1234,50 USD"}),
        ("12 €", {"12 EUR"}),
        ("555-123-4567", {"5551234567", "555.123.4567", "(555) 1234567"}),
        ("+44 20 7946 0958", {"00442079460958", "+442079460958", "0044-207-9460958"}),
    ],
)
def test_mixed_formats(text: str, forms: set[str]) -> None:
    found = {text_of("mixed_formats", f"see {text}, please", row_number) for row_number in range(100)}
    wanted = {f"see {form}, please" for form in forms}
    assert wanted <= found
    assert f"see {text}, please" not in found


@pytest.mark.parametrize(
    "text",
    ["no facts here", "order 20431234", "2026-02-31", "10.0.0.1", "version v1.2", "2 of 3", "", "١٢٣٤٫٥"],
)
def test_what_has_no_other_format_stays(text: str) -> None:
    row: dict[str, object] = {"q": text, "n": 7, "x": float("inf"), "none": None}
    assert mutate("mixed_formats", row, ["q"], draw_of(0)) == row


def test_columns_beside_the_text_get_other_formats_and_names_another_case() -> None:
    row: dict[str, object] = {
        "tier": "Gold",
        "code": "AB-12",
        "amount": 1234.5,
        "day": date(2026, 3, 4),
        "seen": datetime(2026, 3, 4, 9, 30),
    }
    messy = mutate("mixed_formats", row, ["q"], draw_of(5))
    assert messy["tier"] in {"GOLD", "gold"}
    assert messy["code"] == "AB-12"
    assert messy["amount"] in {"1.234,5", "1234,5"}
    assert all(isinstance(messy[column], str) for column in ("day", "seen"))
    assert str(messy["seen"]).endswith(" 09:30")


@pytest.mark.parametrize(
    "text", ["1" * 50_000, "1." * 20_000, "1,111" * 10_000, "$" * 50_000, "+1 " * 20_000, "(" * 50_000]
)
def test_the_search_for_facts_takes_linear_time(text: str) -> None:
    text_of("mixed_formats", text)


def test_an_off_topic_question_takes_the_place_of_the_main_text() -> None:
    messy = mutate("off_topic", ROW, TEXT_COLUMNS, draw_of(0))
    assert messy["body"] in QUESTIONS
    assert {**messy, "body": ROW["body"]} == ROW
    assert len(set(QUESTIONS)) == 30
    assert all(text_of("off_topic", question) != question for question in QUESTIONS)


# -- more kinds of mess ---------------------------------------------------------

MESSAGE = "Where is my order FH-19333? I have waited. Please help & hurry."


def test_swapped_columns_are_two_of_the_prompts_own_or_any_other() -> None:
    swapped = mutate("swapped_columns", ROW, TEXT_COLUMNS, draw_of(0))
    assert (swapped["body"], swapped["subject"]) == (ROW["subject"], ROW["body"])
    alone = [mutate("swapped_columns", ROW, ["body"], draw_of(number)) for number in range(30)]
    assert {str(row["body"]) for row in alone} == {"4711", "Wrong invoice", "Gold"}
    assert all(sorted(map(str, row.values())) == sorted(map(str, ROW.values())) for row in alone)


def test_an_empty_field_keeps_its_key() -> None:
    assert mutate("empty_field", ROW, ["body"], draw_of(0)) == {**ROW, "body": ""}


def test_stray_characters_are_invisible_and_lose_nothing() -> None:
    messy = text_of("stray_characters", MESSAGE)
    assert messy.startswith("\ufeff")
    assert "".join(c for c in messy if c.isprintable()) == MESSAGE


def test_html_is_escaped_and_marked_up() -> None:
    messy = text_of("html_left_in", MESSAGE)
    assert messy.startswith("<div")
    assert "&amp;" in messy
    assert "&nbsp;" in messy


def test_shouting_is_in_capitals() -> None:
    assert text_of("shouting", MESSAGE) == MESSAGE[:-1].upper() + "!!!"


def test_emoji_follow_every_sentence() -> None:
    messy = text_of("emoji", MESSAGE)
    assert len(re.findall(r"[.?] [^\w\s]", messy)) == 3


@pytest.mark.parametrize("kind", ["mixed_language", "personal_data", "prompt_injection"])
def test_what_is_put_around_a_message_leaves_it_whole(kind: str) -> None:
    messy = {text_of(kind, MESSAGE, number) for number in range(60)}
    assert len(messy) > 3
    assert all(MESSAGE in text and text != MESSAGE for text in messy)


@unhurried
@given(text=st.text(min_size=3).filter(str.strip), row_number=st.integers(0, 10**6))
def test_a_message_that_is_cut_off_keeps_a_third_to_two_thirds(text: str, row_number: int) -> None:
    kept = text_of("cut_off", text, row_number)
    assert text.startswith(kept)
    assert len(text) / 3 - 0.5 <= len(kept) <= 2 * len(text) / 3 + 0.5


def test_personal_data_reaches_nobody() -> None:
    everything = "\n".join(PERSONAL)
    assert set(re.findall(r"@[\w.]+\w", everything)) <= {"@example.com", "@example.org"}
    assert set(re.findall(r"\d{3}-\d{3}-\d{4}", everything)) <= {"202-555-0143"}
    assert set(re.findall(r"(?:\d{4} ){3}\d{4}\b", everything)) <= {
        "4111 1111 1111 1111",
        "5555 5555 5555 4444",
    }


def test_a_naughty_string_is_all_that_a_field_holds() -> None:
    rows = [mutate("naughty_strings", ROW, TEXT_COLUMNS, draw_of(number)) for number in range(300)]
    planted = {str(row[name]) for row in rows for name in TEXT_COLUMNS if row[name] != ROW[name]}
    assert planted == set(NAUGHTY)
    assert all(sum(row[name] != ROW[name] for name in ROW) == 1 for row in rows)
