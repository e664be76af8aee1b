"""Run → Calibrate…: says what it would do and cost, makes the calls once somebody agrees, and shows the fit beside the data.

The calls are made off the GUI thread; closing the dialog ends them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QProgressBar,
    QTableWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.calibration.calibration import Calibration, Order, Prepared, calibrate, prepare
from app.calibration.measuring import Halt, Progress
from app.calibration.saving import calibrated_text, settings
from app.calibration.words import announcement, headline, money
from app.errors import UserError
from app.providers.keys import KeySource
from app.scenario.files import changed_text, parse_scenario
from widgets.appearance import Appearance
from widgets.background import Job
from widgets.calibration.form import CalibrationForm
from widgets.calibration.result_pages import ResultPages
from widgets.dialogs import opened_once, push_button
from widgets.focus import put_last
from widgets.foreign_text import breakable
from widgets.inputs.error_box import ErrorBox
from widgets.latest_job import LatestJob, Work
from widgets.session import Session
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Setting
from widgets.upright_area import UprightArea

_ABOUT: Final = (
    "Makes REAL CALLS to a target, with the prompts and rows of this scenario, and fits the simulated one to what it "
    "measures. Runs of the scenario stay simulated, and cost nothing."
)
_PATTERN: Final = "Scenarios (*.toml)"


def show_calibration(parent: QWidget, session: Session, appearance: Appearance) -> CalibrationDialog | None:
    """Open the dialog, or bring the one that is open to the front; None while there is no scenario."""
    if session.file is None:
        return None
    return opened_once(parent, CalibrationDialog, lambda: CalibrationDialog(parent, session, appearance))


class CalibrationDialog(QDialog):
    """Attributes: `form`, `reckon` (shows what it would cost), `announced`, `call` (makes the calls), `stop`, `progress`,
    `told`, `tabs` (the form first, then the `found` pages once there is a result), `use`, `save`, `error`, `calibration`."""

    def __init__(self, parent: QWidget, session: Session, appearance: Appearance) -> None:
        super().__init__(parent)
        self.setObjectName("calibration")
        self.setWindowTitle("Calibrate")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session = session
        self._appearance = appearance
        self._prepared: Prepared | None = None
        self._file = session.file
        self._overrides: list[Setting] = []
        self._called_with: list[Setting] = []
        self._halt = Halt()
        self._going = _Going()
        self.calibration: Calibration | None = None
        self.found: ResultPages | None = None
        self._preparing, self._calling = LatestJob(self), LatestJob(self)
        self.form = CalibrationForm(session.scenario().targets, self)
        self._build()
        self.form.changed.connect(self._forget)
        for job in (self._preparing, self._calling):
            job.failed.connect(self._show_error)
            job.busy_changed.connect(self._enable)
        self._preparing.done.connect(self._announce)
        self._calling.done.connect(self._show_result)
        self._calling.progressed.connect(self._show_progress)
        session.state_changed.connect(self._enable)
        session.scenario_opened.connect(self._enable)
        self._enable()

    def _build(self) -> None:
        self.error = ErrorBox(self)
        self.announced = plain_label(wraps=True)
        self.announced.setObjectName("calibration_announced")
        self.reckon = push_button("calibration_reckon", "What &would it cost?", self._reckon)
        self.call = push_button("calibration_call", "Make the &real calls", self._call)
        self.call.setProperty("role", "primary")
        self.stop = push_button("calibration_stop", "St&op", self._stop)
        self.stop.setToolTip("Make no more calls, and keep what was measured.")
        self.progress = QProgressBar()
        self.progress.setAccessibleName("Progress of the calls")
        self.told = plain_label(wraps=True)
        self.told.setObjectName("calibration_told")
        self.use = push_button("calibration_use", "&Use in this scenario", self._use)
        self.save = push_button("calibration_save", "&Save as…", self._save)
        self._close = push_button("calibration_close", "C&lose", self.close)
        steps = QHBoxLayout()
        for button in (self.reckon, self.call, self.stop):
            steps.addWidget(button)
        steps.addStretch(1)
        asking = QWidget()
        column = QVBoxLayout(asking)
        for widget in (plain_label(_ABOUT, wraps=True), self.form, self.error, self.announced):
            column.addWidget(widget)
        column.addLayout(steps)
        column.addWidget(self.progress)
        column.addStretch(1)
        column.setContentsMargins(8, 8, 8, 8)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(UprightArea(asking), "Calls")
        buttons = QHBoxLayout()
        for button in (self.use, self.save):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.told)
        layout.addLayout(buttons)
        self.resize(QSize(720, 560).boundedTo(self.screen().availableSize()))
        self._order_tab()
        self.form.target.setFocus()

    def _order_tab(self) -> None:
        """Tab goes from the tabs through what is on them to the buttons below, which were there before the results."""
        pages = [] if self.found is None else [page for _, page in self.found.pages]
        inside = [each for page in pages for each in (page, *page.findChildren(QTableWidget))]
        asking = [*self.form.fields, self.reckon, self.call, self.stop]
        put_last([self.tabs.tabBar(), *asking, *inside], [self.use, self.save, self._close])

    def done(self, result: int) -> None:
        """Closed, by whatever way: no more calls are made."""
        self._halt.ask()
        self._preparing.cancel()
        self._calling.cancel()
        super().done(result)

    # -- before the calls ----------------------------------------------------------------------------------------

    @Slot()
    def _forget(self) -> None:
        """What was announced is not what would be done now."""
        self._prepared = None
        self._preparing.cancel()
        self._enable()

    @Slot()
    def _reckon(self) -> None:
        session, form = self._session, self.form
        self.error.tell(None)
        assert session.file is not None
        self._overrides = list(form.overrides())
        try:
            text = changed_text(session.switchboard.base_text(), self._overrides)
            file = parse_scenario(text, session.file.path)
        except UserError as error:
            self.error.tell(error)
            return
        order = Order(
            file,
            form.cap.value(),
            form.target.currentText(),
            form.calls.value(),
            form.concurrency.value(),
            session.inputs.prompts,
            session.inputs.data,
            dict(session.inputs.columns),
        )
        self._preparing.run(_preparation(order, session.keys.for_origin))

    @Slot(object)
    def _announce(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._enable()

    # -- the calls -----------------------------------------------------------------------------------------------

    @Slot()
    def _call(self) -> None:
        if self._prepared is None or self._calling.busy:
            return
        self._halt, self._going = Halt(), _Going()
        self._called_with = self._overrides
        self.progress.setRange(0, len(self._prepared.course.questions))
        self.progress.setValue(0)
        self._calling.run(_calls(self._prepared, self._halt, self._going))

    @Slot()
    def _stop(self) -> None:
        self._halt.ask()

    @Slot(float, float)
    def _show_progress(self, made: float, _planned: float) -> None:
        self.progress.setValue(int(made))
        self.told.setText(f"{int(made):,} calls made, {money(self._going.cost_pico)} spent.")

    @Slot(object)
    def _show_result(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self._prepared = None
        cost = money(calibration.measurement.cost_pico)
        self.told.setText(breakable(f"{headline(calibration)}; {cost} spent."))
        while self.tabs.count() > 1:
            old = self.tabs.widget(1)
            assert old is not None
            self.tabs.removeTab(1)
            old.deleteLater()
        self.found = ResultPages(self._appearance, calibration, self.tabs)
        for title, page in self.found.pages:
            self.tabs.addTab(page, title)
        self._order_tab()
        self.tabs.setCurrentIndex(1)
        self.tabs.setFocus()  # the button that had it cannot be pressed now
        self._enable()

    @Slot(object)
    def _show_error(self, error: UserError) -> None:
        self.tabs.setCurrentIndex(0)
        self.error.tell(error)
        self._enable()

    # -- what comes of it ----------------------------------------------------------------------------------------

    @Slot()
    def _use(self) -> None:
        """Take it into the scenario that is open; that can be undone."""
        if self.calibration is None:
            return
        target = self.calibration.prepared.target
        flips = [*self._called_with, *settings(self.calibration)]
        if self._session.switchboard.flip(flips, f"Calibrate {target}"):
            self.told.setText(f"'{target}' is as it was measured now. Undo takes it back.")
        else:
            self.told.setText("The scenario cannot take it; the window says why.")

    @Slot()
    def _save(self) -> None:
        if self.calibration is None:
            return
        file = self.calibration.prepared.order.file
        path, _ = QFileDialog.getSaveFileName(self, "Save scenario as", file.path.name, _PATTERN)
        if path:
            self.save_to(Path(path))

    def save_to(self, path: Path) -> None:
        """Write the scenario with the calibrated target to a file."""
        assert self.calibration is not None
        text = calibrated_text(self.calibration, self.calibration.prepared.order.file.text)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            self._show_error(UserError(f"cannot be written ({error.strerror})", where=str(path)))
            return
        self.told.setText(breakable(f"Saved as {path}."))

    @Slot()
    def _enable(self) -> None:
        calling, preparing = self._calling.busy, self._preparing.busy
        prepared, made = self._prepared, self.calibration
        self.form.setEnabled(not calling)
        same = self._session.file is self._file
        self.reckon.setEnabled(self.form.complete and same and not calling and not preparing)
        self.call.setEnabled(prepared is not None and not calling)
        self.stop.setEnabled(calling)
        self.stop.setVisible(calling)
        self.progress.setVisible(calling)
        if prepared is not None:
            self.announced.setText("\n\n".join(breakable(line) for line in announcement(prepared)))
            self.call.setText(f"Make {len(prepared.course.questions):,} &real calls")
        elif preparing:
            self.announced.setText("Looking at prompts and rows…")
        elif not calling:
            wanted = "" if self.form.complete else "Give an address, a model and a cap. "
            self.announced.setText(f"{wanted}Nothing is sent before you have seen what it may cost.")
            self.call.setText("Make the &real calls")
        usable = made is not None and made.fits.enough and not calling
        self.save.setEnabled(usable)
        self.use.setEnabled(usable and same and not self._session.busy)
        if not same:
            self.use.setToolTip("Another scenario was opened.")
        elif self._session.busy:
            self.use.setToolTip("A run goes on; stop it first.")
        else:
            self.use.setToolTip("Its settings and their sources; Undo takes them back.")


class _Going:
    """What the thread that makes the calls tells of them: read by the GUI thread, never changed there."""

    cost_pico = 0


def _preparation(order: Order, keys: KeySource) -> Work:
    def work(_job: Job) -> Prepared:
        return prepare(order, keys)

    return work


def _calls(prepared: Prepared, halt: Halt, going: _Going) -> Work:
    def work(job: Job) -> Calibration:
        def tell(progress: Progress) -> None:
            going.cost_pico = progress.cost_pico
            job.check(progress.made, progress.planned)

        return calibrate(prepared, tell, halt)

    return work
