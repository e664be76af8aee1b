"""The dialog "Will it recover?": load, capacity and recovery of each variant, and what the run that is shown did.

It stays open beside the window: switches change what is expected, and the end of a run brings what happened. The
arithmetic is `app.analysis.stability`; here it is only laid out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.analysis.curves import Picture
from app.analysis.stability.figures import Figure, figures, verdict_of
from app.analysis.stability.report import StabilityReport, of_run, of_scenario
from app.errors import UserError
from app.scenario.model import Scenario
from app.sessions.reader import RunReader
from app.sessions.session_log import SessionLog
from widgets.background import Job
from widgets.dialogs import opened_once
from widgets.foreign_text import in_a_cell
from widgets.latest_job import LatestJob, Work
from widgets.session import Session
from widgets.trial.labels import plain_label

_EVERY_S: Final = 5.0
"""While a run goes the load is looked at anew after so many virtual seconds."""
_WIDTH: Final = 820
_HEIGHT: Final = 640


def show_stability(parent: QWidget, session: Session) -> StabilityDialog:
    """Open the dialog, or bring the one that is open to the front."""
    return opened_once(parent, StabilityDialog, lambda: StabilityDialog(parent, session))


class StabilityDialog(QDialog):
    """Attributes: `table`, whose rows are headings and figures; `verdicts`; `formula`, that of the row one is in."""

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        self.setObjectName("stability")
        self.setWindowTitle("Will it recover?")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session = session
        self._figures: list[Figure | None] = []
        self._looked_s = 0.0
        self._ended_run: int | None = None
        self._job = LatestJob(self)
        self._job.done.connect(self._show_report)
        self._job.failed.connect(self._show_problem)
        self._lay_out()
        session.switchboard.changed.connect(self._on_changed)
        session.pictured.connect(self._on_picture)
        session.run_shown.connect(self._on_changed)
        self._ask()

    def _lay_out(self) -> None:
        self.verdicts = plain_label(wraps=True)
        self.verdicts.setObjectName("verdicts")
        self.table = QTableWidget()
        self.table.setAccessibleName("Load, capacity and recovery of each variant")
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setTextElideMode(Qt.TextElideMode.ElideRight)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        self.table.setTabKeyNavigation(False)
        self.table.currentCellChanged.connect(self._on_row)
        self.formula = plain_label(wraps=True)
        self.formula.setObjectName("formula")
        self.formula.setProperty("tone", "muted")
        self.formula.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.formula.setMinimumHeight(5 * self.formula.fontMetrics().lineSpacing())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.verdicts)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.formula)
        layout.addWidget(buttons)
        self.resize(QSize(_WIDTH, _HEIGHT).boundedTo(self.screen().availableSize()))

    # -- asking -----------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Have the report made anew: of the settings as they are, and of the run that is shown, if it has ended."""
        session = self._session
        if not session.switchboard.loaded or session.file is None:
            return
        picture = session.picture
        scenario, name = session.scenario(), session.file.name
        if picture is None:
            self._job.run(_work_on_settings(scenario, name, None))
        elif picture.record.ended_at is None:
            own = picture.record.scenario == name
            self._looked_s = picture.until_s
            self._job.run(_work_on_settings(scenario, name, picture.until_s if own else None))
        else:
            same = picture.record.scenario == name
            self._job.run(_work_on_run(session.log_path, picture.record.run_id, scenario if same else None))

    @Slot()
    def _on_changed(self) -> None:
        self._ask()

    @Slot(object)
    def _on_picture(self, picture: Picture) -> None:
        """A run goes on, or has ended: its pictures come many times a second, the question is asked now and then."""
        if picture.record.ended_at is not None:
            if self._ended_run != picture.record.run_id:
                self._ended_run = picture.record.run_id
                self._ask()
        else:
            self._ended_run = None
            if abs(picture.until_s - self._looked_s) >= _EVERY_S:
                self._ask()

    # -- showing ----------------------------------------------------------------------------------------

    @Slot(object)
    def _show_report(self, report: StabilityReport) -> None:
        of = f"run {report.run_id}, " if report.run_id is not None else ""
        sentences = [in_a_cell(verdict_of(each)) for each in report.variants]
        self.verdicts.setText("\n".join(sentences))
        self.setWindowTitle(f"Will it recover? – {of}{in_a_cell(report.title)}")
        row = self.table.currentRow()
        self._figures = []
        self.table.setRowCount(0)
        self.table.clearSpans()
        self.table.setColumnCount(1 + len(report.variants))
        titles = [in_a_cell(each.assessment.title) for each in report.variants]
        self.table.setHorizontalHeaderLabels(["", *titles])
        part = ""
        for figure in figures(report):
            if figure.part != part:
                part = figure.part
                self._add_heading(part)
            self._add_figure(figure)
        self.table.setCurrentCell(row if 0 <= row < self.table.rowCount() else 1, 0)

    def _add_heading(self, text: str) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        item = QTableWidgetItem(text)
        font = QFont(self.font())
        font.setBold(True)
        item.setFont(font)
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.table.setItem(row, 0, item)
        self.table.setSpan(row, 0, 1, self.table.columnCount())
        self._figures.append(None)

    def _add_figure(self, figure: Figure) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        for column, text in enumerate((figure.title, *figure.texts)):
            item = QTableWidgetItem(in_a_cell(text))
            item.setToolTip(figure.formula)
            if column:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.setItem(row, column, item)
        self._figures.append(figure)

    @Slot(object)
    def _show_problem(self, error: UserError) -> None:
        self._figures = []
        self.table.setRowCount(0)
        self.formula.setText("")
        self.verdicts.setText(str(error))

    @Slot(int, int, int, int)
    def _on_row(self, row: int, _column: int, _was_row: int, _was_column: int) -> None:
        figure = self._figures[row] if 0 <= row < len(self._figures) else None
        self.formula.setText("" if figure is None else f"{in_a_cell(figure.title)}: {figure.formula}")


def _work_on_settings(scenario: Scenario, name: str, at_s: float | None) -> Work:
    def work(_job: Job) -> StabilityReport:
        return of_scenario(scenario, name, at_s=at_s)

    return work


def _work_on_run(path: Path | None, run_id: int, settings: Scenario | None) -> Work:
    def work(_job: Job) -> StabilityReport:
        with SessionLog.open(path, create=False) as log:
            return of_run(RunReader(log, run_id), settings=settings)

    return work
