"""The left dock's part on prompts and data: what is in use, choosing others, and one line if something is missing."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from app.errors import UserError
from app.inputs.preview import Preview
from app.scenario.files import ScenarioFile
from widgets.appearance import Appearance
from widgets.foreign_text import breakable
from widgets.inputs.dialog import InputsDialog
from widgets.inputs.error_box import ErrorBox, said
from widgets.inputs.files_view import FilesView
from widgets.inputs.loading_bar import LoadingBar
from widgets.inputs.own_inputs import OwnInputs
from widgets.inputs.reading import read_inputs
from widgets.inputs.recent import RecentFiles
from widgets.latest_job import LatestJob


class InputsPanel(QWidget):
    """What is in use is `inputs`; `preview` is what it came to, None until it was read.

    Signals: `inputs_chosen(OwnInputs)` when the user chose others and they could be read, even where columns are still
    missing (then `preview.problems` says so, and so does the panel); `previewed(Preview)` after every reading.
    """

    inputs_chosen = Signal(object)
    previewed = Signal(object)

    def __init__(self, appearance: Appearance, recent: RecentFiles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inputs_panel")
        self.file: ScenarioFile | None = None
        self.inputs = OwnInputs()
        self.preview: Preview | None = None
        self._appearance = appearance
        self._recent = recent
        self._wanted = OwnInputs()
        self._by_user = False
        self._job = LatestJob(self)
        self._job.done.connect(self._read)
        self._job.failed.connect(self._refused)
        self.files = FilesView(recent, parent=self)
        self.loading = LoadingBar(self._job, self)
        self.error = ErrorBox(self)
        self.missing = QLabel(self)
        self.missing.setObjectName("inputs_missing")
        self.missing.setProperty("tone", "warn")
        self.missing.setTextFormat(Qt.TextFormat.PlainText)
        self.missing.setWordWrap(True)
        self.missing.hide()
        self.preview_button = QPushButton("Preview and mapping…", self)
        self.preview_button.setObjectName("inputs_preview")
        self.preview_button.setToolTip(
            "See prompts filled with your rows, and choose which column goes where."
        )
        self.preview_button.setEnabled(False)
        layout = QVBoxLayout(self)
        for widget in (self.files, self.loading, self.error, self.missing, self.preview_button):
            layout.addWidget(widget)
        layout.addStretch()
        self.files.prompts_chosen.connect(self.use_prompts)
        self.files.data_chosen.connect(self.use_data)
        self.files.samples_wanted.connect(self.use_samples)
        self.preview_button.clicked.connect(self.open_dialog)

    def set_scenario(self, file: ScenarioFile, inputs: OwnInputs | None = None) -> None:
        """Show what `inputs` (by default those in use) come to in another scenario. Tells nobody."""
        self.file = file
        self._show_others(self.inputs if inputs is None else inputs)

    @Slot(object)
    def show_inputs(self, inputs: OwnInputs) -> None:
        """Show inputs that were chosen elsewhere; those in use are not read again. Tells nobody."""
        if inputs != self.inputs or self.preview is None:
            self._show_others(inputs)

    def _show_others(self, inputs: OwnInputs) -> None:
        self.inputs = inputs
        self.preview = None
        if self.file is not None:
            self._show()
            self._start(inputs, by_user=False)

    @Slot(object)
    def use_prompts(self, path: Path) -> None:
        """Take another file or folder of prompts, if it can be read."""
        self._start(OwnInputs(path, self.inputs.data, self.inputs.columns), by_user=True)

    @Slot(object)
    def use_data(self, path: Path) -> None:
        """Take another data file, if it can be read. Columns chosen for the one before are forgotten."""
        self._start(OwnInputs(self.inputs.prompts, path), by_user=True)

    def use_files(self, prompts: Path | None, data: Path | None) -> None:
        """Take both at once, as from a drop; None leaves what is in use."""
        columns = self.inputs.columns if data is None else ()
        own = OwnInputs(prompts or self.inputs.prompts, data or self.inputs.data, columns)
        self._start(own, by_user=True)

    @Slot()
    def use_samples(self) -> None:
        """Go back to the scenario's own prompts and data."""
        self._start(OwnInputs(), by_user=True)

    @Slot()
    def open_dialog(self) -> None:
        """Open the preview; what is chosen there counts when it is confirmed."""
        if self.file is None:
            return
        dialog = InputsDialog(
            self._appearance, self._recent, self.file, self.inputs, self.preview, self.window()
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.confirmed.connect(self._confirmed)
        dialog.open()

    def _start(self, wanted: OwnInputs, *, by_user: bool) -> None:
        if self.file is None:
            return
        self._wanted, self._by_user = wanted, by_user
        self.error.tell(None)
        self._job.run(partial(read_inputs, self.file, wanted))

    @Slot(object)
    def _read(self, preview: Preview) -> None:
        self._take(self._wanted, preview, by_user=self._by_user)

    @Slot(object, object)
    def _confirmed(self, inputs: OwnInputs, preview: Preview) -> None:
        self._job.cancel()
        self._take(inputs, preview, by_user=True)

    def _take(self, wanted: OwnInputs, preview: Preview, *, by_user: bool) -> None:
        self.preview = preview
        self.inputs = OwnInputs(wanted.prompts, wanted.data, preview.chosen)
        self.error.tell(None)
        self._show()
        if by_user:
            if wanted.prompts is not None:
                self._recent.add("prompts", wanted.prompts)
            if wanted.data is not None:
                self._recent.add("data", wanted.data)
            self.inputs_chosen.emit(self.inputs)
        self.previewed.emit(preview)

    @Slot(object)
    def _refused(self, error: UserError) -> None:
        self.error.tell(error)

    def _show(self) -> None:
        assert self.file is not None
        self.files.show_inputs(self.file, self.inputs, self.preview)
        problems = () if self.preview is None else self.preview.problems
        self.missing.setVisible(bool(problems))
        if problems:
            self.missing.setText(breakable(f"A run would be refused. {said(problems[0])}"))
        self.preview_button.setEnabled(True)
