"""The Compare page: two to four runs or variants side by side, in settings, numbers, curves and requests.

What is compared and how is `app.analysis.comparison`'s; here it is chosen, waited for and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.analysis.comparison import Comparison, Side
from app.analysis.comparison_text import as_text
from app.analysis.curves import Curves
from app.errors import UserError
from widgets.appearance import Appearance
from widgets.background import Job
from widgets.compare.compare_work import Compared, RunChoice, load_choices, load_comparison, load_curves
from widgets.compare.findings import Findings
from widgets.compare.sides_bar import SidesBar
from widgets.runs.run_view import Empty
from widgets.tasks import Tasks

_HOW: Final = (
    "Choose two runs or variants above, or select two to four runs on the Runs page and press Compare. "
    "The same seed shows which requests a change saved."
)
_NO_RUNS: Final = (
    "There are no runs yet. Start one on the Trial page; its variants can then be compared here."
)


class ComparePage(QWidget):
    """Runs and variants side by side.

    Signal: `request_picked(run_id, number)` for one of the requests saved or lost.
    Attributes: `sides`, `findings`, `status` (what is going on, or went wrong), `comparison` (None without one).
    """

    request_picked = Signal(object, object)

    def __init__(self, log_path: Path | None, appearance: Appearance) -> None:
        super().__init__()
        self.setObjectName("compare_page")
        self._path = log_path
        self.comparison: Comparison | None = None
        self.tasks = Tasks(self)
        self.tasks.failed.connect(self._failed)
        self._comparing: Job | None = None
        self._listing: Job | None = None
        self._drawing: Job | None = None
        self._build(appearance)

    def _build(self, appearance: Appearance) -> None:
        title = QLabel("Compare", self)
        title.setProperty("role", "title")
        self.progress = QProgressBar(self)
        self.progress.setObjectName("compare_progress")
        self.progress.setAccessibleName("Progress of the comparison")
        self.progress.setMaximumWidth(200)
        self.cancel_button = QPushButton("&Cancel", self)
        self.cancel_button.setObjectName("compare_cancel")
        self.cancel_button.clicked.connect(self.cancel)
        self.newest = QPushButton("&Newest run: its variants", self)
        self.newest.setObjectName("compare_newest")
        self.newest.setToolTip("Compare the variants of the newest run with each other.")
        self.newest.clicked.connect(self._compare_newest)
        self.copy = QPushButton("Copy as &text", self)
        self.copy.setObjectName("compare_copy")
        self.copy.setToolTip("Copy settings, numbers and requests as plain text.")
        self.copy.clicked.connect(self.copy_text)
        self.sides = SidesBar(self)
        self.sides.changed.connect(self._sides_chosen)
        self.status = QLabel(self)
        self.status.setObjectName("compare_status")
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setWordWrap(True)
        self.findings = Findings(appearance, self)
        self.empty = Empty("compare_empty", "Nothing to compare yet", _HOW, (), self)
        self.findings.request_picked.connect(self.request_picked)
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        for widget in (self.progress, self.cancel_button, self.newest, self.copy):
            head.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.addLayout(head)
        layout.addWidget(self.sides)
        layout.addWidget(self.status)
        layout.addWidget(self.findings, 1)
        layout.addWidget(self.empty, 1)
        self._show_state("")

    def compare(self, wanted: Sequence[tuple[int, str | None]]) -> None:
        """Compare runs or variants; a variant of None is chosen as `app.analysis.comparison.chosen_sides` says."""
        self._give_up()
        self._comparing = self.tasks.start(partial(_compare, self._path, tuple(wanted)), self._compared)
        self._comparing.progressed.connect(self._advanced)
        self._show_state("Comparing…")

    @Slot()
    def refresh(self) -> None:
        """Read again which runs there are, unless a comparison is on its way and does so."""
        if self._comparing is None:
            self.tasks.give_up(self._listing)
            self._listing = self.tasks.start(partial(_list, self._path), self._listed)

    @Slot()
    def cancel(self) -> None:
        """Give up the comparison that is on its way; what was shown before stays."""
        self._give_up()
        self._show_state("Cancelled." if self.comparison is None else "")

    @Slot()
    def copy_text(self) -> None:
        """Put the comparison on the clipboard as plain text."""
        if self.comparison is not None:
            QApplication.clipboard().setText(as_text(self.comparison))
            self._show_state("Copied.")

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's)
        """Shown means up to date."""
        super().showEvent(event)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 (Qt's)
        """What nobody waits for is not read on."""
        super().hideEvent(event)
        if self._comparing is not None or self._listing is not None:
            self.cancel()
            self.tasks.give_up(self._listing)
            self._listing = None

    def _give_up(self) -> None:
        self.tasks.give_up(self._comparing)
        self.tasks.give_up(self._drawing)
        self._comparing = self._drawing = None

    def _show_state(self, text: str, tone: str = "muted") -> None:
        waiting = self._comparing is not None
        self.status.setText(text)
        self.status.setVisible(bool(text))
        self.status.setProperty("tone", tone)
        self.status.style().unpolish(self.status)
        self.status.style().polish(self.status)
        self.progress.setRange(0, 0)
        self.progress.setVisible(waiting)
        self.cancel_button.setVisible(waiting)
        self.copy.setEnabled(self.comparison is not None)
        self.findings.setVisible(self.comparison is not None)
        self.empty.setVisible(self.comparison is None)

    @Slot(float, float)
    def _advanced(self, done: float, total: float) -> None:
        self.progress.setRange(0, 100)
        self.progress.setValue(min(100, round(100 * done / total)))

    @Slot(object)
    def _listed(self, choices: tuple[RunChoice, ...]) -> None:
        self._listing = None
        chosen = self.sides.sides()
        self.sides.offer(choices, chosen)
        self.newest.setEnabled(any(len(each.variants) > 1 for each in choices[:1]))
        self.empty.text.setText(_HOW if choices else _NO_RUNS)

    @Slot(object)
    def _compared(self, result: Compared) -> None:
        self._comparing = None
        self.comparison = result.comparison
        sides = [each.side for each in result.comparison.sides]
        self.sides.offer(result.choices, sides)
        self.newest.setEnabled(bool(result.choices) and len(result.choices[0].variants) > 1)
        self.findings.show_comparison(result.comparison)
        self._show_state("")
        self._drawing = self.tasks.start(partial(_draw, self._path, sides), self._drawn)

    @Slot(object)
    def _drawn(self, curves: list[Curves]) -> None:
        self._drawing = None
        self.findings.show_curves(curves)

    @Slot(object)
    def _sides_chosen(self, sides: list[Side]) -> None:
        self.compare([(side.run_id, side.variant) for side in sides])

    @Slot()
    def _compare_newest(self) -> None:
        choices = self.sides.choices
        if choices:
            self.compare([(choices[0].run_id, None)])

    @Slot(object)
    def _failed(self, error: UserError) -> None:
        self._comparing = self._listing = self._drawing = None
        self._show_state(str(error), "danger")


def _list(path: Path | None, _job: Job) -> tuple[RunChoice, ...]:
    return load_choices(path)


def _compare(path: Path | None, wanted: Sequence[tuple[int, str | None]], job: Job) -> Compared:
    return load_comparison(job, path, wanted)


def _draw(path: Path | None, sides: Sequence[Side], job: Job) -> list[Curves]:
    return load_curves(job, path, sides)
