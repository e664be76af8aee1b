from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import UserError
from app.sessions.exporting import export_run
from app.sessions.importing import MAX_LINE, import_run
from app.sessions.maintenance import delete
from app.sessions.reader import RunReader, runs
from app.sessions.session_log import SessionLog
from app.sessions.writer import RunWriter
from tests.sessions.sample import NEW_RUN, VARIANTS, batches, hand_over, write_run

Change = Callable[[dict[str, bytes]], None]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SessionLog]:
    with SessionLog.open(tmp_path / "a.db") as opened:
        yield opened


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[SessionLog]:
    """Another team's log, with a run and names of its own."""
    with SessionLog.open(tmp_path / "elsewhere.db") as opened:
        opened.intern(["theirs", "also theirs"])
        RunWriter(opened).start(NEW_RUN)
        yield opened


def rewritten(source: Path, change: Change, target: Path) -> Path:
    """A copy of the export with its members changed."""
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def nothing_of_it(log: SessionLog) -> bool:
    tables = (
        "request_log",
        "attempt_log",
        "rollup_log",
        "event_log",
        "prompts",
        "targets",
        "runs",
        "variants",
    )
    left = {table: log.db.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}
    return left == {
        **dict.fromkeys(tables, 0),
        "runs": 1,
        "variants": 2,
        "targets": 2,
    }  # the run of `elsewhere`


def test_a_run_arrives_elsewhere_as_it_was(log: SessionLog, elsewhere: SessionLog, tmp_path: Path) -> None:
    # given a run and its export, texts and all
    run_id = write_run(log, texts=True)
    export_run(log, run_id, tmp_path / "run.zip", texts=True)
    # when it is imported
    there = RunReader(elsewhere, import_run(elsewhere, tmp_path / "run.zip"))
    here = RunReader(log, run_id)
    # then it has a new id, and everything else is the same
    assert there.run_id == 2
    assert [record.run_id for record in runs(elsewhere)] == [2, 1]
    assert there.record().state == "finished"
    assert there.variants == here.variants
    assert there.events() == here.events()
    assert there.prompts() == here.prompts()
    assert there.row(3) == here.row(3)
    assert there.facts() == here.facts()
    assert there.observations() == here.observations()
    for variant in VARIANTS:
        assert list(there.each_request(variant)) == list(here.each_request(variant))
        assert there.totals(variant) == here.totals(variant)
        assert there.series(variant, 1) == here.series(variant, 1)
        assert there.request(variant, 3) == here.request(variant, 3)
    assert not (tmp_path / "run.zip.part").exists()


def test_names_are_told_in_the_other_logs_numbers(
    log: SessionLog, elsewhere: SessionLog, tmp_path: Path
) -> None:
    writer = RunWriter(log)
    run_id = writer.start(NEW_RUN)
    for _, batch in batches(run_id, duration_s=1, per_s=3):
        batch.requests = [
            [(*row[:9], writer.name("breaker open"), *row[10:]) for row in rows] for rows in batch.requests
        ]
        hand_over(writer, batch)
    writer.end("stopped", 60_000_000)
    export_run(log, run_id, tmp_path / "run.zip")
    there = RunReader(elsewhere, import_run(elsewhere, tmp_path / "run.zip"))
    assert {request.reason for request in there.each_request("prototype")} == {"breaker open"}


def test_texts_stay_at_home_unless_asked_for(log: SessionLog, elsewhere: SessionLog, tmp_path: Path) -> None:
    run_id = write_run(log, texts=True)
    export_run(log, run_id, tmp_path / "run.zip")
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for private in (b"parcel", b"Town", b"on its way"):
        assert private not in everything
    there = RunReader(elsewhere, import_run(elsewhere, tmp_path / "run.zip"))
    assert there.prompts()[0].messages is None
    assert there.row(3) is None
    assert there.totals("prototype") == RunReader(log, run_id).totals("prototype")


def test_an_interrupted_run_arrives_interrupted_and_adds_up(
    log: SessionLog, elsewhere: SessionLog, tmp_path: Path
) -> None:
    writer = RunWriter(log)
    run_id = writer.start(NEW_RUN)
    for now_us, batch in batches(run_id, duration_s=3, per_s=20):
        hand_over(writer, batch)
        writer.flush(now_us)
        if now_us > 2_500_000:
            break
    with pytest.raises(UserError, match="still running"):
        export_run(log, run_id, tmp_path / "run.zip")
    log.db.execute("update runs set pid = null")
    export_run(log, run_id, tmp_path / "run.zip")
    there = RunReader(elsewhere, import_run(elsewhere, tmp_path / "run.zip"))
    assert there.record().state == "interrupted"
    assert there.totals("prototype") == RunReader(log, run_id).totals("prototype")


def test_an_export_that_cannot_be_written_is_told(log: SessionLog, tmp_path: Path) -> None:
    run_id = write_run(log)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        export_run(log, run_id, tmp_path / "file" / "run.zip")
    delete(log, run_id)
    with pytest.raises(UserError, match="no run"):
        export_run(log, run_id, tmp_path / "run.zip")


def replace_line(member: str, column: int, value: Any) -> Change:
    def change(members: dict[str, bytes]) -> None:
        first, _, rest = members[member].partition(b"\n")
        row = json.loads(first)
        row[column] = value
        members[member] = json.dumps(row).encode() + b"\n" + rest

    return change


def manifest(**values: Any) -> Change:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps({**json.loads(members["manifest.json"]), **values}).encode()

    return change


def member(name: str, content: bytes | None) -> Change:
    def change(members: dict[str, bytes]) -> None:
        if content is None:
            del members[name]
        else:
            members[name] = content

    return change


BROKEN: dict[str, tuple[Change, str]] = {
    "a member that does not belong": (member("../../evil.py", b"x"), "evil"),
    "no manifest": (member("manifest.json", None), "no manifest"),
    "another program's manifest": (manifest(format="other"), "another program"),
    "a newer format": (manifest(version=6), "format 6"),
    "a format that is no number": (manifest(version=True), "format True"),
    "rows of another format": (manifest(version=1), "a row needs 5 values"),
    "a manifest that is a list": (member("manifest.json", b"[]"), "another program"),
    "a run that is none": (manifest(run={"scenario": "x"}), "does not describe a run"),
    "rows missing": (member("request_log.jsonl", b""), "rows are missing"),
    "a table missing": (member("variants.jsonl", None), "rows are missing"),
    "a text for a number": (replace_line("request_log.jsonl", 3, "soon"), "line 1 of request_log.jsonl"),
    "a fraction for a number": (replace_line("request_log.jsonl", 3, 1.5), "no integer"),
    "a truth for a number": (replace_line("request_log.jsonl", 3, True), "no integer"),
    "a number beyond 64 bits": (replace_line("attempt_log.jsonl", 4, 2**63), "no integer"),
    "a key beyond the run": (replace_line("request_log.jsonl", 0, 2**43), "no integer"),
    "a key of a variant that is missing": (
        replace_line("request_log.jsonl", 0, 7 << 40),
        "refer to variants",
    ),
    "an outcome that does not exist": (replace_line("request_log.jsonl", 8, 5), "no integer from 0 to 4"),
    "a name that is missing": (replace_line("request_log.jsonl", 9, 77), "request_log.jsonl has name 77"),
    "a target that is missing": (replace_line("attempt_log.jsonl", 1, 9), "refer to targets"),
    "a histogram that is none": (replace_line("rollup_log.jsonl", -2, "AAAA"), "histogram"),
    "faults that are no counts": (replace_line("rollup_log.jsonl", -1, '{"hang": "x"}'), "no integer"),
    "a step that does not exist": (replace_line("rollup_log.jsonl", 1, 7), "no rollups of 7"),
    "a row too short": (member("targets.jsonl", b"[0]\n[1]\n"), "needs 2 values"),
    "a row that is an object": (member("targets.jsonl", b"{}\n{}\n"), "needs 2 values"),
    "the same row twice": (member("targets.jsonl", b'[0,"a"]\n[0,"b"]\n'), "UNIQUE"),
    "an index left out": (member("targets.jsonl", b'[0,"a"]\n[5,"b"]\n'), "targets are missing"),
    "half a character": (member("targets.jsonl", b'[0,"\\ud800"]\n[1,"b"]\n'), "surrogates"),
    "bytes that are no text": (member("targets.jsonl", b"\xff\xfe\n"), "line 1"),
    "brackets without end": (member("targets.jsonl", b"[" * 100_000), "line 1"),
    "not a number": (member("targets.jsonl", b'[NaN,"a"]\n'), "NaN is no JSON"),
    "a bomb": (member("targets.jsonl", b" " * (3 << 20)), "unpacks to"),
    "a line without end": (
        member("targets.jsonl", b"".join(b"%d" % n for n in range(MAX_LINE // 6))),
        "too large",
    ),
    "too many variants": (
        member("variants.jsonl", b"".join(b'[%d,"a","A","{}",null,null]\n' % n for n in range(8)) * 2),
        "too large",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_export_is_one_error_and_leaves_nothing(
    name: str, log: SessionLog, elsewhere: SessionLog, tmp_path: Path
) -> None:
    change, told = BROKEN[name]
    export_run(log, write_run(log, duration_s=2, per_s=5), tmp_path / "run.zip")
    broken = rewritten(tmp_path / "run.zip", change, tmp_path / "broken.zip")
    with pytest.raises(UserError, match=told) as caught:
        import_run(elsewhere, broken)
    assert caught.value.where == str(broken)
    assert nothing_of_it(elsewhere)


def test_a_file_that_is_no_zip_or_not_there_is_one_error(elsewhere: SessionLog, tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    for path, told in (("text.zip", "not a zip"), ("none.zip", "cannot be read"), (".", "no file")):
        with pytest.raises(UserError, match=told):
            import_run(elsewhere, tmp_path / path)
    assert nothing_of_it(elsewhere)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("exported")
    with SessionLog.open(folder / "a.db") as log:
        export_run(log, write_run(log, duration_s=1, per_s=3), folder / "run.zip")
    return (folder / "run.zip").read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_zip_is_one_error_or_the_whole_run(
    data: st.DataObject, exported: bytes, elsewhere: SessionLog, tmp_path: Path
) -> None:
    damaged = bytearray(exported)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))
    (tmp_path / "damaged.zip").write_bytes(damaged[:cut])
    try:
        run_id = import_run(elsewhere, tmp_path / "damaged.zip")
    except UserError:
        run_id = 0
    if run_id:
        assert RunReader(elsewhere, run_id).totals("prototype").requests == 3
        elsewhere.db.execute("update runs set deleted_at = 'now' where id = ?", (run_id,))
    else:
        assert elsewhere.db.execute("select count(*) from runs where state = 'importing'").fetchone() == (0,)
