"""`seatrial export` and `import`: runs move to another log, and become scenarios that give the same run again."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.cli.commands import FIRST_DAY, comparable, seatrial


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "log.db"
    assert seatrial("run", FIRST_DAY, "--duration", "20", "--seed", "11", log=path).status == 0
    return path


def summary(log: Path, run: str = "last") -> dict[str, object]:
    return comparable(seatrial("show", run, "--json", log=log).json)


def test_a_run_moves_to_another_log(log: Path, tmp_path: Path) -> None:
    archive, other = tmp_path / "run.zip", tmp_path / "other.db"

    exported = seatrial("export", "last", "-o", archive, "--texts", "--json", log=log)
    imported = seatrial("import", archive, "--json", log=other)

    assert exported.json == {"run": 1, "file": str(archive)}
    assert imported.json == {"run": 1}
    assert summary(other) == summary(log)
    shown = ["show", "last", "--request", "7", "--draws", "--json"]
    assert seatrial(*shown, log=other).json == seatrial(*shown, log=log).json


def test_without_texts_a_request_says_that_they_are_not_there(log: Path, tmp_path: Path) -> None:
    archive, other = tmp_path / "run.zip", tmp_path / "other.db"
    seatrial("export", "last", "-o", archive, log=log)
    seatrial("import", archive, log=other)

    said = seatrial("show", "last", "--request", "7", "--draws", log=other)

    assert said.status == 0
    assert "no prompt: this log holds no prompts and rows of the run" in said.out
    assert "answer: " not in said.out
    texts = seatrial("show", "last", "--request", "7", "--json", log=other).json["variants"]["prototype"][
        "texts"
    ]
    assert (texts["original"], texts["mutated"], texts["answer"]) == ({}, {}, None)


def test_a_run_exported_as_a_scenario_gives_the_same_run(log: Path, tmp_path: Path) -> None:
    scenario, other = tmp_path / "again.toml", tmp_path / "other.db"

    exported = seatrial("export", "last", "-o", scenario, log=log)
    again = seatrial("run", scenario, "--json", log=other)

    assert exported.err == f"run 1 is in {scenario}\n"
    assert comparable(again.json) == summary(log) | {"scenario": "again"}


def test_own_prompts_and_data_are_asked_for_again(tmp_path: Path) -> None:
    prompt, data, log = tmp_path / "mine.txt", tmp_path / "rows.csv", tmp_path / "log.db"
    prompt.write_text("Answer: {{ text }}", encoding="utf-8")
    data.write_text("a,b\nfirst,second\n", encoding="utf-8")
    own = ["--prompts", str(prompt), "--data", str(data), "--map", "text=b"]
    assert seatrial("run", "--duration", "2", *own, log=log).status == 0

    exported = seatrial("export", "last", "-o", tmp_path / "again.toml", log=log)
    again = seatrial("run", tmp_path / "again.toml", *own, log=log)

    assert f"note: the run took its prompts from {prompt}: give it again with --prompts" in exported.err
    assert f"note: the run took its data from {data}: give it again with --data" in exported.err
    assert "note: the columns were matched so: --map text=b" in exported.err
    assert again.status == 0
    assert summary(log, "2") == summary(log, "1") | {"scenario": "again"}


def test_a_file_that_is_there_is_kept_unless_forced(log: Path, tmp_path: Path) -> None:
    archive = tmp_path / "run.zip"
    archive.write_text("precious", encoding="utf-8")

    assert "Use --force to replace it." in seatrial("export", "last", "-o", archive, log=log).complaint
    assert archive.read_text(encoding="utf-8") == "precious"
    assert seatrial("export", "last", "-o", archive, "--force", log=log).status == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("run.doc", "Export to FILE.zip (the run) or FILE.toml."),
        ("nowhere/run.zip", "cannot be written"),
        ("nowhere/run.toml", "cannot be written"),
    ],
)
def test_a_place_that_cannot_be_written(name: str, told: str, log: Path, tmp_path: Path) -> None:
    assert told in seatrial("export", "last", "-o", tmp_path / name, log=log).complaint


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_exported_run_is_refused(content: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "run.zip"
    archive.write_bytes(content)

    assert "no run that Seatrial exported" in seatrial("import", archive, log=tmp_path / "log.db").complaint
    assert "cannot be read" in seatrial("import", tmp_path / "nowhere.zip", log=tmp_path / "log.db").complaint


def test_an_export_without_texts_holds_nothing_of_the_users(tmp_path: Path) -> None:
    data = tmp_path / "secret-place" / "rows.csv"
    data.parent.mkdir()
    data.write_text("question,expected_intent\nzanzibar please,marmalade\nanother zanzibar,treacle\n")
    prompt = tmp_path / "ask.j2"
    prompt.write_text("Say pumpernickel: {{ question }}")
    log, archive_path = tmp_path / "log.db", tmp_path / "run.zip"
    ran = seatrial("run", FIRST_DAY, "--prompts", prompt, "--data", data, "--duration", "5", log=log)
    assert ran.status == 0

    assert seatrial("export", "last", "-o", archive_path, log=log).status == 0

    with zipfile.ZipFile(archive_path) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for text in ("zanzibar", "marmalade", "treacle", "pumpernickel", "secret-place"):
        assert text not in everything
