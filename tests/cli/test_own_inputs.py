"""Prompts and data that users bring: read whatever they come as, or one message tells why not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.commands import FIRST_DAY, ROOT, STEADY, Said, seatrial

SHARED = ROOT.parent / "shared" / "data"
SHORT = ("--duration", "3")


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    file = tmp_path / "mine.txt"
    file.write_text("Answer: {{ text }}", encoding="utf-8")
    return file


def tried(data: Path, prompt: Path, *options: str, scenario: str | Path = STEADY) -> Said:
    """A short run on own data with an own prompt; whatever happens, it is told as it should be."""
    log = prompt.with_name("log.db")
    said = seatrial("run", scenario, *SHORT, "--data", data, "--prompts", prompt, *options, "--json", log=log)
    assert said.status in (0, 2)
    assert "Traceback" not in said.err
    if said.status == 0:
        for variant in said.json["variants"].values():
            assert variant["requests"] == said.json["offered"] > 0
    return said


def texts_of(prompt: Path, number: int) -> dict[str, object]:
    """What request `number` of the last run was about."""
    shown = seatrial("show", "last", "--request", str(number), "--json", log=prompt.with_name("log.db"))
    found: dict[str, object] = shown.json["variants"]["prototype"]["texts"]
    return found


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
class TestSharedData:
    """On real questions to a bank."""

    def test_an_own_prompt_on_ten_thousand_own_rows(self, prompt: Path) -> None:
        said = tried(SHARED / "banking77-train.csv", prompt, scenario=FIRST_DAY)

        assert said.status == 0
        assert "expected_intent is taken from column 'category' (similar meaning)" in said.err
        shown = texts_of(prompt, 1)
        assert shown["messages"] == [["user", f"Answer: {shown['original']['text']}"]]  # type: ignore[index]

    def test_the_sample_prompts_on_own_rows_say_which_columns_they_miss(self, tmp_path: Path) -> None:
        complaint = seatrial(
            "run", *SHORT, "--data", SHARED / "banking77-train.csv", log=tmp_path / "log.db"
        ).complaint

        assert "the prompts need 'customer', 'date', 'order_id', 'plan'" in complaint
        assert "the data has 'text', 'category'" in complaint
        assert "--map variable=column" in complaint

    @pytest.mark.parametrize("ending", ["txt", "csv", "jsonl"])
    def test_every_naughty_string_is_a_row(self, ending: str, prompt: Path) -> None:
        strings: list[str] = json.loads((SHARED / "naughty-strings.json").read_text(encoding="utf-8"))
        data = prompt.with_name(f"naughty.{ending}")
        with data.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            if ending == "csv":
                csv.writer(file).writerows([["text"], *([each or " "] for each in strings)])
            elif ending == "jsonl":
                file.writelines(json.dumps({"text": each}) + "\n" for each in strings)
            else:
                file.writelines(f"{each}\n" for each in ["text", *strings])

        said = tried(data, prompt, "--set", "traffic.rate_per_s=200", "--set", "traffic.order=in_order")

        if ending == "jsonl":
            assert said.status == 0
            for number in (3, 100, 400):
                shown = texts_of(prompt, number)
                assert shown["messages"] == [["user", f"Answer: {shown['original']['text']}"]]  # type: ignore[index]


def test_windows_1252(prompt: Path) -> None:
    data = prompt.with_name("rows.csv")
    data.write_bytes("text,label\nGrüße – wo ist meine Straße?,a\n".encode("cp1252"))

    said = tried(data, prompt)

    assert said.status == 0
    assert "note: encoding guessed: cp1252" in said.err
    assert texts_of(prompt, 0)["messages"] == [["user", "Answer: Grüße – wo ist meine Straße?"]]


def test_a_byte_order_mark_and_semicolons(prompt: Path) -> None:
    data = prompt.with_name("rows.csv")
    data.write_bytes(b"\xef\xbb\xbftext;label\nhello, you;a\n")

    assert tried(data, prompt).status == 0
    assert texts_of(prompt, 0)["original"] == {"text": "hello, you", "label": "a"}


def test_a_column_by_another_name_is_mapped(prompt: Path) -> None:
    data = prompt.with_name("rows.csv")
    data.write_text("a,b\nfirst,second\n", encoding="utf-8")

    assert "'text', and no column fits" in tried(data, prompt).complaint
    assert tried(data, prompt, "--map", "text=b").status == 0
    assert texts_of(prompt, 0)["messages"] == [["user", "Answer: second"]]


def test_bad_rows_are_listed_and_the_good_ones_run(prompt: Path) -> None:
    data = prompt.with_name("rows.jsonl")
    data.write_text('{"text": "a"}\n{broken\n[1]\n{"text": "\\ud800"}\n{"other": 1}\n', encoding="utf-8")

    said = tried(data, prompt)

    assert said.status == 0
    assert "3 bad rows left out (row 2: invalid JSON" in said.err
    assert "1 row left out (row 5: no 'text')" in said.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"text\n", "has no rows"),
        (b"\0" * 4000, "is binary"),
        (bytes(range(256)) * 20, "is binary"),
        (b"PK\x03\x04 and so on", "an Excel workbook"),
        (b"te\0xt,label\na,b\n", "cannot be read: NUL characters"),
    ],
    ids=["empty", "header", "nul", "binary", "workbook", "header with NUL"],
)
def test_a_file_that_cannot_be_used(content: bytes, told: str, prompt: Path) -> None:
    data = prompt.with_name("rows.csv")
    data.write_bytes(content)

    complaint = tried(data, prompt).complaint

    assert told in complaint
    assert "rows.csv" in complaint


def test_json_nested_beyond_all_measure(prompt: Path) -> None:
    data = prompt.with_name("rows.json")
    data.write_bytes(b"[" * 100_000)

    assert "rows.json: is nested too deeply" in tried(data, prompt).complaint


def test_a_folder_as_data(prompt: Path) -> None:
    assert "is a folder. Give one data file." in tried(prompt.parent, prompt).complaint


@pytest.mark.parametrize(
    "content",
    [
        b'text,label\n"open,a\nb,c\nd,e\nf,g\n',
        b"text,label\na\0b,c\nd,e\n",
        b'text,label\na"b"c,"d" e\nf,g\n',
    ],
    ids=["open quote", "NUL in a row", "stray quotes"],
)
def test_a_broken_row_costs_no_other(content: bytes, prompt: Path) -> None:
    data = prompt.with_name("rows.csv")
    data.write_bytes(content)

    said = tried(data, prompt)

    assert said.status == 0
    assert "1 bad row left out (row 1" in said.err
