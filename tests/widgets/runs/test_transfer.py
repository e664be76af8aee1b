"""Runs written to files and taken in, in real files: progress, cancel, and clear words when it fails."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.scenario.files import open_scenario
from app.sessions.session_log import SessionLog
from tests.widgets.runs.logs import logged
from widgets.background import CancelledError, Job
from widgets.runs.page import RunsPage
from widgets.runs.transfer import SCENARIO, WITH_TEXTS
from widgets.runs.transfer_work import export_to, import_from


def test_a_run_goes_out_and_comes_in_again(
    page: RunsPage, log_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    target = tmp_path / "run.zip"
    with qtbot.waitSignal(page.transfer.exported):
        page.transfer.export_run(2, target)
    assert page.transfer.bar.label.text() == f"Run 2 is in {target}."

    with qtbot.waitSignal(page.transfer.imported) as imported:
        page.import_file(target)
    assert imported.args == [4]
    qtbot.waitUntil(lambda: page.selected() == [4])
    assert page.details.title.text() == "Before the launch"
    assert logged(log_path) == [4, 3, 2, 1]


def test_several_files_are_taken_in_one_after_the_other(
    page: RunsPage, log_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    for run_id in (1, 2):
        with qtbot.waitSignal(page.transfer.exported):
            page.transfer.export_run(run_id, tmp_path / f"{run_id}.zip")

    for run_id in (1, 2):
        page.import_file(tmp_path / f"{run_id}.zip")

    qtbot.waitUntil(lambda: page.shown.rowCount() == 5)
    assert logged(log_path) == [5, 4, 3, 2, 1]


def test_a_scenario_is_exported_that_gives_the_run_again(
    page: RunsPage, tmp_path: Path, qtbot: QtBot
) -> None:
    target = tmp_path / "again.toml"
    with qtbot.waitSignal(page.transfer.exported):
        page.transfer.export_run(3, target)

    assert open_scenario(str(target)).scenario.seed == 8


@pytest.mark.parametrize(
    ("kind", "name", "with_rows"),
    [("", "run.zip", False), (WITH_TEXTS, "run.zip", True), (SCENARIO, "run.toml", None)],
)
def test_the_dialog_asks_what_to_write(
    kind: str, name: str, with_rows: bool | None, page: RunsPage, tmp_path: Path, qtbot: QtBot
) -> None:
    page.select(1)
    page.export_selected()
    dialog = page.findChild(QFileDialog, "export_dialog")
    assert isinstance(dialog, QFileDialog)
    if kind:
        dialog.selectNameFilter(kind)

    with qtbot.waitSignal(page.transfer.exported):
        dialog.fileSelected.emit(str(tmp_path / name))
    dialog.close()

    if with_rows is not None:
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert ("data_rows.jsonl" in archive.namelist()) == with_rows


def test_what_is_no_run_is_refused_in_words(
    page: RunsPage, log_path: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    broken = tmp_path / "broken.zip"
    broken.write_text("no zip")

    with qtbot.waitSignal(page.problem) as problem:
        page.import_file(broken)

    assert problem.args is not None
    assert "no run that Seatrial exported" in str(problem.args[0])
    assert not page.transfer.bar.isVisible()
    assert logged(log_path) == [3, 2, 1]


def test_a_place_that_cannot_be_written_is_told(page: RunsPage, tmp_path: Path, qtbot: QtBot) -> None:
    for name in ("run.zip", "run.toml"):
        with qtbot.waitSignal(page.problem) as problem:
            page.transfer.export_run(1, tmp_path / "nowhere" / name)
        assert problem.args is not None
        assert "cannot be written" in str(problem.args[0])


class Impatient(Job):
    """Work that is given up after it was looked at so many times."""

    def __init__(self, looks: int, parent: Any) -> None:
        super().__init__(lambda _job: None, parent)
        self._looks = looks

    @property
    def cancelled(self) -> bool:
        self._looks -= 1
        return self._looks < 0


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_an_import_that_is_given_up_leaves_nothing(
    looks: int, log_path: Path, tmp_path: Path, qapp: QApplication
) -> None:
    target = tmp_path / "run.zip"
    job = Job(lambda _job: None, qapp)
    export_to(job, log_path, 1, target, texts=True)

    impatient = Impatient(looks, qapp)
    with pytest.raises(CancelledError):
        import_from(impatient, log_path, target)

    with SessionLog.open(log_path) as log:
        assert log.db.execute("select count(*) from runs").fetchone() == (3,)
        assert log.db.execute("select count(distinct run_id) from rollup_log").fetchone() == (3,)
    for each in (job, impatient):
        each.deleteLater()


def test_an_export_that_is_given_up_leaves_no_file(
    log_path: Path, tmp_path: Path, qapp: QApplication
) -> None:
    impatient = Impatient(3, qapp)
    with pytest.raises(CancelledError):
        export_to(impatient, log_path, 1, tmp_path / "run.zip", texts=True)

    assert [each.name for each in tmp_path.iterdir() if "zip" in each.name] == []
    impatient.deleteLater()


def test_an_import_tells_how_far_it_is(log_path: Path, tmp_path: Path, qapp: QApplication) -> None:
    target = tmp_path / "run.zip"
    job = Job(lambda _job: None, qapp)
    told: list[tuple[float, float]] = []
    job.progressed.connect(lambda done, total: told.append((done, total)))
    export_to(job, log_path, 1, target, texts=True)
    import_from(job, log_path, target)

    assert told
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert 0 < told[-1][0] <= told[-1][1]
    job.deleteLater()


def test_cancel_ends_it_and_the_bar_goes(page: RunsPage, tmp_path: Path, qtbot: QtBot) -> None:
    page.transfer.export_run(1, tmp_path / "run.zip")
    assert page.transfer.bar.button.text() == "Cancel"

    page.transfer.bar.button.click()

    assert not page.transfer.busy
    assert not page.transfer.bar.isVisible()


def test_exporting_without_a_selection_says_what_to_do(page: RunsPage, qtbot: QtBot) -> None:
    page.table.clearSelection()
    with qtbot.waitSignal(page.problem) as problem:
        page.export_selected()
    assert problem.args is not None
    assert isinstance(problem.args[0], UserError)
