"""What a drop holds, and what each file is: told by its ending, and by its beginning where that leaves it open."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QUrl

from app.engine.control import Control
from app.engine.run import Listener, Order, run_scenario
from app.errors import UserError
from app.scenario.files import open_scenario, ready_made
from app.sessions.exporting import export_run
from app.sessions.session_log import SessionLog
from tests.inputs.shared_data import SHARED, shared
from tests.widgets.inputs.files import write
from widgets.inputs.drops import classify, dropped_files

CHAT = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{ text }}"}]


def dropped(*urls: str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl(url) for url in urls])
    return mime


def test_given_several_local_files_then_their_paths_come_in_order(tmp_path: Path) -> None:
    paths = [tmp_path / "a b.csv", tmp_path / "prompts"]

    assert dropped_files(dropped(*(path.as_uri() for path in paths))) == paths


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/data.csv",
        "ftp://example.org/x",
        "file://server/share/x.csv",
        "smb://host/share/x",
    ],
)
def test_given_a_remote_address_then_the_drop_is_refused_with_a_reason(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match="only files on this machine") as raised:
        dropped_files(dropped((tmp_path / "a.csv").as_uri(), url))

    assert raised.value.do


def test_given_text_then_there_are_no_files() -> None:
    mime = QMimeData()
    mime.setText("https://example.org")

    assert dropped_files(mime) == []


@pytest.mark.parametrize("name", list(ready_made()))
def test_given_a_ready_made_scenario_then_it_is_one(name: str) -> None:
    assert classify(ready_made()[name]) == "scenario"


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.txt", "Hello {{ name }}", "prompts"),
        ("a.MD", "# Hello", "prompts"),
        ("a.j2", "{{ text }}", "prompts"),
        ("a.yaml", "messages: []", "prompts"),
        ("a.csv", "", "data"),
        ("a.tsv", "a\tb\n1\t2\n", "data"),
        ("a.jsonl", '{"role": "user", "content": "x"}\n', "data"),
        ("chat.toml", '# ours\n[[messages]]\nrole = "user"\ncontent = """\n[traffic]\n"""\n', "prompts"),
        ("chat2.toml", 'messages = [{role = "user", content = "x"}]', "prompts"),
        ("mine.toml", '# messages\ntitle = "Mine"\n[[variants.x.safeguards]]\n', "scenario"),
        ("bom.toml", '\ufeff[[messages]]\nrole = "user"\n', "prompts"),
        ("broken.toml", "][", "scenario"),
        ("chat.json", json.dumps({"messages": CHAT}), "prompts"),
        ("chat2.json", json.dumps(CHAT), "prompts"),
        ("rows.json", json.dumps([{"text": "a", "role": "user"}]), "data"),
        ("rows2.json", json.dumps({"messages": [{"role": "bot", "content": "a"}]}), "data"),
        ("broken.json", "{", "data"),
        ("deep.json", "[" * 100_000, "data"),
        ("long.json", "9" * 10_000, "data"),
        ("rows.dat", "a;b\n1;2\n", "data"),
        ("wide.json", json.dumps(CHAT).encode("utf-16"), "prompts"),
    ],
)
def test_given_an_ending_and_a_beginning_then_the_kind_follows(
    tmp_path: Path, name: str, content: str | bytes, kind: str
) -> None:
    assert classify(write(tmp_path / name, content)) == kind


def test_given_data_of_many_megabytes_then_only_its_beginning_counts(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.json", "[" + '{"role": "user", "content": "x"},' * 100_000)

    assert classify(rows) == "data"


def test_given_a_folder_then_it_needs_prompts_in_it(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "empty").mkdir()
    write(tmp_path / "full" / "a.j2", "{{ text }}")

    assert classify(tmp_path / "full") == "prompts"
    with pytest.raises(UserError, match="without prompts"):
        classify(tmp_path / "empty")


def test_given_an_exported_run_then_it_is_one_and_another_zip_is_none(tmp_path: Path) -> None:
    with SessionLog.open(tmp_path / "log.db") as log:
        file = open_scenario("support-assistant", ["duration_s=1"])
        run_id = run_scenario(Order(file), log, Control(), Listener())
        export_run(log, run_id, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("rows.csv", "a,b")

    assert classify(tmp_path / "run.zip") == "run"
    with pytest.raises(UserError, match="no run that Seatrial exported"):
        classify(tmp_path / "other.zip")


@pytest.mark.parametrize("name", ["table.xlsx", "table.parquet", "photo"])
def test_given_what_is_no_text_then_it_is_refused_with_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="Export tables as CSV"):
        classify(write(tmp_path / name, b"PK\x03\x04" + bytes(100)))


def test_given_a_file_that_is_gone_then_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not there any more"):
        classify(tmp_path / "gone.csv")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data is not here")
def test_given_real_data_then_it_is_data() -> None:
    assert {classify(shared(name)) for name in ("banking77-train.csv", "naughty-strings.json")} == {"data"}
