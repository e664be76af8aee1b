"""The table of runs: its model, what is hidden and how it sorts, and the view with its keys. It reads no log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)

from app.sessions.records import RunRecord
from widgets.runs.run_work import Rate

AnyIndex = QModelIndex | QPersistentModelIndex

COLUMNS: Final = (
    "Run",
    "Name",
    "When",
    "Good answers",
    "State",
    "Tags",
    "Requests",
    "Length",
    "Seed",
    "Note",
)
NAME: Final = COLUMNS.index("Name")
_RIGHT: Final = frozenset({"Requests", "Length", "Seed"})

SORT_ROLE: Final = Qt.ItemDataRole.UserRole
RUN_ROLE: Final = Qt.ItemDataRole.UserRole + 1

STATES: Final[Mapping[str, tuple[str, str]]] = {
    "running": ("Running", "The run goes on; its numbers are as of now."),
    "finished": ("Finished", "The run came to its end."),
    "stopped": ("Stopped", "Somebody stopped the run; what had arrived by then was answered."),
    "failed": ("Failed", "The run broke off with an error; what was logged by then was kept."),
    "interrupted": ("Interrupted", "The program ended before the run did; what was logged by then was kept."),
}
"""By state of a run: a word, and a sentence."""


def local_time(utc: str) -> str:
    """A time of the log as the clock on the wall has it."""
    return f"{datetime.fromisoformat(utc).astimezone():%Y-%m-%d %H:%M}"


def title_of(record: RunRecord) -> str:
    """What a run is called: by its user, or else by its scenario."""
    return record.name or record.title or record.scenario


def length_text(seconds: float) -> str:
    """A length of time in the largest units that fit."""
    if seconds < 60:
        return f"{seconds:g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def rates_text(rates: Sequence[Rate] | None) -> str:
    """Good rates of the variants in words; an ellipsis while they are not known."""
    if rates is None:
        return "…"
    return ", ".join(
        f"{rate.title} {'–' if rate.good_rate is None else f'{rate.good_rate * 100:.0f} %'}" for rate in rates
    )


class RunsModel(QAbstractTableModel):
    """The runs with the rates known so far. `renamed(run_id, name)` comes when a name was edited in place."""

    renamed = Signal(object, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._records: list[RunRecord] = []
        self._place: dict[int, int] = {}
        self._rates: dict[int, tuple[tuple[object, ...], tuple[Rate, ...]]] = {}

    @property
    def records(self) -> Sequence[RunRecord]:
        """All runs, newest first."""
        return self._records

    def record(self, run_id: int) -> RunRecord | None:
        """A run by its number; None if it is not there."""
        place = self._place.get(run_id)
        return None if place is None else self._records[place]

    def rates(self, run_id: int) -> tuple[Rate, ...] | None:
        """A run's rates as far as they are still true; None if unknown."""
        record = self.record(run_id)
        known = self._rates.get(run_id)
        return known[1] if record is not None and known and known[0] == _stamp(record) else None

    def set_records(self, records: Sequence[RunRecord]) -> None:
        """Take over a list. Where the same runs are in it, nobody's selection or scroll position is lost."""
        same = [each.run_id for each in records] == [each.run_id for each in self._records]
        if not same:
            self.beginResetModel()
        self._records = list(records)
        self._place = {each.run_id: place for place, each in enumerate(self._records)}
        if not same:
            self.endResetModel()
        elif records:
            self.dataChanged.emit(self.index(0, 0), self.index(len(records) - 1, len(COLUMNS) - 1))

    def set_record(self, record: RunRecord) -> None:
        """Take over one run that changed."""
        place = self._place.get(record.run_id)
        if place is not None:
            self._records[place] = record
            self.dataChanged.emit(self.index(place, 0), self.index(place, len(COLUMNS) - 1))

    def set_rates(self, found: Mapping[int, tuple[Rate, ...]]) -> None:
        """Take over rates that were read."""
        column = COLUMNS.index("Good answers")
        for run_id, rates in found.items():
            record = self.record(run_id)
            if record is not None:
                self._rates[run_id] = (_stamp(record), rates)
                at = self.index(self._place[run_id], column)
                self.dataChanged.emit(at, at)

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's)
        """How many runs there are."""
        return 0 if parent.isValid() else len(self._records)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008, N802 (Qt's)
        """How many columns there are."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802 (Qt's)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """A column's name."""
        if role == Qt.ItemDataRole.TextAlignmentRole and COLUMNS[section] in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def flags(self, index: AnyIndex) -> Qt.ItemFlag:
        """Only names can be edited in place."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NAME else flags

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What stands in a cell; its tooltip; what it sorts by (SORT_ROLE); the run's number (RUN_ROLE)."""
        record = self._records[index.row()]
        column = COLUMNS[index.column()]
        if role == RUN_ROLE:
            return record.run_id
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(record, column)
        if role == Qt.ItemDataRole.EditRole:
            return record.name
        if role == SORT_ROLE:
            return self._key(record, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(record, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column in _RIGHT:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def setData(self, index: AnyIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802
        """Only tells of a new name; whoever keeps the log decides."""
        record = self._records[index.row()]
        if role != Qt.ItemDataRole.EditRole or str(value).strip() == record.name:
            return False
        self.renamed.emit(record.run_id, str(value).strip())
        return True

    def _text(self, record: RunRecord, column: str) -> str:
        if column == "Good answers":
            return rates_text(self.rates(record.run_id))
        return {
            "Run": str(record.run_id),
            "Name": title_of(record),
            "When": local_time(record.created_at),
            "State": STATES.get(record.state, (record.state, ""))[0]
            + (", real" if record.clock == "wall" else ""),
            "Requests": f"{record.offered:,}",
            "Length": length_text(record.duration_s),
            "Seed": str(record.seed),
            "Tags": record.tags,
            "Note": " ".join(record.note.split()),
        }[column]

    def _key(self, record: RunRecord, column: str) -> Any:
        if column == "Good answers":
            rates = self.rates(record.run_id)
            return -1.0 if not rates or rates[-1].good_rate is None else rates[-1].good_rate
        if column == "Seed":
            return f"{record.seed:020}"  # may exceed what Qt compares as a number
        numbers = {"Run": record.run_id, "Requests": record.offered, "Length": record.duration_s}
        if column in numbers:
            return float(numbers[column])
        return record.created_at if column == "When" else self._text(record, column).casefold()

    def _tip(self, record: RunRecord, column: str) -> str | None:
        if column == "State":
            told = STATES.get(record.state, ("", record.state))[1]
            return _plain(f"{told} It made real calls." if record.clock == "wall" else told)
        if column == "Good answers":
            return _plain(
                f"{self._text(record, column)}. Good answers / requests that ended; sorted by the last variant."
            )
        if column in ("Name", "Tags", "Note"):
            text = record.note if column == "Note" else self._text(record, column)
            return _plain(text) if text else None
        return None


def _plain(text: str) -> str:
    """A tooltip that Qt takes for plain text whatever a user wrote into it."""
    return f"<qt>{escape(text)}</qt>"


def _stamp(record: RunRecord) -> tuple[object, ...]:
    """What a run's rates were read for."""
    return (record.virtual_us, record.offered, record.state)


class ShownRuns(QSortFilterProxyModel):
    """The runs that are shown: found by the search, and not about to be deleted."""

    def __init__(self, model: RunsModel, parent: QObject) -> None:
        super().__init__(parent)
        self._runs = model
        self._words: list[str] = []
        self._hidden: frozenset[int] = frozenset()
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)
        self.setDynamicSortFilter(True)

    @property
    def hidden(self) -> frozenset[int]:
        """The runs that are not shown because they are about to be deleted."""
        return self._hidden

    def search(self, text: str) -> None:
        """Show runs in which every word occurs: in name, scenario, tags or note, or as the run's number."""
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange()

    def hide_runs(self, run_ids: Iterable[int]) -> None:
        """Do not show these."""
        self.beginFilterChange()
        self._hidden = frozenset(run_ids)
        self.endFilterChange()

    def filterAcceptsRow(self, row: int, _parent: AnyIndex) -> bool:  # noqa: N802 (Qt's)
        """Whether a run is shown."""
        record = self._runs.records[row]
        if record.run_id in self._hidden:
            return False
        text = " ".join((record.name, record.title, record.scenario, record.tags, record.note)).casefold()
        return all(word in text or word == str(record.run_id) for word in self._words)

    def run_id(self, row: int) -> int:
        """The run in a row."""
        return int(self.data(self.index(row, 0), RUN_ROLE))

    def row_of(self, run_id: int) -> int | None:
        """The row of a run; None if it is not shown."""
        return next((row for row in range(self.rowCount()) if self.run_id(row) == run_id), None)
