"""The rows of the request table: numbers in one array, what they hold read page by page off the GUI thread.

It never reads by itself: whoever shows it says by `want` which rows are in view. It knows no filter (see `request_search`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QIcon

from app.sessions.records import VariantRecord
from app.sessions.search import Cell, Line, page
from app.sessions.session_log import SessionLog
from app.sessions.tally import Ints
from widgets.appearance import Appearance
from widgets.background import Job
from widgets.latest_job import LatestJob
from widgets.theme import OUTCOME_MARKS
from widgets.trial.outcome_icon import outcome_icon
from widgets.trial.request_turns import Place, place_of
from widgets.trial.request_words import clock, length

Index = QModelIndex | QPersistentModelIndex

PAGE: Final = 200
"""Rows read at a time."""
PAGES_KEPT: Final = 64
LEADING: Final = 4
"""Columns before those of the variants: number, arrival, prompt, data row."""
PER_VARIANT: Final = 3
NOT_YET: Final = "…"

_MICRO: Final = 1e6
_LARGE: Final = 20_000
"""So many rows more or less are a reset, which costs a view less than telling it of each."""
_LEADING_HEADERS: Final = (
    ("#", "The request's number, the same for every variant"),
    ("Arrived", "When it was meant to arrive, in minutes and seconds of the run"),
    ("Prompt", "What it asked with"),
    ("Row", "The row of your data that it asked about"),
)
_VARIANT_HEADERS: Final = (
    ("", "What the customer got"),
    ("Answered in", "From the intended arrival to the answer"),
    ("Served by", "Who answered"),
)
_RIGHT: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class _Pages:
    """Pages as they were read: for each its number, the requests' numbers and the lines."""

    run_id: int
    read: tuple[tuple[int, Ints, list[Line]], ...]


class RequestModel(QAbstractTableModel):
    """A row for each request number, all variants side by side. `loaded` comes after rows were read, and
    `failed(UserError)` if they cannot be."""

    loaded = Signal()
    failed = Signal(object)

    def __init__(self, log_path: Path | None, appearance: Appearance, parent: QObject) -> None:
        super().__init__(parent)
        self._log_path = log_path
        self._appearance = appearance
        self._icons: dict[str, QIcon] = {}
        self._run_id = 0
        self._variants: tuple[VariantRecord, ...] = ()
        self._prompts: dict[int, str] = {}
        self._running = False
        self._passed_us: Sequence[int] = ()
        self._closed_loop = False
        self._numbers: Ints = np.empty(0, np.int64)
        self._pages: OrderedDict[int, list[Line]] = OrderedDict()
        self._open: set[int] = set()
        self._stale: set[int] = set()
        self._wanted: tuple[int, int] | None = None
        self._loader = LatestJob(self)
        self._loader.done.connect(self._take)
        self._loader.failed.connect(self.failed)
        appearance.changed.connect(self._recolour)

    # -- what is shown ----------------------------------------------------------------------------------

    @property
    def numbers(self) -> Ints:
        """The requests' numbers by row, ascending."""
        return self._numbers

    def show_run(
        self,
        run_id: int,
        variants: tuple[VariantRecord, ...],
        prompts: dict[int, str],
        *,
        closed_loop: bool = False,
    ) -> None:
        """Begin with another run, of which no request is known yet. `prompts` are names by index."""
        self._loader.cancel()
        self.beginResetModel()
        self._run_id, self._variants, self._prompts = run_id, variants, prompts
        self._closed_loop, self._passed_us = closed_loop, ()
        self._numbers = np.empty(0, np.int64)
        self._forget()
        self.endResetModel()

    def set_numbers(self, numbers: Ints) -> None:
        """Show these requests, ascending. What was read of the first that stay is kept."""
        old = self._numbers
        shared = min(len(old), len(numbers))
        differing = np.flatnonzero(old[:shared] != numbers[:shared])
        kept = int(differing[0]) if len(differing) else shared
        if len(old) - kept > _LARGE or len(numbers) - kept > _LARGE:
            self.beginResetModel()
            self._numbers = numbers
            self._drop_pages(kept)
            self.endResetModel()
            return
        if kept < len(old):
            self.beginRemoveRows(QModelIndex(), kept, len(old) - 1)
            self._numbers = numbers[:kept]
            self._drop_pages(kept)
            self.endRemoveRows()
        if kept < len(numbers):
            self.beginInsertRows(QModelIndex(), kept, len(numbers) - 1)
            self._numbers = numbers
            self.endInsertRows()

    def set_running(self, running: bool, passed_us: Sequence[int] = ()) -> None:
        """Whether requests may still end, and how far each variant is on its own clock, where that is known. Requests that
        had not ended are read again when next in view."""
        self._running, self._passed_us = running, passed_us
        self._stale |= self._open

    def want(self, first: int, last: int) -> None:
        """Rows `first` to `last`, both included, are in view: what is not known of them is read."""
        self._wanted = (first, last)
        if self._loader.busy:
            return
        missing = [index for index in range(first // PAGE, last // PAGE + 1) if self._lacks(index)]
        if missing:
            self._loader.run(self._reading(missing))

    def row_of(self, number: int) -> int | None:
        """The row of a request, None if it is not shown."""
        row = int(np.searchsorted(self._numbers, number))
        return row if row < len(self._numbers) and self._numbers[row] == number else None

    def line_at(self, row: int) -> Line | None:
        """What is known of a row's request, None before it is read."""
        lines = self._pages.get(row // PAGE, ())
        return lines[row % PAGE] if row % PAGE < len(lines) else None

    def variant_at(self, column: int) -> VariantRecord | None:
        """Whose column it is."""
        return self._variants[(column - LEADING) // PER_VARIANT] if column >= LEADING else None

    # -- Qt's -------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's name)
        """How many requests."""
        return 0 if parent.isValid() else len(self._numbers)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's name)
        """The leading columns and three for each variant."""
        return 0 if parent.isValid() else LEADING + PER_VARIANT * len(self._variants)

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Titles, and what they mean."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < self.columnCount():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        variant = self.variant_at(section)
        if variant is None:
            title, meaning = _LEADING_HEADERS[section]
            spoken = title
        else:
            heading, meaning = _VARIANT_HEADERS[(section - LEADING) % PER_VARIANT]
            title = heading or variant.title
            meaning = f"{variant.title}: {meaning[:1].lower()}{meaning[1:]}"
            spoken = f"{variant.title}: {heading.lower() or 'outcome'}"
        if role == Qt.ItemDataRole.DisplayRole:
            return title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"<span>{escape(meaning)}</span>"
        return spoken if role == Qt.ItemDataRole.AccessibleTextRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; `…` before its row is read."""
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            variant = self.variant_at(column)
            title = "" if variant is None else f"{variant.title}, "
            return f"{title}{self._text(row, column)}"
        if role in (Qt.ItemDataRole.DecorationRole, Qt.ItemDataRole.ForegroundRole) and column >= LEADING:
            line = self.line_at(row)
            cell = None if line is None else line.cells[(column - LEADING) // PER_VARIANT]
            if role == Qt.ItemDataRole.ForegroundRole:
                return None if cell is not None else self._appearance.theme.colour("muted")
            if cell is not None and (column - LEADING) % PER_VARIANT == 0:
                return self._icon(cell.outcome)
        return None

    def _text(self, row: int, column: int) -> str:
        if column == 0:
            return f"{self._numbers[row]:,}"
        line = self.line_at(row)
        if line is None:
            return NOT_YET
        if column >= LEADING:
            variant, part = divmod(column - LEADING, PER_VARIANT)
            cell = line.cells[variant]
            if cell is not None:
                return cell_text(cell, part)
            place = place_of(line.intended_us, self._passed_us, variant)
            return open_text(place, part, over=not self._running, closed_loop=self._closed_loop)
        if line.intended_us is None or line.prompt is None:
            return "–"
        if column == 1:
            return clock(line.intended_us)
        if column == 2:
            return self._prompts.get(line.prompt, str(line.prompt))
        return "–" if line.row is None else f"{line.row:,}"

    # -- pages ------------------------------------------------------------------------------------------

    def _lacks(self, index: int) -> bool:
        expected = min(PAGE, len(self._numbers) - index * PAGE)
        return expected > 0 and (index in self._stale or len(self._pages.get(index, ())) < expected)

    def _reading(self, missing: Sequence[int]) -> Callable[[Job], _Pages]:
        path, run_id, variants = self._log_path, self._run_id, len(self._variants)
        parts = [(index, self._numbers[index * PAGE : (index + 1) * PAGE]) for index in missing]

        def read(job: Job) -> _Pages:
            found = []
            with SessionLog.open(path, create=False) as log:
                for index, numbers in parts:
                    job.check()
                    found.append((index, numbers, page(log, run_id, variants, numbers)))
            return _Pages(run_id, tuple(found))

        return read

    @Slot(object)
    def _take(self, pages: _Pages) -> None:
        if pages.run_id == self._run_id:
            for index, numbers, lines in pages.read:
                now = self._numbers[index * PAGE : index * PAGE + len(numbers)]
                if np.array_equal(numbers, now):  # else other requests are shown there meanwhile
                    self._keep(index, lines)
                    first, last = index * PAGE, index * PAGE + len(lines) - 1
                    self.dataChanged.emit(self.index(first, 1), self.index(last, self.columnCount() - 1))
            self.loaded.emit()
        if self._wanted is not None:
            self.want(*self._wanted)

    def _keep(self, index: int, lines: list[Line]) -> None:
        self._pages[index] = lines
        self._pages.move_to_end(index)
        self._stale.discard(index)
        is_open = any(None in line.cells for line in lines)
        (self._open.add if is_open else self._open.discard)(index)
        while len(self._pages) > PAGES_KEPT:
            gone, _ = self._pages.popitem(last=False)
            self._open.discard(gone)
            self._stale.discard(gone)

    def _drop_pages(self, kept: int) -> None:
        """Forget what is known from row `kept` on."""
        for index in [each for each in self._pages if (each + 1) * PAGE > kept]:
            known = self._pages.pop(index)[: max(0, kept - index * PAGE)]
            self._open.discard(index)
            self._stale.discard(index)
            if known:
                self._keep(index, known)

    def _forget(self) -> None:
        self._pages.clear()
        self._open.clear()
        self._stale.clear()
        self._wanted = None

    # -- colours ----------------------------------------------------------------------------------------

    def _icon(self, outcome: str) -> QIcon:
        if outcome not in self._icons:
            self._icons[outcome] = outcome_icon(outcome, self._appearance.theme)
        return self._icons[outcome]

    @Slot(object)
    def _recolour(self, _theme: object) -> None:
        self._icons.clear()


def open_text(place: Place, part: int, *, over: bool, closed_loop: bool = False) -> str:
    """A variant's cell in words where the request has not ended; `part` as for `cell_text`.

    In a closed loop a variant that answers more slowly than another is asked less often.
    """
    if part:
        return "–"
    return "Not asked" if over and closed_loop else place.words(over=over)


def cell_text(cell: Cell, part: int) -> str:
    """A variant's cell in words: its outcome (`part` 0), how long the answer took (1), who gave it (2)."""
    if part == 0:
        return OUTCOME_MARKS[cell.outcome].title
    if part == 1:
        return "no answer" if cell.answer_us is None else length(cell.answer_us / _MICRO)
    return cell.served_by


def _alignment(column: int) -> Qt.AlignmentFlag:
    """Words to the left, numbers to the right."""
    words = column == 2 or (column >= LEADING and (column - LEADING) % PER_VARIANT != 1)
    return _LEFT if words else _RIGHT
