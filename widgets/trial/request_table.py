"""The request table: a row for each request with all variants side by side; filter, follow, hold, copy.

It shows what the log has of one run and says which request was picked; what a request went through is
`request_detail`'s to show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from PySide6.QtCore import QItemSelectionModel, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.errors import UserError
from app.scenario.files import parse_scenario
from app.sessions.filters import Filter, Known
from app.sessions.reader import RunReader
from app.sessions.records import PromptRecord, VariantRecord
from app.sessions.search import page
from app.sessions.session_log import SessionLog
from app.sessions.tally import Ints
from widgets.appearance import Appearance
from widgets.background import Job
from widgets.latest_job import LatestJob
from widgets.trial.request_filter_bar import FilterBar
from widgets.trial.request_model import PAGE, RequestModel
from widgets.trial.request_search import RequestSearch
from widgets.trial.request_tsv import as_tsv
from widgets.trial.request_view import NoRequests, RequestView

MAX_COPIED: Final = 100_000
"""Rows that go to the clipboard at once."""

_PICK_AFTER_MS: Final = 120
"""So long the selection stays before it is told: holding an arrow key down asks for one request, not for fifty."""


class RequestTable(QWidget):
    """Attributes: `bar` (FilterBar), `view` (QTableView), `model`, `looking` (whether the rows of a new filter are still
    being looked for; the old ones stay meanwhile). `request_picked(number)` comes when a request is
    chosen by click, Enter or arrow."""

    request_picked = Signal(object)

    def __init__(self, log_path: Path | None, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("request_table")
        self._log_path = log_path
        self._appearance = appearance
        self._run_id: int | None = None
        self._variants: tuple[VariantRecord, ...] = ()
        self._prompts: tuple[PromptRecord, ...] = ()
        self._offered = 0
        self._running = False
        self._held: tuple[int, bool, Sequence[int]] | None = None
        self.looking = False
        self._starting = False
        self._by_hand = True
        self.model = RequestModel(log_path, appearance, self)
        self.model.failed.connect(self._say_error)
        self._search = RequestSearch(log_path, self)
        self._search.found.connect(self._show_found)
        self._search.failed.connect(self._say_error)
        self._naming = LatestJob(self)
        self._naming.done.connect(self._take_fault_names)
        self._copying = LatestJob(self)
        self._copying.done.connect(self._to_clipboard)
        self._copying.failed.connect(self._say_error)
        self.bar = FilterBar()
        self.bar.applied.connect(self._apply)
        self.bar.field.left_down.connect(self._enter_rows)
        self.bar.follow_toggled.connect(self._keep_up)
        self.bar.pause_toggled.connect(self._hold)
        self.view = RequestView(appearance)
        self.view.setModel(self.model)
        self.view.selectionModel().currentRowChanged.connect(self._moved)
        self.view.clicked.connect(self._pick_now)
        self.view.activated.connect(self._pick_now)
        self.view.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.view.verticalScrollBar().rangeChanged.connect(self._keep_up)
        self.view.verticalScrollBar().actionTriggered.connect(self._scrolled_by_hand)
        self.view.resized.connect(self._scrolled)
        copy = QAction("Copy rows", self.view)
        copy.setObjectName("copy_requests")
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy_selected)
        self.view.addAction(copy)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self._pick = QTimer(self)
        self._pick.setSingleShot(True)
        self._pick.setInterval(_PICK_AFTER_MS)
        self._pick.timeout.connect(self._tell)
        self._nothing = NoRequests()
        self._nothing.show_all.clicked.connect(self._show_all)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._nothing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.bar)
        layout.addWidget(self._stack, 1)
        self._settle()

    # -- the run ----------------------------------------------------------------------------------------

    def show_run(
        self,
        run_id: int | None,
        variants: tuple[VariantRecord, ...] = (),
        prompts: Sequence[PromptRecord] = (),
        *,
        closed_loop: bool = False,
    ) -> None:
        """Show a run from its beginning; None for none. `run_grew` then says how far it is.

        A filter of the run before it is no longer in force. What was typed since then is kept.
        """
        wanted = self.bar.wanted if self._run_id is None else Filter()
        self._run_id, self._variants, self._prompts = run_id, variants, tuple(prompts)
        self._offered, self._running, self._held = 0, False, None
        self.looking = False
        self._search.cancel()
        self._naming.cancel()
        self._pick.stop()
        names = {each.index: each.name for each in prompts}
        self.model.show_run(run_id or 0, variants, names, closed_loop=closed_loop)
        self.view.fit(variants)
        self._known(())
        self.bar.change_filter(wanted)
        self.bar.say("")
        self.bar.pause.setChecked(False)
        self.bar.follow.setChecked(True)
        if run_id is not None:
            self._naming.run(_fault_names(self._log_path, run_id))
            if wanted != Filter():
                self._apply(wanted)
        self._settle()

    def set_starting(self, starting: bool) -> None:
        """Whether a run is being prepared."""
        self._starting = starting
        self._settle()

    def run_grew(self, offered: int, running: bool, passed_us: Sequence[int] = ()) -> None:
        """So many requests have arrived, and the run goes on or not; `passed_us` is how far each variant is on its own
        clock. To be told with every picture of the run."""
        if self._run_id is None:
            return
        if self.bar.pause.isChecked():
            self._held = (offered, running, passed_us)
            return
        changed = (offered, running) != (self._offered, self._running)
        self._offered, self._running = offered, running
        if changed or running:
            self.model.set_running(running, passed_us)
            if self.bar.wanted == Filter():
                self._show(np.arange(offered, dtype=np.int64))
            else:
                self._search.look_again()
        self._settle()

    # -- filtering --------------------------------------------------------------------------------------

    def set_filter(self, wanted: Filter) -> None:
        """Show only the requests that `wanted` wants."""
        self.bar.apply(wanted)

    def set_filter_text(self, text: str) -> None:
        """The same, as it is written in the field; what is wrong with it is said below the field."""
        self.bar.apply_text(text)

    def focus_filter(self) -> None:
        """Put the cursor into the filter field."""
        self.bar.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.bar.field.selectAll()

    @Slot()
    def _enter_rows(self) -> None:
        """Go from the filter to the rows: to the current one, else to the first in view."""
        if not self.model.rowCount():
            return
        self.view.setFocus(Qt.FocusReason.OtherFocusReason)
        if not self.view.currentIndex().isValid():
            self.view.setCurrentIndex(self.model.index(max(0, self.view.rowAt(0)), 0))

    # -- picking ----------------------------------------------------------------------------------------

    def select(self, number: int) -> bool:
        """Make a request the current one, if it is among the rows; whether it is. Nobody is told."""
        row = self.model.row_of(number)
        if row is None:
            return False
        self.bar.follow.setChecked(False)
        self._pick.stop()
        self._make_current(row)
        self.view.scrollTo(self.model.index(row, 0))
        return True

    @Slot(int)
    def step(self, by: int) -> None:
        """Go `by` rows down (or up, if negative) from the current one, and pick the request there."""
        current = self.view.currentIndex().row()
        row = min(max(current + by, 0), self.model.rowCount() - 1)
        if row >= 0 and self.select(int(self.model.numbers[row])):
            self._tell()

    # -- copying ----------------------------------------------------------------------------------------

    @Slot()
    def copy_selected(self) -> None:
        """Put the selected rows on the clipboard, separated by tabs, below a line of headings."""
        selection = self.view.selectionModel().selection().toList()
        ranges = sorted((each.top(), each.bottom()) for each in selection)
        if not ranges or self._run_id is None:
            return
        numbers = np.concatenate([self.model.numbers[top : bottom + 1] for top, bottom in ranges])[
            :MAX_COPIED
        ]
        path, run_id, variants, prompts = self._log_path, self._run_id, self._variants, self._prompts

        def read(job: Job) -> tuple[str, int]:
            lines = []
            with SessionLog.open(path, create=False) as log:
                for first in range(0, len(numbers), PAGE):
                    job.check()
                    lines += page(log, run_id, len(variants), numbers[first : first + PAGE])
            return as_tsv(lines, variants, prompts), len(lines)

        self._copying.run(read)

    @Slot(object)
    def _to_clipboard(self, copied: tuple[str, int]) -> None:
        text, rows = copied
        QGuiApplication.clipboard().setText(text)
        self.bar.say(f"{rows:,} {'row' if rows == 1 else 'rows'} copied.")

    # -- showing ----------------------------------------------------------------------------------------

    def _show(self, numbers: Ints) -> None:
        """Show these requests; the current one stays current if it is among them."""
        current = self.view.currentIndex().row()
        number = int(self.model.numbers[current]) if 0 <= current < len(self.model.numbers) else None
        self._by_hand = False
        self.model.set_numbers(numbers)
        row = None if number is None else self.model.row_of(number)
        if row is not None and row != self.view.currentIndex().row():
            self._make_current(row)
        self._by_hand = True
        self._keep_up()
        self._scrolled()
        self._settle()

    def _make_current(self, row: int) -> None:
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        by_hand, self._by_hand = self._by_hand, False
        self.view.selectionModel().setCurrentIndex(self.model.index(row, 0), flags)
        self._by_hand = by_hand

    def _settle(self) -> None:
        """The count, and what is said where there are no rows."""
        self._count()
        if self.model.rowCount():
            self._stack.setCurrentWidget(self.view)
            return
        if self._run_id is None:
            how = "A run is starting" if self._starting else "No run is shown. Press Run (F5)"
            self._nothing.say(f"{how}: every request appears here as it arrives.")
        elif not self._offered:
            self._nothing.say("No request has arrived yet.")
        elif self.looking:
            self._nothing.say("Looking for requests …")
        else:
            self._nothing.say("No request matches the filter.", resettable=True)
        self._stack.setCurrentWidget(self._nothing)

    def _count(self) -> None:
        self.bar.show_count(self.model.rowCount(), self._offered, searching=self.looking)

    def _known(self, faults: tuple[str, ...]) -> None:
        known = Known(
            tuple(each.name for each in self._variants) or Known().variants,
            tuple(each.name for each in self._prompts),
            faults,
        )
        self.bar.show_known(known, [each.title for each in self._variants])

    @Slot(object)
    def _take_fault_names(self, names: tuple[str, ...]) -> None:
        self._known(names)

    @Slot(object)
    def _apply(self, wanted: Filter) -> None:
        self.looking = self._run_id is not None and wanted != Filter()
        if self._run_id is None or wanted == Filter():
            self._search.cancel()
            self._show(np.arange(self._offered, dtype=np.int64))
        else:
            self._search.look(self._run_id, wanted)  # the old rows stay until the new ones are found
        self._settle()

    @Slot(object)
    def _show_found(self, numbers: Ints) -> None:
        self.looking = False
        self._show(numbers)

    @Slot(object)
    def _say_error(self, error: UserError) -> None:
        self.looking = False
        self.bar.say(str(error), wrong=True)
        self._settle()

    @Slot()
    def _show_all(self) -> None:
        self.set_filter(Filter())

    @Slot()
    def _keep_up(self) -> None:
        if self.bar.follow.isChecked():
            self.view.scrollToBottom()

    @Slot(bool)
    def _hold(self, on: bool) -> None:
        if not on and self._held is not None:
            held, self._held = self._held, None
            self.run_grew(*held)

    @Slot()
    def _scrolled(self) -> None:
        """Have what is in view read."""
        rows = self.model.rowCount()
        if rows:
            first = max(0, self.view.rowAt(0))
            last = self.view.rowAt(self.view.viewport().height() - 1)
            self.model.want(first, rows - 1 if last < 0 else last)

    @Slot(int)
    def _scrolled_by_hand(self, _action: int) -> None:
        bar = self.view.verticalScrollBar()
        if bar.sliderPosition() < bar.maximum():
            self.bar.follow.setChecked(False)

    @Slot()
    def _moved(self) -> None:
        if self.view.currentIndex().isValid() and self._by_hand:
            self.bar.follow.setChecked(False)
            self._pick.start()

    @Slot()
    def _pick_now(self) -> None:
        self._pick.stop()
        self._tell()

    @Slot()
    def _tell(self) -> None:
        row = self.view.currentIndex().row()
        if 0 <= row < len(self.model.numbers):
            self.request_picked.emit(int(self.model.numbers[row]))


def _fault_names(path: Path | None, run_id: int) -> Callable[[Job], tuple[str, ...]]:
    def read(_job: Job) -> tuple[str, ...]:
        with SessionLog.open(path, create=False) as log:
            record = RunReader(log, run_id).record()
        scenario = parse_scenario(record.scenario_toml, Path("logged.toml")).scenario
        return tuple(fault.id for fault in scenario.faults)

    return read
