"""Help → Is it right?: every known result, ours beside the published value, as the runs come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
    QTreeWidgetItemIterator,
    QVBoxLayout,
    QWidget,
)

from app.analysis.validation.base import KnownResult
from app.analysis.validation.report import Finding, Report
from app.analysis.validation.results import RESULTS
from app.analysis.validation.words import as_text, conclusion, distance, in_words, interval, number, verdict
from widgets.appearance import Appearance
from widgets.dialogs import push_button
from widgets.trial.labels import plain_label
from widgets.validation.parameters_dialog import ParametersDialog
from widgets.validation.runner import Runner

_HEADINGS: Final = ("Known result", "Verdict", "Known", "Ours", "Interval", "z", "Source")
_VERDICT, _Z, _SOURCE = 1, 5, 6
_CHARS: Final = (44, 16, 10, 10, 20, 8)
_TITLE_SHARE: Final = 0.38
"""Of the width, where that is more than its characters."""
_TIPS: Final = {
    _VERDICT: "Pass: the known value is where our measurement says that it is, and the measurement is precise enough.",
    _Z: "By how many standard errors we are off, beyond what the formula itself may be off by; below 3.5 passes.",
}
_ABOUT: Final = (
    "Queues, retries, caches and limits follow arithmetic. Each row runs a small scenario through the real engine on "
    "this machine and sets the result beside the published or computed value."
)
_WAITING, _RUNNING = "not run", "running…"
_TONES: Final = {"pass": "ok", "FAIL": "danger", "too coarse": "warn", "no answer": "danger"}


class ValidationWindow(QDialog):
    """Opened beside the window; closing it ends what runs and keeps what was found.

    Attributes: `cases` (in the order shown), `tree` (a top-level item to a case), `runner`, `told` (what it comes to).
    """

    def __init__(self, appearance: Appearance, parent: QWidget, cases: Sequence[KnownResult] = ()) -> None:
        """`cases` are shown in place of all known results' own."""
        super().__init__(parent)
        self._appearance = appearance
        self.cases = list(cases) or [case for kind in RESULTS.values() for case in kind.cases()]
        self._found: dict[int, Sequence[Finding] | str] = {}
        self._round = 0
        self.runner = Runner(self)
        self.setObjectName("validation")
        self.setWindowTitle("Is it right?")
        self._build()
        for place in range(len(self.cases)):
            self._show_case(place, _WAITING)
        self.runner.began.connect(self._on_began)
        self.runner.ended.connect(self._on_ended)
        self.runner.failed.connect(self._on_failed)
        self.runner.idle.connect(self._on_idle)
        appearance.changed.connect(self._restyle)
        self._tell()

    def _build(self) -> None:
        self.tree = QTreeWidget(self)
        self.tree.setObjectName("validation_rows")
        self.tree.setAccessibleName("Known results")
        self.tree.setHeaderLabels(list(_HEADINGS))
        for column, tip in _TIPS.items():
            self.tree.headerItem().setToolTip(column, tip)
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(self.fontMetrics().height() // 2)
        for case in self.cases:
            item = QTreeWidgetItem(self.tree)
            item.setToolTip(_SOURCE, case.source)
        header = self.tree.header()
        header.setSectionsMovable(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        digit = self.fontMetrics().averageCharWidth()
        for column, width in enumerate(_CHARS):
            header.resizeSection(column, digit * width)
        self.tree.currentItemChanged.connect(self._show_detail)
        self.tree.itemActivated.connect(self._edit)
        self.detail = plain_label(wraps=True)
        self.detail.setObjectName("validation_detail")
        self.told = plain_label(wraps=True)
        self.told.setObjectName("validation_told")
        self.progress = QProgressBar()
        self.progress.setObjectName("validation_progress")
        self.progress.setAccessibleName("Progress of the validation")
        self.run_all = push_button("validation_all", "Run &all", self.start)
        self.run_all.setProperty("role", "primary")
        self.cancel = push_button("validation_cancel", "&Cancel", self._cancel)
        self.edit = push_button("validation_edit", "Change &parameters…", self._edit)
        self.edit.setToolTip("Change the parameters of the row that is chosen, and run it alone.")
        self.copy = push_button("validation_copy", "Copy as &text", self.copy_text)
        close = push_button("validation_close", "C&lose", self.close)
        buttons = QHBoxLayout()
        for button in (self.run_all, self.cancel, self.edit, self.copy):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(close)
        below = QHBoxLayout()
        below.addWidget(self.told, 2)
        below.addWidget(self.progress, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(plain_label(_ABOUT, wraps=True))
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.detail)
        layout.addLayout(below)
        layout.addLayout(buttons)
        self.resize(QSize(1080, 680).boundedTo(self.screen().availableSize()))

    # -- what is done --------------------------------------------------------------------------------------------

    @Slot()
    def start(self) -> None:
        """Run all, unless something runs."""
        if not self.runner.busy:
            self._run(range(len(self.cases)))

    @Slot()
    def _cancel(self) -> None:
        self.runner.cancel()

    @Slot()
    def copy_text(self) -> None:
        """Put what was found on the clipboard."""
        QApplication.clipboard().setText(as_text(self.report()))

    @Slot()
    def _edit(self) -> None:
        place = self._chosen()
        if place is not None:
            dialog = ParametersDialog(self.cases[place], self)
            dialog.confirmed.connect(self.run_one)
            dialog.open()

    @Slot(object)
    def run_one(self, case: KnownResult) -> None:
        """Run a case alone, in place of the one that is chosen."""
        place = self._chosen()
        if place is not None and not self.runner.busy:
            self.cases[place] = case
            self._run([place])

    def report(self) -> Report:
        """All rows that have been found so far."""
        found = [self._found[place] for place in sorted(self._found)]
        return Report.of([row for rows in found if not isinstance(rows, str) for row in rows])

    def done(self, result: int) -> None:
        """Closed, by whatever way: what nobody watches is not run on."""
        self.runner.cancel()
        super().done(result)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's)
        """More room goes to the parameters first."""
        super().resizeEvent(event)
        least = _CHARS[0] * self.fontMetrics().averageCharWidth()
        self.tree.header().resizeSection(0, max(least, round(_TITLE_SHARE * self.tree.width())))

    def _run(self, places: Sequence[int]) -> None:
        self._round = len(places)
        for place in places:
            self._found.pop(place, None)
            self._show_case(place, "waiting")
        self.progress.setRange(0, self._round)
        self.progress.setValue(0)
        self.runner.run([(place, self.cases[place]) for place in places])
        self._tell()

    # -- what is shown -------------------------------------------------------------------------------------------

    @Slot(int)
    def _on_began(self, place: int) -> None:
        self._show_case(place, _RUNNING)

    @Slot(int, object)
    def _on_ended(self, place: int, rows: Sequence[Finding]) -> None:
        self._found[place] = rows
        self._arrived(place)

    @Slot(int, str)
    def _on_failed(self, place: int, why: str) -> None:
        self._found[place] = why
        self._arrived(place)

    def _arrived(self, place: int) -> None:
        self._show_case(place)
        self.progress.setValue(self.progress.value() + 1)
        self._tell()

    @Slot()
    def _on_idle(self) -> None:
        for place in range(len(self.cases)):
            if place not in self._found:
                self._show_case(place, _WAITING)
        self._tell()

    def _show_case(self, place: int, state: str = "") -> None:
        """Show a case and its rows; `state` says why there are none."""
        case, item = self.cases[place], self.tree.topLevelItem(place)
        assert item is not None
        item.takeChildren()
        title = f"{case.title}: {in_words(case.parameters())}"
        found = self._found.get(place, ())
        if not isinstance(found, str):
            item.addChildren([self._row(row) for row in found])
            verdicts = {verdict(row) for row in found}
            state = state or next(each for each in ("FAIL", "too coarse", "pass") if each in verdicts)
        else:
            state = "no answer"
        for column, text in ((0, title), (_VERDICT, state), (_SOURCE, case.source)):
            item.setText(column, text)
            item.setToolTip(column, text)
        font = item.font(0)
        font.setBold(True)
        item.setFont(0, font)
        item.setFont(_VERDICT, font)
        item.setExpanded(True)
        self._colour(item)
        if item is self._top(self.tree.currentItem()):
            self._show_detail()

    def _row(self, row: Finding) -> QTreeWidgetItem:
        texts = (row.what, verdict(row), number(row.known), number(row.ours), interval(row), distance(row))
        item = QTreeWidgetItem(list(texts))
        for column in (2, 3, 5):
            item.setTextAlignment(column, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setToolTip(0, row.what)
        self._colour(item)
        return item

    def _colour(self, item: QTreeWidgetItem) -> None:
        tone = _TONES.get(item.text(_VERDICT), "muted")
        item.setForeground(_VERDICT, self._appearance.theme.colour(tone))
        item.setForeground(_SOURCE, self._appearance.theme.colour("muted"))

    @Slot()
    def _restyle(self) -> None:
        items = QTreeWidgetItemIterator(self.tree)
        while (item := items.value()) is not None:
            self._colour(item)
            items += 1

    @Slot()
    def _show_detail(self) -> None:
        place = self._chosen()
        self.edit.setEnabled(place is not None and not self.runner.busy)
        if place is None:
            self.detail.setText("Choose a row to see its source and to change its parameters.")
            return
        case, found = self.cases[place], self._found.get(place)
        why = f" No answer: {found}" if isinstance(found, str) else ""
        self.detail.setText(f"{case.title}, seed {case.seed}. Source: {case.source}.{why}")

    def _tell(self) -> None:
        busy = self.runner.busy
        self.progress.setVisible(busy)
        self.run_all.setEnabled(not busy)
        self.cancel.setEnabled(busy)
        self.copy.setEnabled(bool(self._found))
        rows = self.report()
        if busy:
            self.told.setText(f"{self.progress.value():,} of {self._round:,} runs done.")
        elif not self._found:
            self.told.setText("Nothing has been run yet. All of it takes a minute or two.")
        else:
            missing = len(self.cases) - sum(not isinstance(each, str) for each in self._found.values())
            left = f" {missing:,} of {len(self.cases):,} runs have no answer." if missing else ""
            self.told.setText(" ".join(conclusion(rows)) + left)
        self._show_detail()

    def _chosen(self) -> int | None:
        item = self._top(self.tree.currentItem())
        return None if item is None else self.tree.indexOfTopLevelItem(item)

    def _top(self, item: QTreeWidgetItem | None) -> QTreeWidgetItem | None:
        return item if item is None or item.parent() is None else item.parent()
