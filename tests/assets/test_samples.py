"""The sample material: what a newcomer's first run shows is as varied as a real inbox, and safe to show."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

ASSETS = Path(__file__).parents[2] / "assets"
COLUMNS = ["question", "customer", "plan", "order_id", "date", "expected_intent"]
INTENTS = {
    "where_is_my_order",
    "cancel_subscription",
    "refund_request",
    "change_address",
    "payment_failed",
    "damaged_item",
    "wrong_item",
    "change_plan",
    "gift_card",
    "account_access",
    "product_question",
    "speak_to_person",
    "out_of_scope",
}
# Words that a mail in the language can hardly do without and that no other language of the sample has.
LANGUAGES = {
    "de": r"\b(nicht|ich|mein|wurde|können)\b",
    "es": r"\b(dónde|dinero|llegó|necesito|tarjetas)\b",
    "fr": r"\b(mon|vous|je|j'ai|est-ce)\b",
    "pt": r"\b(onde|queria|recebi|obrigada)\b",
    "it": r"\b(vorrei|arrivata|perché)\b",
    "nl": r"\b(mijn|niks|ontvangen)\b",
    "pl": r"\b(chciałabym|proszę)\b",
    "sv": r"\b(jag|inte|mitt)\b",
    "ja": r"[\u3040-\u30ff]",
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (ASSETS / "data" / "support.csv").open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle, strict=True)
        assert reader.fieldnames == COLUMNS
        return list(reader)


def test_the_file_is_plain_utf8_with_line_feeds_and_no_byte_order_mark() -> None:
    raw = (ASSETS / "data" / "support.csv").read_bytes()
    assert b"\r" not in raw
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert raw.endswith(b"\n")


def test_there_are_320_complete_rows(rows: list[dict[str, str]]) -> None:
    assert len(rows) == 320
    assert all(list(row) == COLUMNS and all(value.strip() for value in row.values()) for row in rows)


def test_no_two_messages_customers_or_orders_are_alike(rows: list[dict[str, str]]) -> None:
    folded = Counter(re.sub(r"\W+", " ", row["question"].casefold()).strip() for row in rows)
    assert folded.most_common(1)[0][1] == 1
    assert len({row["customer"] for row in rows}) == len(rows)
    assert len({row["order_id"] for row in rows}) == len(rows)


def test_no_message_is_another_with_a_word_changed(rows: list[dict[str, str]]) -> None:
    seen: dict[tuple[str, ...], str] = {}
    for row in rows:
        words = re.findall(r"\w+", row["question"].casefold())
        for run in {tuple(words[at : at + 7]) for at in range(len(words) - 6)}:
            assert run not in seen, (seen[run], row["question"])
        seen.update(
            dict.fromkeys((tuple(words[at : at + 7]) for at in range(len(words) - 6)), row["question"])
        )


def test_every_intent_is_met_often_enough_to_be_counted(rows: list[dict[str, str]]) -> None:
    counts = Counter(row["expected_intent"] for row in rows)
    assert set(counts) == INTENTS
    assert min(counts.values()) >= 12
    assert counts.most_common(1)[0][0] == "where_is_my_order"


def test_fields_have_one_form_each(rows: list[dict[str, str]]) -> None:
    assert {row["plan"] for row in rows} == {"Trailhead", "Ridgeline", "Summit"}
    assert all(re.fullmatch(r"FH-\d{5}", row["order_id"]) for row in rows)
    days = [date.fromisoformat(row["date"]) for row in rows]
    assert days == sorted(days)
    assert {day.year for day in days} == {2026}


def test_customers_write_in_many_languages(rows: list[dict[str, str]]) -> None:
    found = {
        code: sum(bool(re.search(words, row["question"], re.IGNORECASE)) for row in rows)
        for code, words in LANGUAGES.items()
    }
    assert all(found.values()), found
    assert sum(found.values()) >= 24


def test_length_and_form_vary_as_in_an_inbox(rows: list[dict[str, str]]) -> None:
    questions = [row["question"] for row in rows]
    assert sum("\n" in question for question in questions) >= 10
    assert sum(question.count("\n") > 3 for question in questions) >= 8
    assert sum(len(question) < 40 for question in questions) >= 15
    assert sum(len(question) > 200 for question in questions) >= 20
    assert sum(bool(re.search(r"\b[A-Z]{4,}\b.*\b[A-Z]{4,}\b", question)) for question in questions) >= 5
    assert sum("> " in question for question in questions) >= 6


def test_nothing_in_it_can_reach_a_real_person(rows: list[dict[str, str]]) -> None:
    text = "\n".join(row["question"] for row in rows)
    hosts = re.findall(r"(?:@|://)([\w.-]*\w)", text)
    assert hosts
    assert all(re.fullmatch(r"example\.(com|net|org)|(.+\.)?\w+\.example", host) for host in hosts), hosts
    phones = re.findall(r"\b\d{3}-\d{4}\b", text)
    assert phones
    assert all(phone.startswith("555-01") for phone in phones)
    assert not re.search(r"\b(?:\d[ -]?){13,19}\b", text)


@pytest.mark.parametrize("name", ["answer.j2", "triage.j2"])
def test_a_prompt_renders_with_the_samples_columns_and_names_every_intent(
    name: str, rows: list[dict[str, str]]
) -> None:
    environment = SandboxedEnvironment(undefined=StrictUndefined)
    template = environment.from_string((ASSETS / "prompts" / name).read_text(encoding="utf-8"))
    # What is expected is for scoring only: a prompt must not be able to see it.
    given = {key: value for key, value in rows[0].items() if key != "expected_intent"}
    prompt = template.render(given)
    assert all(intent in prompt for intent in INTENTS)
    assert all(value in prompt for value in given.values())
