"""Preview and mapping: what prompts and data come to, tab by tab, before anything is run with them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.inputs.preview import Preview
from app.scenario.files import ScenarioFile
from widgets.appearance import Appearance
from widgets.focus import put_last
from widgets.inputs.error_box import ErrorBox
from widgets.inputs.files_view import FilesView
from widgets.inputs.findings_tabs import BadRowsTab, NoticesTab
from widgets.inputs.loading_bar import LoadingBar
from widgets.inputs.mapping_tab import MappingTab
from widgets.inputs.mess_tab import MessTab
from widgets.inputs.own_inputs import OwnInputs
from widgets.inputs.reading import match_again, read_inputs
from widgets.inputs.recent import RecentFiles
from widgets.inputs.rendered_tab import RenderedTab
from widgets.latest_job import LatestJob

_COLUMN_CHARS: Final = 27
_Tab = MappingTab | RenderedTab | MessTab | BadRowsTab | NoticesTab


class InputsDialog(QDialog):
    """Shows `inputs`, which the user may change; nothing counts before it is confirmed.

    Signals: `confirmed(OwnInputs, Preview)` on that. Attributes: `inputs`, `preview` (None until something was read),
    `files`, `mapping`, `rendered`, `mess`, `bad_rows`, `notices`, `tabs`, `error`, `ok`.
    """

    confirmed = Signal(object, object)

    def __init__(
        self,
        appearance: Appearance,
        recent: RecentFiles,
        file: ScenarioFile,
        inputs: OwnInputs,
        preview: Preview | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("inputs_dialog")
        self.setWindowTitle("Prompts and data: preview and mapping")
        self.inputs = inputs
        self.preview: Preview | None = None
        self._file = file
        self._wanted = inputs
        self._stale: list[_Tab] = []
        self._job = LatestJob(self)
        self.files = FilesView(recent, detailed=True, parent=self)
        self.loading = LoadingBar(self._job, self)
        self.error = ErrorBox(self)
        self.mapping = MappingTab(appearance, self)
        self.rendered = RenderedTab(self)
        self.mess = MessTab(appearance, self)
        self.bad_rows = BadRowsTab(self)
        self.notices = NoticesTab(self)
        self.tabs = QTabWidget(self)
        self.tabs.setObjectName("inputs_tabs")
        self.tabs.setDocumentMode(True)
        self._all: list[_Tab] = []
        for title, tab in (
            ("Mapping", self.mapping),
            ("Rendered prompt", self.rendered),
            ("Mess", self.mess),
            ("Bad rows", self.bad_rows),
            ("Notices", self.notices),
        ):
            self._all.append(tab)
            self.tabs.addTab(_scrolled(tab), title)
        self.ok = QPushButton("Use these", self)
        self.ok.setObjectName("inputs_ok")
        self.ok.setProperty("role", "primary")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel, self)
        self.buttons.addButton(self.ok, QDialogButtonBox.ButtonRole.AcceptRole)
        self._lay_out()
        self._job.done.connect(self._read)
        self._job.failed.connect(self._show_error)
        self.loading.cancel.clicked.connect(self._show_as_it_was)
        self._job.busy_changed.connect(self._enable)
        self.files.prompts_chosen.connect(self._use_prompts)
        self.files.data_chosen.connect(self._use_data)
        self.files.samples_wanted.connect(self._use_samples)
        self.mapping.column_chosen.connect(self._choose_column)
        self.tabs.currentChanged.connect(self._freshen)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.files.show_inputs(file, inputs, None)
        if preview is None:
            self._read_files(inputs)
        else:
            self._read(preview)

    @Slot()
    def accept(self) -> None:
        """Take what is shown."""
        if self.preview is not None and not self._job.busy:
            self.confirmed.emit(self.inputs, self.preview)
            super().accept()

    def done(self, result: int) -> None:
        """Close, and give up whatever is going on."""
        self._job.cancel()
        self.rendered.stop()
        self.mess.stop()
        super().done(result)

    def _lay_out(self) -> None:
        left = _Column(self.files, self)
        middle = QHBoxLayout()
        middle.addWidget(left)
        middle.addWidget(self.tabs, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.error)
        layout.addWidget(self.loading)
        layout.addLayout(middle, 1)
        layout.addWidget(self.buttons)
        self.resize(QSize(940, 600).boundedTo(self.screen().availableSize()))
        self._enable()

    @Slot()
    def _enable(self) -> None:
        usable = self.preview is not None and not self._job.busy
        self.ok.setEnabled(usable)
        self.tabs.setEnabled(self.preview is not None)

    @Slot(object)
    def _use_prompts(self, path: Path) -> None:
        self._read_files(replace(self.inputs, prompts=path))

    @Slot(object)
    def _use_data(self, path: Path) -> None:
        self._read_files(OwnInputs(self.inputs.prompts, path))

    @Slot()
    def _use_samples(self) -> None:
        self._read_files(OwnInputs())

    def _read_files(self, wanted: OwnInputs) -> None:
        self._wanted = wanted
        self.error.tell(None)
        self._job.run(partial(read_inputs, self._file, wanted))

    @Slot(str, object)
    def _choose_column(self, variable: str, column: str | None) -> None:
        if self.preview is None:
            return
        # Further choices add up while the first is still being worked on.
        base = self._wanted if self._job.busy else self.inputs
        columns = dict(base.columns)
        columns.pop(variable, None)
        if column is not None:
            columns[variable] = column
        self._wanted = replace(base, columns=tuple(columns.items()))
        same_files = (base.prompts, base.data) == (self.inputs.prompts, self.inputs.data)
        work = partial(match_again, self.preview) if same_files else partial(read_inputs, self._file)
        self._job.run(partial(work, self._wanted))

    @Slot(object)
    def _read(self, preview: Preview) -> None:
        self.preview = preview
        self.inputs = replace(self._wanted, columns=preview.chosen)
        self.error.tell(
            preview.problems[0] if preview.problems else None, more=max(0, len(preview.problems) - 1)
        )
        self.files.show_inputs(self._file, self.inputs, preview)
        self.tabs.setTabText(3, f"Bad rows ({preview.data.bad_count:,})")
        said = len(preview.problems) + len(preview.notices) + len(preview.doubts) + len(preview.personal)
        self.tabs.setTabText(4, f"Notices ({said:,})")
        # Rendering costs a process: only for the tab that is looked at.
        self._stale = list(self._all)
        self._freshen()
        self._enable()

    @Slot()
    def _freshen(self) -> None:
        tab = self._all[self.tabs.currentIndex()]
        if self.preview is not None and tab in self._stale:
            self._stale.remove(tab)
            tab.show_preview(self.preview)
            put_last(self.mapping.boxes(), [self.ok, *self.buttons.findChildren(QPushButton)])

    @Slot(object)
    def _show_error(self, error: UserError) -> None:
        self._show_as_it_was()
        self.error.tell(error)

    @Slot()
    def _show_as_it_was(self) -> None:
        """Nothing came of what was wanted: the lists of columns go back to what is in use."""
        self._wanted = self.inputs
        if self.preview is not None:
            self.mapping.show_preview(self.preview)


class _Column(QScrollArea):
    """A column of a width that goes with the type; it scrolls where the window is too low for it."""

    def __init__(self, content: QWidget, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget(self)
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 8, 0)
        layout.addWidget(content)
        layout.addStretch()
        self.setWidget(inside)
        self.ensurePolished()  # the style sheet's font, not the system's
        bar = self.verticalScrollBar().sizeHint().width()
        self.setFixedWidth(_COLUMN_CHARS * self.fontMetrics().averageCharWidth() + bar)


def _scrolled(tab: QWidget) -> QScrollArea:
    """The tab in a frame that scrolls where the window is too low for it."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(tab)
    return area
