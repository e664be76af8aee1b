"""Which prompts and data are in use, with the buttons that choose others. It reads no file; it shows what was read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.inputs.preview import Preview
from app.scenario.files import SAMPLE, ScenarioFile
from widgets.foreign_text import breakable, named
from widgets.inputs.elided_label import ElidedLabel
from widgets.inputs.own_inputs import OwnInputs
from widgets.inputs.recent import RecentFiles, RecentKind, RecentMenu

_PROMPT_FILES: Final = "Prompts (*.txt *.md *.j2 *.toml *.yaml *.yml *.json);;All files (*)"
_DATA_FILES: Final = "Sample data (*.csv *.tsv *.tab *.json *.jsonl *.ndjson);;All files (*)"
_FORMATS: Final = {"csv": "CSV", "tsv": "TSV", "json": "JSON", "jsonl": "JSON Lines"}
_DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", None: ""}


class FilesView(QWidget):
    """Signals: `prompts_chosen(Path)` and `data_chosen(Path)` from a dialog or the recent ones, `samples_wanted()`.

    `detailed` adds how the data was read. Attributes: `prompts`, `data` (the two sections), `samples_button`.
    """

    prompts_chosen = Signal(object)
    data_chosen = Signal(object)
    samples_wanted = Signal()

    def __init__(self, recent: RecentFiles, *, detailed: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._detailed = detailed
        self.prompts = Section("Prompts", "prompts", recent, self)
        self.data = Section("Data", "data", recent, self)
        self.prompts.chosen.connect(self.prompts_chosen)
        self.data.chosen.connect(self.data_chosen)
        self.samples_button = QPushButton("Back to the samples", self)
        self.samples_button.setObjectName("inputs_samples")
        self.samples_button.clicked.connect(self.samples_wanted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.prompts)
        layout.addWidget(self.data)
        layout.addWidget(self.samples_button)

    def show_inputs(self, file: ScenarioFile, own: OwnInputs, preview: Preview | None) -> None:
        """Show what is in use; without a preview, names alone."""
        scenario = file.scenario
        samples = all(path.startswith(SAMPLE) for path in (scenario.prompts.path, scenario.data.path))
        self.samples_button.setText("Back to the samples" if samples else "Back to the scenario's own")
        self.samples_button.setEnabled(own.prompts is not None or own.data is not None)
        self.prompts.show_source(own.prompts, scenario.prompts.path)
        self.data.show_source(own.data, scenario.data.path)
        self.prompts.show_details("" if preview is None else _of_prompts(preview))
        self.data.show_details("" if preview is None else _of_data(preview, self._detailed))


class Section(QWidget):
    """One of the two: a heading with a badge, the file's name, what is in it, a button. Signal: `chosen(Path)`."""

    chosen = Signal(object)

    def __init__(self, title: str, kind: RecentKind, recent: RecentFiles, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(f"inputs_{kind}")
        self._kind = kind
        heading = QLabel(title, self)
        heading.setProperty("role", "heading")
        self.badge = QLabel(self)
        self.badge.setObjectName(f"inputs_{kind}_badge")
        self.badge.setProperty("role", "badge")
        self.badge.setTextFormat(Qt.TextFormat.PlainText)
        self.name = ElidedLabel(self)
        self.name.setObjectName(f"inputs_{kind}_name")
        self.details = QLabel(self)
        self.details.setObjectName(f"inputs_{kind}_details")
        self.details.setProperty("tone", "muted")
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        self.details.setWordWrap(True)
        self.button = self._button(title, recent)
        top = QHBoxLayout()
        top.addWidget(heading)
        top.addStretch()
        top.addWidget(self.badge)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.name)
        layout.addWidget(self.details)
        layout.addWidget(self.button)

    def show_source(self, own: Path | None, scenarios: str) -> None:
        """Show whose file it is: the user's, one that comes with Seatrial, or the scenario's."""
        if own is not None:
            self.badge.setText("YOURS")
            self.name.show_text(named(own))
        elif scenarios.startswith(SAMPLE):
            self.badge.setText("SAMPLE")
            self.name.show_text(scenarios.removeprefix(SAMPLE))
        else:
            self.badge.setText("SCENARIO")
            self.name.show_text(scenarios)

    def show_details(self, text: str) -> None:
        """Show what is in it."""
        self.details.setText(breakable(text))

    def _button(self, title: str, recent: RecentFiles) -> QToolButton:
        button = QToolButton(self)
        button.setObjectName(f"choose_{self._kind}")
        button.setText(f"Choose {'prompts' if self._kind == 'prompts' else 'data'}…")
        button.setAccessibleName(f"Choose {title.lower()}")
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        first = [QAction("Choose a file…", self)]
        first[0].triggered.connect(self._choose_file)
        if self._kind == "prompts":
            first.append(QAction("Choose a folder…", self))
            first[1].triggered.connect(self._choose_folder)
        menu = RecentMenu(recent, self._kind, button, first)
        menu.chosen.connect(self.chosen)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        return button

    @Slot()
    def _choose_file(self) -> None:
        self._open(QFileDialog.FileMode.ExistingFile)

    @Slot()
    def _choose_folder(self) -> None:
        self._open(QFileDialog.FileMode.Directory)

    def _open(self, mode: QFileDialog.FileMode) -> None:
        dialog = QFileDialog(self.window(), self.button.text().rstrip("…"))
        dialog.setObjectName(f"choose_{self._kind}_dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        if mode == QFileDialog.FileMode.ExistingFile:
            dialog.setNameFilter(_PROMPT_FILES if self._kind == "prompts" else _DATA_FILES)
        dialog.fileSelected.connect(self._selected)
        dialog.open()

    @Slot(str)
    def _selected(self, path: str) -> None:
        self.chosen.emit(Path(path))


def _of_prompts(preview: Preview) -> str:
    names = [prompt.name for prompt in preview.prompts]
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{_count(len(names), 'prompt')}: {listed}"


def _of_data(preview: Preview, detailed: bool) -> str:
    data = preview.data
    parts = [_count(preview.row_count, "row")]
    if left_out := data.rows - preview.row_count:
        parts.append(f"{left_out:,} without a needed field")
    if data.bad_count:
        parts.append(f"{data.bad_count:,} bad")
    text = ", ".join(parts)
    if not detailed:
        return text
    delimiter = _DELIMITERS.get(data.delimiter, repr(data.delimiter))
    read = f"{_FORMATS.get(data.format, data.format)}, {data.encoding}" + (
        f", {delimiter} between fields" if delimiter else ""
    )
    return f"{text}\n{_count(len(data.columns), 'column')}\n{read}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
