"""Prompts that cannot be used: told before the run, by name, however wrong or hostile they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.commands import STEADY, Said, seatrial


def tried(tmp_path: Path, content: str | bytes, name: str = "mine.txt") -> Said:
    """A short run with this prompt on two rows."""
    prompt = tmp_path / name
    prompt.write_bytes(content if isinstance(content, bytes) else content.encode())
    data = tmp_path / "rows.csv"
    data.write_text("text,label\nhello,a\nworld,b\n", encoding="utf-8")
    return seatrial(
        "run",
        STEADY,
        "--duration",
        "2",
        "--data",
        data,
        "--prompts",
        prompt,
        "--json",
        log=tmp_path / "log.db",
    )


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{{ text ", "the template is wrong: line 1: unexpected end of template"),
        ("{{ text | nosuch }}", "No filter named 'nosuch'"),
        ("{% include '/etc/passwd' %}{{ text }}", "'include' is not available in a prompt"),
        ("{{ text }} {{ account_number }}", "need 'account_number', and no column fits"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}{{ text }}", "not allowed"),
        ("{{ text|attr('__class__') }}", "not allowed"),
        ("{{ text.__init__.__globals__ }}", "not allowed"),
        ("{{ 'a' * 10**10 }}{{ text }}", "too much memory"),
        ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(text) }}", "nested too deeply"),
        ("{% for a in range(99999) %}{{ text * 1000 }}{% endfor %}", "gave over 1 MB of text"),
    ],
)
def test_a_template_that_never_works_is_told_before_the_run(template: str, told: str, tmp_path: Path) -> None:
    said = tried(tmp_path, template)

    assert told in said.complaint
    assert "prompt" in said.complaint
    assert seatrial("runs", "--json", log=tmp_path / "log.db").json == {"runs": []}


def test_a_template_without_end_is_given_up(tmp_path: Path) -> None:
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{{ text }}"

    complaint = tried(tmp_path, endless).complaint

    assert complaint.startswith("prompt 'mine', row 1: cannot be made of the data: took over 2 s.")


def test_a_template_that_fails_on_some_rows_is_told_and_runs(tmp_path: Path) -> None:
    said = tried(tmp_path, "{{ text if label == 'a' else text.nothing.at_all }}")

    assert said.status == 0
    assert "prompt 'mine' cannot be made of 1 of the first 2 rows (row 2: " in said.err
    for variant in said.json["variants"].values():
        assert 0 < variant["outcomes"]["failed"] < variant["requests"]


def test_what_a_row_says_is_never_a_template(tmp_path: Path) -> None:
    prompt, data, log = tmp_path / "mine.txt", tmp_path / "rows.csv", tmp_path / "log.db"
    prompt.write_text("Answer: {{ text }}", encoding="utf-8")
    data.write_text("text\n{{ 7*7 }}{% for %}\n", encoding="utf-8")

    said = seatrial("run", STEADY, "--duration", "1", "--data", data, "--prompts", prompt, log=log)

    assert said.status == 0
    texts = seatrial("show", "last", "--request", "0", "--json", log=log).json["variants"]["prototype"][
        "texts"
    ]
    assert texts["messages"] == [["user", "Answer: {{ 7*7 }}{% for %}"]]


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "mine.txt", "is empty"),
        (bytes(range(256)), "mine.txt", "is not UTF-8 text"),
        (b"{{ text }}", "mine.docx", "is no prompt by its ending"),
        (b"[[messages]]\nrole = 'wizard'\ncontent = 'x'\n", "mine.toml", "role"),
        (b"- {role: user", "mine.yaml", "is not valid YAML"),
        (b"a: &a [*a]", "mine.yaml", "mine.yaml"),
        (b"{", "mine.json", "is not valid JSON"),
        (b"x" * 1_000_001, "mine.txt", "is over 1 MB"),
    ],
)
def test_a_file_that_is_no_prompt(content: bytes, name: str, told: str, tmp_path: Path) -> None:
    complaint = tried(tmp_path, content, name).complaint

    assert told in complaint
    assert name in complaint


def test_a_folder_without_prompts(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    said = seatrial("run", "--prompts", tmp_path / "empty", log=tmp_path / "log.db")

    assert "holds no prompts. Prompts end in .txt" in said.complaint


@pytest.mark.skipif(os.name != "posix", reason="names as POSIX has them")
def test_files_whose_names_are_no_text(tmp_path: Path) -> None:
    prompt, data, scenario = (
        tmp_path / os.fsdecode(b"mine\xff" + end) for end in (b".txt", b".csv", b".toml")
    )
    prompt.write_text("{{ question }}", encoding="utf-8")
    data.write_text("question\nwhy\n", encoding="utf-8")
    scenario.write_text(STEADY.read_text(encoding="utf-8"), encoding="utf-8")
    log = tmp_path / "log.db"

    said = seatrial(
        "run", scenario, "--duration", "1", "--prompts", prompt, "--data", data, "--json", log=log
    )

    assert said.status == 0, said.err
    assert said.json["scenario"] == "mine\\udcff"
