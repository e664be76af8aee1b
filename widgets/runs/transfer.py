"""Moving runs out of the log and into it: asks for the file, works off the GUI thread, says how it went."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import UserError
from widgets.background import Job
from widgets.runs.action_bar import ActionBar
from widgets.runs.transfer_work import Exported, export_to, import_from
from widgets.tasks import Tasks

WITHOUT_TEXTS: Final = "Run, without prompts and data (*.zip)"
WITH_TEXTS: Final = "Run, with prompts and data (*.zip)"
SCENARIO: Final = "Scenario that gives the run again (*.toml)"


class Transfer(QObject):
    """Exports and imports, one after the other.

    Signals: `imported(run_id)`, `exported(Exported)`, `failed(UserError)`. `bar` is where it says what it does, with a
    button to cancel.
    """

    imported = Signal(object)
    exported = Signal(object)
    failed = Signal(object)

    def __init__(self, log_path: Path | None, parent: QWidget) -> None:
        super().__init__(parent)
        self._path = log_path
        self._window = parent
        self.bar = ActionBar("transfer_bar", parent)
        self.bar.acted.connect(self.cancel)
        self._tasks = Tasks(self)
        self._tasks.failed.connect(self._failed)
        self._next: deque[Callable[[], None]] = deque()

    @property
    def busy(self) -> bool:
        """Whether a run is on its way."""
        return self._tasks.busy

    def choose_export(self, run_id: int) -> None:
        """Ask for a file, and write the run to it."""
        dialog = QFileDialog(self._window, f"Export run {run_id}", f"run-{run_id}.zip")
        dialog.setObjectName("export_dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters([WITHOUT_TEXTS, WITH_TEXTS, SCENARIO])
        dialog.setDefaultSuffix("zip")
        dialog.filterSelected.connect(partial(_suit, dialog))
        dialog.fileSelected.connect(partial(self._export_chosen, run_id, dialog))
        dialog.open()

    def export_run(self, run_id: int, target: Path, *, texts: bool = False) -> None:
        """Write a run to a file: its scenario if the name ends in .toml, else all of it."""
        self._next.append(partial(self._start_export, run_id, target, texts))
        self._go_on()

    @Slot()
    def choose_import(self) -> None:
        """Ask for a file, and take in the run in it."""
        dialog = QFileDialog(self._window, "Import a run")
        dialog.setObjectName("import_dialog")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters(["Exported run (*.zip)", "All files (*)"])
        dialog.fileSelected.connect(self._import_chosen)
        dialog.open()

    def import_run(self, source: Path) -> None:
        """Take in the run in a file."""
        self._next.append(partial(self._start_import, source))
        self._go_on()

    @Slot()
    def cancel(self) -> None:
        """Give up what is on its way or waits: no run, and no half a file, comes of it. Without any, only the bar goes."""
        self._next.clear()
        self._tasks.cancel()
        self.bar.hide()

    def _go_on(self) -> None:
        if self._next and not self._tasks.busy:
            self._next.popleft()()

    def _start_export(self, run_id: int, target: Path, texts: bool) -> None:
        self.bar.say(f"Exporting run {run_id} to {target.name}…", "Cancel", working=True)
        self._tasks.start(partial(_export, self._path, run_id, target, texts), self._exported)

    def _start_import(self, source: Path) -> None:
        self.bar.say(f"Importing {source.name}…", "Cancel", working=True)
        job = self._tasks.start(partial(_import, self._path, source), self._imported)
        job.progressed.connect(self._advanced)

    def _export_chosen(self, run_id: int, dialog: QFileDialog, name: str) -> None:
        self.export_run(run_id, Path(name), texts=dialog.selectedNameFilter() == WITH_TEXTS)

    @Slot(str)
    def _import_chosen(self, name: str) -> None:
        self.import_run(Path(name))

    @Slot(float, float)
    def _advanced(self, done: float, total: float) -> None:
        self.bar.advance(done, total)

    @Slot(object)
    def _exported(self, result: Exported) -> None:
        hints = "".join(f" Note: {hint}." for hint in result.hints)
        self.bar.say(f"Run {result.run_id} is in {result.target}.{hints}")
        self.exported.emit(result)
        self._go_on()

    @Slot(object)
    def _imported(self, run_id: int) -> None:
        self.bar.say(f"Imported as run {run_id}.")
        self.imported.emit(run_id)
        self._go_on()

    @Slot(object)
    def _failed(self, error: UserError) -> None:
        self.bar.hide()
        self.failed.emit(error)
        self._go_on()


def _suit(dialog: QFileDialog, chosen: str) -> None:
    """The ending follows the kind of file."""
    found = re.search(r"\*\.(\w+)\)", chosen)
    dialog.setDefaultSuffix(found[1] if found else "")


def _export(path: Path | None, run_id: int, target: Path, texts: bool, job: Job) -> Exported:
    return export_to(job, path, run_id, target, texts=texts)


def _import(path: Path | None, source: Path, job: Job) -> int:
    return import_from(job, path, source)
