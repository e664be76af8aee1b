"""The Runs page: every run that was kept, to find, name, open, compare, run again, move and delete.

It shows what `run_table` and `details` draw and starts what `run_work` and `transfer_work` do. It opens no run itself.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QItemSelectionModel, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.sessions.records import RunRecord
from widgets.actions import Actions
from widgets.appearance import Appearance
from widgets.background import Job
from widgets.latest_job import LatestJob
from widgets.real_calls.words import real_lines
from widgets.runs.action_bar import ActionBar
from widgets.runs.commands import RunCommands
from widgets.runs.deletion import Deletion
from widgets.runs.details import RunDetails
from widgets.runs.run_table import NAME, RunsModel, ShownRuns
from widgets.runs.run_view import Empty, RunView
from widgets.runs.run_work import Deleted, Rate, load_rates, load_real, load_runs, name_run
from widgets.runs.transfer import Transfer
from widgets.tasks import Tasks

Rates = dict[int, tuple[Rate, ...]]

_LOOK_AGAIN_MS: Final = 2_000
"""While a run of the list goes on, in this window or another."""


class RunsPage(QWidget):
    """All runs of the session log.

    Signals: `open_run(run_id)` and `run_again(run_id)` for one run, `compare_runs(list of run ids)` for two to four,
    `problem(UserError)` for what the user can put right.
    Attributes: `model`, `shown`, `table`, `details`, `deletion`, `transfer`, `undo_bar`.
    """

    open_run = Signal(object)
    run_again = Signal(object)
    compare_runs = Signal(list)
    problem = Signal(object)

    def __init__(self, log_path: Path | None, actions: Actions, appearance: Appearance) -> None:
        super().__init__()
        self.setObjectName("runs_page")
        self._path = log_path
        self._actions = actions
        self.tasks = Tasks(self)
        self.tasks.failed.connect(self._say_error)
        self.model = RunsModel(self)
        self.model.renamed.connect(self._rename)
        self.shown = ShownRuns(self.model, self)
        self.deletion = Deletion(log_path, self.tasks, self)
        self.deletion.hidden.connect(self._hide)
        self.deletion.offered.connect(self._offer_undo)
        self.deletion.deleted.connect(self._deleted)
        self.transfer = Transfer(log_path, self)
        self.transfer.imported.connect(self._imported)
        self.transfer.failed.connect(self.problem)
        self._real = LatestJob(self)
        self._real.done.connect(self._show_real)
        self._real.failed.connect(self._say_error)
        self._loading: Job | None = None
        self._rating: Job | None = None
        self._wanted: int | None = None
        self._unsaved = False
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_LOOK_AGAIN_MS)
        self._later.timeout.connect(self._look_again)
        self._build()
        appearance.changed.connect(self._restyle)

    def _build(self) -> None:
        self.title = QLabel("Runs", self)
        self.title.setProperty("role", "title")
        self.search = QLineEdit(self)
        self.search.setObjectName("runs_search")
        self.search.setPlaceholderText("Name, scenario, tag, note or number")
        self.search.setAccessibleName("Search runs")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._search)
        self.count = QLabel(self)
        self.count.setObjectName("runs_count")
        self.count.setText("Loading…")
        self.count.setProperty("role", "caption")
        self.table = RunView(self.shown, self)
        self.details = RunDetails(self)
        self.details.edited.connect(self._annotate)
        self.undo_bar = ActionBar("undo_bar", self)
        self.undo_bar.acted.connect(self._undo_deletion)
        self.empty = Empty(
            "runs_empty",
            "No runs yet",
            "Every run is kept here, to be opened, compared and shown again. Press Run on the Trial page, "
            "or import a run that somebody exported.",
            (self._actions["go_trial"], self._actions["import_run"]),
            self,
        )

        self.bar = RunCommands(self.table, self._actions["import_run"], self)
        for name, slot in (
            ("open", self._open),
            ("compare", self._compare),
            ("again", self._again),
            ("export", self.export_selected),
            ("rename", self.table.rename),
            ("delete", self.delete_selected),
        ):
            self.bar.commands[name].triggered.connect(slot)
        self.bar.importing.clicked.connect(self.import_run)
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addWidget(self.search, 1)
        head.addWidget(self.count)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setObjectName("runs_splitter")
        self.splitter.addWidget(self.table)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([900, 300])
        layout = QVBoxLayout(self)
        layout.addLayout(head)
        layout.addWidget(self.bar)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.empty, 1)
        layout.addWidget(self.transfer.bar)
        layout.addWidget(self.undo_bar)

        self.table.doubleClicked.connect(self._open)
        self.table.selectionModel().selectionChanged.connect(self._selected)
        buttons = (*self.bar.buttons.values(), self.bar.importing)
        order = (self.search, *buttons, self.table, self.details.tags, self.details.note)
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)
        self.empty.hide()

    # What is shown

    @Slot()
    def refresh(self) -> None:
        """Read the list again."""
        self.tasks.give_up(self._loading)
        self._loading = self.tasks.start(partial(_load, self._path), self._loaded)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's)
        """Shown means up to date."""
        super().showEvent(event)
        self.refresh()
        self.deletion.purge_soon()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 (Qt's)
        """What nobody sees is not read on."""
        super().hideEvent(event)
        self._later.stop()
        self.details.save()
        self.tasks.give_up(self._rating)
        self._rating = None

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's)
        """On its own it is a window; in one, that window calls `close_page`."""
        self.close_page()
        super().closeEvent(event)

    def close_page(self) -> None:
        """The window closes: save what was typed, delete what waits for it, give up all else. May be called twice."""
        self.details.save()
        try:
            self.deletion.close_down()
        except UserError as error:
            self._say_error(error)  # the runs stay, and nobody is kept waiting
        self.transfer.cancel()
        self._real.cancel()
        self.tasks.give_up(self._loading)
        self.tasks.give_up(self._rating)

    def selected(self) -> list[int]:
        """The runs that are selected, in the order of the table."""
        return [self.shown.run_id(index.row()) for index in self.table.selectionModel().selectedRows()]

    def select(self, run_id: int) -> None:
        """Select one run, as soon as it is there."""
        row = self.shown.row_of(run_id)
        if row is None:
            self._wanted = run_id
            return
        self._wanted = None
        index = self.shown.index(row, NAME)
        flags = QItemSelectionModel.SelectionFlag
        self.table.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.table.scrollTo(index)

    @Slot(object)
    def _loaded(self, records: list[RunRecord]) -> None:
        self._loading = None
        self._unsaved = False
        before = self.selected()
        self.model.set_records(records)
        if self._wanted is not None:
            self.select(self._wanted)
        elif self.shown.rowCount() and not self.table.selectionModel().hasSelection():
            kept = next((each for each in before if self.shown.row_of(each) is not None), None)
            self.select(self.shown.run_id(0) if kept is None else kept)
        self._update_view()
        self._rate_more()
        if self.isVisible() and any(each.state == "running" for each in records):
            self._later.start()

    @Slot()
    def _look_again(self) -> None:
        """How far the runs are that go on; not while a name is being typed over."""
        if self.table.editing:
            self._later.start()
        else:
            self.refresh()

    def _rate_more(self) -> None:
        """Read the rates that are not known yet, in the order of the table."""
        unknown = [
            run_id
            for run_id in (self.shown.run_id(row) for row in range(self.shown.rowCount()))
            if self.model.rates(run_id) is None
        ]
        self.tasks.give_up(self._rating)
        self._rating = None
        if unknown and self.isVisible():
            self._rating = self.tasks.start(partial(_rate, self._path, unknown), self._rated)

    @Slot(object)
    def _rated(self, found: Rates) -> None:
        self._rating = None
        self.model.set_rates(found)
        self._selected()
        self._rate_more()

    def _update_view(self) -> None:
        there = sum(each.run_id not in self.shown.hidden for each in self.model.records)
        shown = self.shown.rowCount()
        self.empty.setVisible(not there)
        self.splitter.setVisible(bool(there))
        runs = "run" if there == 1 else "runs"
        self.count.setText(f"{there:,} {runs}" if shown == there else f"{shown:,} of {there:,} {runs}")
        self._selected()

    @Slot()
    def _restyle(self) -> None:
        """The type may have another size."""
        self.table.fit()

    @Slot(str)
    def _search(self, text: str) -> None:
        self.shown.search(text)
        self._update_view()

    @Slot()
    def _selected(self) -> None:
        chosen = self.selected()
        record = self.model.record(chosen[0]) if len(chosen) == 1 else None
        rates = None if record is None else self.model.rates(record.run_id)
        self.details.show_run(record, rates, len(chosen))
        if record is not None and record.clock == "wall":
            path, run_id = self._path, record.run_id
            self._real.run(lambda _job: load_real(path, run_id))
        else:
            self._real.cancel()
        self.bar.suit(len(chosen))

    @Slot(object)
    def _show_real(self, found: tuple[int, dict[str, Any]]) -> None:
        run_id, told = found
        if self.selected() == [run_id]:
            self.details.show_real(real_lines(told))

    # What is done with runs

    @Slot()
    def _open(self) -> None:
        if len(self.selected()) == 1:
            self.open_run.emit(self.selected()[0])

    @Slot()
    def _again(self) -> None:
        self.run_again.emit(self.selected()[0])

    @Slot()
    def _compare(self) -> None:
        self.compare_runs.emit(sorted(self.selected()))

    @Slot()
    def export_selected(self) -> None:
        """Ask where to write the selected run, and write it there."""
        if len(self.selected()) == 1:
            self.export_run(self.selected()[0])
        else:
            self.problem.emit(UserError("No single run is selected", do="Select the one to export."))

    def export_run(self, run_id: int) -> None:
        """Ask where to write a run, and write it there."""
        self.transfer.choose_export(run_id)

    @Slot()
    def import_run(self) -> None:
        """Ask for an exported run, and take it in."""
        self.transfer.choose_import()

    def import_file(self, source: Path) -> None:
        """Take in the run in a file; one after the other, if several are given."""
        self.transfer.import_run(source)

    @Slot()
    def delete_selected(self) -> None:
        """Delete the selected runs that have ended; of one that still runs it is said that it cannot be."""
        chosen = self.selected()
        running = [each for each in chosen if (found := self.model.record(each)) and found.state == "running"]
        if running:
            which = ", ".join(str(each) for each in running)
            runs = f"Run {which} is" if len(running) == 1 else f"Runs {which} are"
            self.problem.emit(UserError(f"{runs} still running", do="Stop it first, then delete it."))
        ended = [each for each in chosen if each not in running]
        if ended:
            row = self.table.currentIndex().row()
            self.deletion.delete(ended)
            if self.shown.rowCount():
                self.select(self.shown.run_id(max(0, min(row, self.shown.rowCount() - 1))))

    @Slot()
    def _undo_deletion(self) -> None:
        """Show the runs again, and select them as they were."""
        back = self.deletion.waiting
        self.deletion.undo()
        for place, run_id in enumerate(back):
            row = self.shown.row_of(run_id)
            if row is not None:
                flags = QItemSelectionModel.SelectionFlag
                how = flags.Select if place else flags.ClearAndSelect
                index = self.shown.index(row, NAME)
                self.table.selectionModel().setCurrentIndex(index, how | flags.Rows)

    @Slot(object)
    def _hide(self, run_ids: frozenset[int]) -> None:
        self.shown.hide_runs(run_ids)
        self._update_view()

    @Slot(object)
    def _offer_undo(self, run_ids: list[int]) -> None:
        self.undo_bar.setVisible(bool(run_ids))
        if run_ids:
            what = f"Run {run_ids[0]}" if len(run_ids) == 1 else f"{len(run_ids):,} runs"
            self.undo_bar.say(f"{what} deleted.", "&Undo")

    @Slot(object)
    def _deleted(self, result: Deleted) -> None:
        self.model.set_records([each for each in self.model.records if each.run_id not in result.run_ids])
        if result.refused:
            self.problem.emit(UserError(" ".join(result.refused)))

    @Slot(object, str)
    def _rename(self, run_id: int, name: str) -> None:
        self._annotate(run_id, {"name": name})

    @Slot(object, object)
    def _annotate(self, run_id: int, texts: dict[str, str]) -> None:
        record = self.model.record(run_id)
        if record is not None:
            self.model.set_record(replace(record, **texts))  # type: ignore[arg-type]
            self._unsaved = True
            self.tasks.start(partial(_name, self._path, run_id, texts))
            self._selected()

    @Slot(object)
    def _imported(self, run_id: int) -> None:
        self.search.clear()
        self._wanted = run_id
        self.refresh()

    @Slot(object)
    def _say_error(self, error: UserError) -> None:
        self.problem.emit(error)
        if self._unsaved:  # the table shows what was not written
            self._unsaved = False
            self.refresh()


def _load(path: Path | None, _job: Job) -> list[RunRecord]:
    return load_runs(path)


def _rate(path: Path | None, run_ids: list[int], job: Job) -> Rates:
    return load_rates(job, path, run_ids)


def _name(path: Path | None, run_id: int, texts: dict[str, str], _job: Job) -> None:
    name_run(path, run_id, texts)
