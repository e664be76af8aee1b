"""The Trial page: charts in the middle, switches on the left, requests below, one request on the right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QHBoxLayout, QMainWindow, QToolButton, QVBoxLayout, QWidget

from app.analysis.curves import Picture
from app.analysis.fault_rates import FaultRate, fault_rates
from app.scenario.files import ScenarioFile
from app.sessions.filters import Filter
from app.sessions.reader import RunReader
from app.sessions.records import PromptRecord
from app.sessions.session_log import SessionLog
from widgets.actions import Actions
from widgets.appearance import Appearance
from widgets.background import Job
from widgets.charts.board import ChartBoard
from widgets.engine_link import Progress
from widgets.inputs.panel import InputsPanel
from widgets.inputs.recent import RecentFiles
from widgets.latest_job import LatestJob
from widgets.present.presenter import Presenter
from widgets.real_calls.provider_panel import ProviderPanel
from widgets.real_calls.words import origins
from widgets.session import Session
from widgets.trial.failure_cards import FailureCards
from widgets.trial.replay_bar import ReplayBar
from widgets.trial.request_detail import RequestDetail
from widgets.trial.request_table import RequestTable
from widgets.trial.safeguards_panel import SafeguardsPanel
from widgets.trial.summary_strip import SummaryStrip
from widgets.trial.top_bar import TopBar
from widgets.upright_area import UprightArea

_MICRO: Final = 1e6
_SHAPE_VERSION: Final = 1
_TABLE_HEIGHT: Final = 230
_LEAST_LINES: Final = 16
"""Lines of text that the page is high at least."""
_PRESS_RUN: Final = "Press Run (F5) to see how each variant does, or open an earlier run on the Runs page."
_STARTING: Final = "Reading prompts and data…"


class TrialPage(QWidget):
    """What is run and what came of it on top; below, a window in the window, for its docks. It shows the run of
    `session`, whichever that is.

    Attributes: `top_bar`, `summary`, `board`, `replay`, `presenter`, `table`, `detail`, `inputs`, `provider`, `cards`,
    `safeguards`, and the docks `left_dock`, `table_dock`, `detail_dock`.
    """

    def __init__(
        self, session: Session, actions: Actions, appearance: Appearance, recent: RecentFiles
    ) -> None:
        super().__init__()
        self.setObjectName("trial_page")
        self._docks = QMainWindow()
        self._docks.setObjectName("trial_docks")
        self._docks.setWindowFlags(Qt.WindowType.Widget)
        self._docks.setDockNestingEnabled(True)
        self._session = session
        self._actions = actions
        self._prompts = LatestJob(self)
        self._prompts.done.connect(self._show_prompts)
        self._prompts.failed.connect(session.refused)
        self._rates = LatestJob(self)
        self._rates.done.connect(self._show_rates)
        self._rates.failed.connect(session.refused)
        self._rated: int | None = None
        """The run whose faults have been counted, which is done when it has ended."""
        self._tabled: int | None = None
        self._wanted: int | None = None
        self._known_prompts: list[PromptRecord] | None = None
        self._before = QByteArray()
        self._brief = self._put_away = False
        self._needed = 0
        self._arranged = False
        self.top_bar = TopBar(actions, session.switchboard)
        self.summary = SummaryStrip()
        self.board = ChartBoard(appearance)
        self._empty = f"No run is shown.\n\n{_PRESS_RUN}"
        self.board.set_empty_text(self._empty)
        self.replay = ReplayBar(session)
        self.presenter = Presenter(session, actions)
        self.table = RequestTable(session.log_path, appearance)
        self.detail = RequestDetail(session.log_path, appearance)
        self.inputs = InputsPanel(appearance, recent)
        self.provider = ProviderPanel(session.switchboard)
        self.cards = FailureCards(session.switchboard)
        self.safeguards = SafeguardsPanel(session.switchboard)
        self._lay_out()
        self._connect()

    # -- what others ask of it --------------------------------------------------------------------------

    def show_request(self, number: int) -> None:
        """Open a request of the run that is shown."""
        run_id = self._session.run_id
        if run_id is None:
            return
        if self._tabled != run_id:
            self._wanted = number  # its table is still being made
            return
        self.detail_dock.show()
        self.detail.show_request(run_id, number)
        self.table.select(number)

    def callout_target(self, name: str) -> QWidget:
        """The widget that a callout points at: 'load', 'charts' (the last variant's strip) or 'inputs'."""
        if name == "charts":
            return self.board if self.board.charts is None else self.board.charts.strips[-1]
        if name == "inputs":
            self._left_area.ensureWidgetVisible(self.inputs.preview_button)
            return self.inputs.preview_button  # low enough to leave the summary in sight
        card = self.cards.findChild(QWidget, f"card_{name}")
        assert card is not None
        self._left_area.ensureWidgetVisible(card)
        return card

    def present(self, presenting: bool) -> None:
        """Only charts, summary and acts, large; or all of it again. What names files or people is hidden meanwhile."""
        self._be_brief(False)  # whether there is room is another question now
        self.detail.hide_texts(presenting)
        if presenting:
            self._before = self.shape()
            for dock in (self.left_dock, self.table_dock, self.detail_dock):
                dock.hide()
            self.presenter.begin()
        else:
            self.presenter.leave()
            self.restore(self._before)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """The charts have the most room at first; afterwards it is as the user left it."""
        super().showEvent(event)
        if not self._arranged:
            self._arranged = True
            self._docks.resizeDocks([self.table_dock], [_TABLE_HEIGHT], Qt.Orientation.Vertical)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out more where there is less room."""
        super().resizeEvent(event)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """What is shown may have come to need more room, or less."""
        done = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return done

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As wide as its docks need; it may be as low as it is with everything left out that can be."""
        return QSize(self._docks.minimumSizeHint().width(), _LEAST_LINES * self.fontMetrics().height())

    def _fit(self) -> None:
        """Brief where all of it is higher than the page; whole again where there is room for what it needed then."""
        if not self._brief:
            self._needed = self._whole.totalMinimumHeightForWidth(self.width())
        brief = self.isVisible() and self.height() < self._needed
        if brief != self._brief:
            self._be_brief(brief)

    def _be_brief(self, brief: bool) -> None:
        presenting = self.presenter.presenting
        self._brief = brief
        self.summary.set_brief(brief)
        self.top_bar.set_brief(brief, presenting=presenting)
        self.presenter.set_brief(brief)
        self.board.set_brief(brief)
        self.replay.set_out_of_the_way(brief and presenting)
        if brief and self.table_dock.isVisible():
            self._put_away = True
            self.table_dock.hide()
        elif not brief and self._put_away:
            self._put_away = False
            self.table_dock.setVisible(not presenting)

    def shape(self) -> QByteArray:
        """Which docks are where, the one that is put away for want of room in its place."""
        self._be_brief(False)
        return self._docks.saveState(_SHAPE_VERSION)

    def restore(self, shape: QByteArray) -> None:
        """Take the shape that `shape` gave, if it is one."""
        self._arranged = self._docks.restoreState(shape, _SHAPE_VERSION)

    # -- making -----------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        whole = self._whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 4, 0, 0)
        whole.setSpacing(6)
        for widget in (self.top_bar, self.summary):
            row = QHBoxLayout()
            row.setContentsMargins(8, 0, 8, 0)
            row.addWidget(widget)
            whole.addLayout(row)
        whole.addWidget(self._docks, 1)
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(6)
        layout.addWidget(self.board, 1)
        layout.addWidget(self.replay)
        layout.addWidget(self.presenter)
        self._docks.setCentralWidget(middle)
        area = Qt.DockWidgetArea
        self.left_dock = self._dock("switches", "Switches", self._left(), area.LeftDockWidgetArea)
        self.table_dock = self._dock("requests", "Requests", self.table, area.BottomDockWidgetArea)
        self.detail_dock = self._dock("request", "One request", self.detail, area.RightDockWidgetArea)
        self.detail_dock.hide()
        self._docks.setCorner(Qt.Corner.BottomLeftCorner, area.LeftDockWidgetArea)
        self._docks.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)

    def _left(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 4, 8, 8)
        for widget in (self.inputs, self.provider, self.cards, self.safeguards):
            column.addWidget(widget)
        column.addStretch()
        self._left_area = UprightArea(inside)
        self._left_area.setObjectName("switches_area")
        return self._left_area

    def _dock(self, name: str, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self._docks)
        dock.setObjectName(name)
        dock.setWidget(widget)
        self._docks.addDockWidget(area, dock)
        for button in dock.findChildren(QToolButton, options=Qt.FindChildOption.FindDirectChildrenOnly):
            button.setAccessibleName(f"{button.toolTip() or 'Button'} of {title}")
        return dock

    def _connect(self) -> None:
        session, actions = self._session, self._actions
        session.scenario_opened.connect(self._show_scenario)
        session.inputs_changed.connect(self.inputs.show_inputs)
        session.run_shown.connect(self._show_run)
        session.pictured.connect(self._show_picture)
        session.progressed.connect(self._show_progress)
        session.state_changed.connect(self._show_state)
        self.board.range_picked.connect(self._pick_range)
        self.table.request_picked.connect(self._pick_request)
        self.detail.step.connect(self.table.step)
        self.provider.real_chosen.connect(self.top_bar.show_choice)
        self.replay.whole.clicked.connect(self.board.reset_view)
        actions["hold_view"].toggled.connect(self.board.hold)
        actions["reset_view"].triggered.connect(self.board.reset_view)
        actions["more_charts"].toggled.connect(self.board.set_more)
        actions["faults_off"].triggered.connect(self.cards.all_off)
        actions["find_request"].triggered.connect(self._find)

    # -- what comes -------------------------------------------------------------------------------------

    @Slot(object)
    def _show_scenario(self, file: ScenarioFile) -> None:
        self.inputs.set_scenario(file, self._session.inputs)
        self.provider.forget()
        title = file.scenario.title
        self.left_dock.setWindowTitle(f"Switches of {title}".replace("&", "&&"))
        self._empty = f"{title}\n{file.scenario.about}\n\n{_PRESS_RUN}"
        self.board.set_empty_text(self._empty)

    @Slot(object)
    def _show_run(self, run_id: int | None) -> None:
        self._tabled = None
        self._actions["hold_view"].setChecked(False)  # what was held is another run's
        self.top_bar.show_run(run_id is not None)
        self.board.show_picture(None)
        self.summary.show_picture(None)
        self.cards.show_picture(None)
        self.cards.show_rates(())
        self._rates.cancel()
        self._rated = None
        self.table.show_run(None)
        self.detail.clear()
        self.detail_dock.hide()
        if run_id is not None:
            log_path = self._session.log_path
            self._prompts.run(lambda job: _prompts_of(job, log_path, run_id))

    @Slot(object)
    def _show_prompts(self, found: tuple[int, list[PromptRecord]]) -> None:
        run_id, self._known_prompts = found
        if run_id == self._session.run_id and self._session.picture is not None:
            self._make_table(self._session.picture)

    def _make_table(self, picture: Picture) -> None:
        run_id = picture.record.run_id
        record = picture.record
        prompts = self._known_prompts or ()
        self.table.show_run(run_id, picture.variants, prompts, closed_loop=record.closed_loop)
        self._tabled = run_id
        self._grow_table(picture)
        if self._wanted is not None:
            wanted, self._wanted = self._wanted, None
            self.show_request(wanted)

    def _grow_table(self, picture: Picture) -> None:
        self.table.run_grew(picture.record.offered, picture.record.state == "running", picture.passed_us)

    @Slot(object)
    def _show_picture(self, picture: Picture) -> None:
        record = picture.record
        where = origins(picture.summary.get("real_calls"))
        self.top_bar.show_badge(record.badge, real=record.clock == "wall", where=where)
        self.board.show_picture(picture)
        self.summary.show_picture(picture)
        self.cards.show_picture(picture)
        if record.state != "running" and self._rated != record.run_id:
            self._rated = record.run_id
            path, run_id, variant = self._session.log_path, record.run_id, picture.variants[0].name
            self._rates.run(lambda job: _rates_of(job, path, run_id, variant))
        if self._tabled != record.run_id and self._known_prompts is not None and not self._prompts.busy:
            self._make_table(picture)
        elif self._tabled == record.run_id:
            self._grow_table(picture)
        if self.detail_dock.isVisible():
            self.detail.run_grew()
        if not self._session.steering:
            self.top_bar.show_progress(picture.until_s, record.duration_s)

    @Slot(object)
    def _show_rates(self, found: tuple[int, list[FaultRate]]) -> None:
        run_id, rates = found
        if run_id == self._session.run_id:
            self.cards.show_rates(rates)

    @Slot(object)
    def _show_progress(self, progress: Progress) -> None:
        if self._session.steering:
            self.top_bar.show_progress(progress.virtual_s, progress.end_s)
            if progress.spent_usd is not None and progress.cap_usd is not None:
                self.top_bar.show_spent(progress.spent_usd, progress.cap_usd, *self._turn(progress.turn))

    def _turn(self, variants: Sequence[str]) -> tuple[str, str]:
        """Which turn it is and whose, in words; empty where variants are called side by side, or there is one."""
        picture = self._session.picture
        titles = {} if picture is None else {each.name: each.title for each in picture.variants}
        if len(variants) != 1 or len(titles) < 2 or variants[0] not in titles:
            return "", ""
        return f"turn {list(titles).index(variants[0]) + 1} of {len(titles)}", titles[variants[0]]

    @Slot(str)
    def _show_state(self, state: str) -> None:
        self.top_bar.set_running(state != "idle")
        self.provider.set_running(state != "idle")
        self.summary.set_starting(state in ("starting", "running"))
        starting = state == "starting"
        self.top_bar.set_starting(starting)
        self.table.set_starting(starting)
        self.board.set_empty_text(_STARTING if starting else self._empty)

    # -- what the user does -----------------------------------------------------------------------------

    @Slot(float, float, object)
    def _pick_range(self, from_s: float, to_s: float, variant: str | None) -> None:
        """Exactly the requests that ended then."""
        self.table_dock.show()
        wanted = Filter(variant=variant, from_us=round(from_s * _MICRO), to_us=round(to_s * _MICRO))
        self.table.set_filter(wanted)

    @Slot(object)
    def _pick_request(self, number: int) -> None:
        if self._session.run_id is not None:
            self.detail_dock.show()
            self.detail.show_request(self._session.run_id, number)

    @Slot()
    def _find(self) -> None:
        self.table_dock.show()
        self.table.focus_filter()


def _prompts_of(_job: Job, log_path: Path | None, run_id: int) -> tuple[int, list[PromptRecord]]:
    with SessionLog.open(log_path, create=False) as log:
        return run_id, RunReader(log, run_id).prompts()


def _rates_of(_job: Job, log_path: Path | None, run_id: int, variant: str) -> tuple[int, list[FaultRate]]:
    with SessionLog.open(log_path, create=False) as log:
        return run_id, fault_rates(RunReader(log, run_id), variant)
