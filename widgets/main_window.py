"""The main window: pages, menus, drops, and what happens when it is closed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from widgets.actions import Actions
from widgets.appearance import Appearance, Choice
from widgets.menus import fill_menus
from widgets.message_bar import MessageBar
from widgets.preferences import Preferences

if TYPE_CHECKING:
    from widgets.compare.page import ComparePage
    from widgets.first_run import FirstRun
    from widgets.inputs.recent import RecentFiles
    from widgets.real_calls.beginning import Beginning
    from widgets.runs.page import RunsPage
    from widgets.scenario_files import ScenarioFiles
    from widgets.session import Session
    from widgets.trial.page import TrialPage
    from widgets.validation.window import ValidationWindow

DEFAULT_SCENARIO = "support-assistant"
_AFTER_PAINT_MS = 50
_PAGES = ("go_trial", "go_runs", "go_compare")


class MainWindow(QMainWindow):
    """Attributes: `actions_table`, `messages`; and, once it is filled, `session`, the pages `trial`, `runs` and `compare`,
    `recent` and `first_run`.

    It can be shown before it is filled: what the pages need takes most of the time of a start, and is imported by `fill`.
    """

    session: Session
    recent: RecentFiles
    trial: TrialPage
    runs: RunsPage
    files: ScenarioFiles
    beginning: Beginning
    first_run: FirstRun

    def __init__(
        self, appearance: Appearance, preferences: Preferences, log_path: Path | None, *, filled: bool = True
    ) -> None:
        super().__init__()
        self.setObjectName("main_window")
        self.setWindowTitle("Seatrial")
        self.appearance = appearance
        self.preferences = preferences
        self.actions_table = Actions(self)
        self.messages = MessageBar()
        self._log_path = log_path
        self._compare: ComparePage | None = None
        self._validation: ValidationWindow | None = None
        self._filled = False
        self._pages = Pages()
        self._opening = QLabel("Opening…")
        self._opening.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._opening.setProperty("tone", "muted")
        self._pages.addWidget(self._opening)
        self._lay_out()
        self._make_menus()
        self.resize(QSize(1280, 800))
        self.restoreGeometry(preferences.state("window"))
        self.resize(
            self.size().boundedTo(self.screen().availableSize())
        )  # at 200 % a screen has a quarter of the room
        self._enable(False)
        if filled:
            self.fill()

    def fill(self) -> None:
        """Make the pages and what they rest on. Raises UserError when the session log cannot be used."""
        from app.sessions.session_log import SessionLog
        from widgets.first_run import FirstRun
        from widgets.inputs.recent import RecentFiles
        from widgets.possible_actions import PossibleActions
        from widgets.real_calls.beginning import Beginning
        from widgets.runs.page import RunsPage
        from widgets.scenario_files import ScenarioFiles
        from widgets.session import Session
        from widgets.trial.page import TrialPage

        log_path, appearance = self._log_path, self.appearance
        with SessionLog.open(log_path):
            pass  # made, migrated, or refused, before anything else is
        self.session = Session(log_path, self)
        self.recent = RecentFiles(self.preferences.store)
        self.trial = TrialPage(self.session, self.actions_table, appearance, self.recent)
        self.runs = RunsPage(log_path, self.actions_table, appearance)
        self._pages.removeWidget(self._opening)
        self._opening.deleteLater()
        for page in (self.trial, self.runs):
            self._pages.addWidget(page)
        self.files = ScenarioFiles(
            self, self.session, self.recent, self.messages, (self.trial.inputs, self.runs), self.go_to
        )
        self._connect()
        self.setAcceptDrops(True)
        self.beginning = Beginning(self, self.session, self.trial.provider)
        self.first_run = FirstRun(self, appearance, self.session, self.trial, self.preferences)
        self.trial.restore(self.preferences.state("trial"))
        self._filled = True
        self._enable(True)
        self._show_undo()
        PossibleActions(self, self.actions_table, self.session, self.trial)
        QTimer.singleShot(_AFTER_PAINT_MS, self._load_charts)

    @Slot()
    def _load_charts(self) -> None:
        """Once the pages have been painted, and before the first run has anything to show: it takes most of a second."""
        import widgets.charts.stack  # noqa: F401

    def _enable(self, enabled: bool) -> None:
        self.menuBar().setEnabled(enabled)
        for spec in self.actions_table:
            self.actions_table[spec.id].setEnabled(enabled)

    # -- life -------------------------------------------------------------------------------------------

    def begin(self, scenario: str | None = None) -> None:
        """What the window opens with: the first run the first time, afterwards the scenario, ready to run."""
        self.session.open_scenario(scenario or DEFAULT_SCENARIO)
        if scenario is None and not self.preferences.shown_around:
            self.first_run.begin()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Stop the engine, keep its run, and remember the window's shape."""
        self.preferences.keep_state("window", self.saveGeometry())
        if self._filled:
            self.preferences.keep_state("trial", self.trial.shape())
            self.runs.close_page()
            if self._validation is not None:
                self._validation.close()
            self.session.close()
        super().closeEvent(event)
        event.accept()

    # -- making -----------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._navigation = QWidget()
        self._navigation.setObjectName("navigation")
        row = QHBoxLayout(self._navigation)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(2)
        for name in _PAGES:
            button = QToolButton()
            button.setDefaultAction(self.actions_table[name])
            button.setProperty("role", "flat")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        self.menuBar().setCornerWidget(self._navigation, Qt.Corner.TopRightCorner)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.messages)
        column.addWidget(self._pages, 1)
        self.setCentralWidget(whole)

    def _make_menus(self) -> None:
        actions = self.actions_table
        fill_menus(self, actions)
        actions["speed_10"].setChecked(True)
        actions["go_trial"].setChecked(True)
        actions[f"appearance_{self.appearance.choice}"].setChecked(True)

    def _connect(self) -> None:
        from widgets.session import SPEEDS

        actions, session = self.actions_table, self.session
        for name, do in {
            "open_scenario": self.files.choose,
            "ready_made": self.files.choose_ready_made,
            "use_my_data": self.use_my_data,
            "save_scenario": self.files.save,
            "import_run": self._import_run,
            "export_run": self._export_run,
            "copy_summary": self.copy_summary,
            "quit": self.close,
            "run": self._run,
            "stop": session.stop,
            "keys": self.show_keys,
            "undo": session.switchboard.undo,
            "redo": session.switchboard.redo,
            "palette": self.find_action,
            "tour": self.begin_tour,
            "calibrate": self.show_calibration,
            "assumptions": self._show_assumptions,
            "validation": self.show_validation,
            "stability": self._show_stability,
            "serve": self._show_serve,
            "log_file": self._show_log_file,
            "about": self._show_about,
        }.items():
            actions[name].triggered.connect(partial(_do, do))
        actions["pause"].toggled.connect(session.pause)
        actions["present"].toggled.connect(self.present)
        for name, speed in SPEEDS.items():
            actions[name].triggered.connect(partial(_do, partial(session.set_speed, speed)))
        for index, name in enumerate(_PAGES):
            actions[name].triggered.connect(partial(_do, partial(self.go_to, index)))
        for choice in ("system", "light", "dark"):
            actions[f"appearance_{choice}"].triggered.connect(
                partial(_do, partial(self._choose_appearance, choice))
            )
        stack = session.switchboard.undo_stack
        for changed in (stack.canUndoChanged, stack.canRedoChanged, stack.indexChanged):
            changed.connect(self._show_undo)
        session.state_changed.connect(self._on_state)
        session.scenario_opened.connect(self._show_title)
        session.run_shown.connect(self._show_title)
        session.pictured.connect(self._show_title)
        session.refused.connect(self.messages.show_error)
        session.noticed.connect(self.messages.show_notice)
        session.died.connect(self._on_died)
        self.runs.open_run.connect(self._open_run)
        self.runs.compare_runs.connect(self._compare_runs)
        self.runs.run_again.connect(self._run_again)
        self.runs.problem.connect(self.messages.show_error)
        self.trial.inputs.inputs_chosen.connect(session.use_inputs)

    # -- pages ------------------------------------------------------------------------------------------

    @property
    def page_index(self) -> int:
        """Which page is shown: 0 (Trial), 1 (Runs) or 2 (Compare)."""
        return self._pages.currentIndex()

    @property
    def compare(self) -> ComparePage:
        """The Compare page, made when it is first asked for: it costs a tenth of a second that the first window has not."""
        if self._compare is None:
            from widgets.compare.page import ComparePage

            self._compare = ComparePage(self.session.log_path, self.appearance)
            self._compare.request_picked.connect(self._open_request)
            self._pages.addWidget(self._compare)
        return self._compare

    def go_to(self, index: int) -> None:
        """Show page 0 (Trial), 1 (Runs) or 2 (Compare)."""
        if index == 2:
            self.compare.refresh()
        self._pages.setCurrentIndex(index)
        self.actions_table[_PAGES[index]].setChecked(True)
        if index == 1:
            self.runs.refresh()

    @Slot(object)
    def _open_run(self, run_id: int) -> None:
        self.session.show_run(run_id)
        self.go_to(0)

    @Slot(object, object)
    def _open_request(self, run_id: int, number: int) -> None:
        if self.session.run_id != run_id:
            self.session.show_run(run_id)
        self.go_to(0)
        self.trial.show_request(number)

    @Slot(list)
    def _compare_runs(self, run_ids: list[int]) -> None:
        self.go_to(2)
        self.compare.compare([(run_id, None) for run_id in run_ids])

    def _run(self) -> None:
        """Start, and show what comes of it."""
        self.go_to(0)
        self.beginning.run()

    @Slot(object)
    def _run_again(self, run_id: int) -> None:
        if self.session.run_again(run_id):
            self.go_to(0)

    # -- file -------------------------------------------------------------------------------------------

    def use_my_data(self) -> None:
        """Choose prompts and data."""
        self.go_to(0)
        self.trial.inputs.open_dialog()

    def copy_summary(self) -> None:
        """Put the summary on the clipboard."""
        QApplication.clipboard().setText(self.trial.summary.as_text())
        self.messages.show_notice("The summary is on the clipboard.")

    def _import_run(self) -> None:
        self.go_to(1)
        self.runs.import_run()

    def _export_run(self) -> None:
        if self.page_index == 0 and self.session.run_id is not None:
            self.runs.export_run(self.session.run_id)
        else:
            self.go_to(1)
            self.runs.export_selected()

    # -- drops ------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Files of this machine may be dropped anywhere."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Take what was dropped for what it is."""
        if self.files.take(event.mimeData()):
            event.acceptProposedAction()

    # -- view and help ----------------------------------------------------------------------------------

    @Slot(bool)
    def present(self, presenting: bool) -> None:
        """Full screen, large type, the acts; or back to the desk."""
        self.go_to(0)
        self.menuBar().setVisible(not presenting)
        state = self.windowState()
        if presenting:
            # Before the type grows: the docks' shape is kept as it is at the desk.
            self.trial.present(True)
            self.appearance.present(True)
            self.setWindowState(state | Qt.WindowState.WindowFullScreen)
        else:
            self.appearance.present(False)
            self.trial.present(False)
            self.setWindowState(state & ~Qt.WindowState.WindowFullScreen)  # what was maximised is so again

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Escape ends a presentation; else it takes a callout away, or the message on top."""
        if event.key() != Qt.Key.Key_Escape or not self._filled:
            super().keyPressEvent(event)
        elif self.actions_table["present"].isChecked():
            self.actions_table["present"].setChecked(False)
        elif self.first_run.callout is not None:
            self.first_run.callout.dismiss()
        else:
            self.messages.clear()

    def find_action(self) -> None:
        """Ctrl+K."""
        from widgets.command_palette import CommandPalette

        CommandPalette(self.actions_table, self).open()

    def begin_tour(self) -> None:
        """The first run again."""
        from widgets.inputs.own_inputs import OwnInputs

        if self.session.busy:
            self.messages.show_notice("A run goes on. Stop it first; then the tour starts its own.")
            return
        self.go_to(0)
        self.session.open_scenario(DEFAULT_SCENARIO)
        self.session.use_inputs(OwnInputs())
        self.first_run.begin()

    def _choose_appearance(self, choice: Choice) -> None:
        self.appearance.choose(choice)
        self.preferences.appearance = choice

    def _show_assumptions(self) -> None:
        from widgets.help_dialogs import show_assumptions

        show_assumptions(self, self.session.scenario())

    def show_validation(self) -> None:
        """Whether the engine is right; in a window beside this one."""
        if self._validation is None:
            from widgets.validation.window import ValidationWindow

            self._validation = ValidationWindow(self.appearance, self)
        if self._validation.isVisible():
            self._validation.raise_()
        self._validation.show()
        self._validation.activateWindow()

    def show_calibration(self) -> None:
        """A target measured with real calls."""
        from widgets.calibration.dialog import show_calibration

        show_calibration(self, self.session, self.appearance)

    def _show_stability(self) -> None:
        from widgets.stability_dialog import show_stability

        show_stability(self, self.session)

    def _show_serve(self) -> None:
        from widgets.serve_dialog import show_serve

        self.go_to(0)
        show_serve(self, self.session)

    def show_keys(self) -> None:
        """The keys for real calls."""
        from widgets.real_calls.keys_dialog import KeysDialog

        KeysDialog(self, self.session.keys).open()

    def _show_log_file(self) -> None:
        from widgets.help_dialogs import show_log_file

        show_log_file(self, self.session.log_path)

    def _show_about(self) -> None:
        from widgets.help_dialogs import show_about

        show_about(self)

    # -- state ------------------------------------------------------------------------------------------

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "starting":
            self.messages.clear_error()

    @Slot()
    def _show_undo(self) -> None:
        stack = self.session.switchboard.undo_stack
        for name, possible, text in (
            ("undo", stack.canUndo(), stack.undoText()),
            ("redo", stack.canRedo(), stack.redoText()),
        ):
            action = self.actions_table[name]
            action.setEnabled(possible)
            action.setText(f"&{name.title()}{f': {text}' if text else ''}")

    @Slot()
    def _show_title(self) -> None:
        session = self.session
        title = session.file.scenario.title if session.file else ""
        if session.run_id is not None:
            # The scenario that is open may be another one than the run's.
            own = title if session.picture is None else session.picture.record.title
            title = f"Run {session.run_id} · {own}"
        self.setWindowTitle(f"{title} – Seatrial" if title else "Seatrial")

    @Slot(str)
    def _on_died(self, words: str) -> None:
        first, *rest = words.splitlines()
        self.messages.show_error(
            UserError(
                first,
                do="\n".join(["What it had written is kept and shown. Press Run to start again.", *rest]),
            )
        )


class Pages(QStackedWidget):
    """The pages. Only the one that is shown says how small the window can be."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """As small as the page that is shown can be."""
        shown = self.currentWidget()
        return super().minimumSizeHint() if shown is None else shown.minimumSizeHint()


def _do(function: Callable[[], object], *_checked: object) -> None:
    """Without what `triggered` brings along."""
    function()
