"""Files that come to the window and leave it: scenarios opened and saved, and whatever is dropped, taken for what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from app.errors import UserError
from widgets.inputs.drops import classify, dropped_files
from widgets.inputs.panel import InputsPanel
from widgets.inputs.recent import RecentFiles
from widgets.message_bar import MessageBar
from widgets.ready_made import ask_ready_made
from widgets.runs.page import RunsPage
from widgets.session import Session

_PATTERN = "Scenarios (*.toml)"


class ScenarioFiles(QObject):
    """`show_page(index)` brings the page to the front that shows what was opened: 0 is Trial, 1 is Runs."""

    def __init__(
        self,
        window: QWidget,
        session: Session,
        recent: RecentFiles,
        messages: MessageBar,
        pages: tuple[InputsPanel, RunsPage],
        show_page: Callable[[int], None],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._session = session
        self._recent = recent
        self._messages = messages
        self._inputs, self._runs = pages
        self._show_page = show_page

    def choose(self) -> None:
        """Ask for a scenario file."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Open scenario", "", _PATTERN)
        if path:
            self.open(Path(path))

    def open(self, path: Path) -> None:
        """Open a scenario file."""
        if self._open(str(path)):
            self._recent.add("scenario", path)

    def choose_ready_made(self) -> None:
        """Ask which of the scenarios that come with Seatrial."""
        name = ask_ready_made(self._window)
        if name is not None:
            self._open(name)

    def _open(self, name: str) -> bool:
        """Open it in place of what is shown: charts of another scenario would be taken for its own."""
        opened = self._session.open_scenario(name)
        if opened and not self._session.busy:
            self._session.show_run(None)
        self._show_page(0)
        return opened

    def save(self) -> None:
        """Ask where, and write the scenario with its switches as they are."""
        file = self._session.file
        if file is None:
            return
        path, _ = QFileDialog.getSaveFileName(self._window, "Save scenario as", file.path.name, _PATTERN)
        if not path:
            return
        try:
            Path(path).write_text(self._session.switchboard.base_text(), encoding="utf-8")
        except OSError as error:
            self._messages.show_error(UserError(f"cannot be written ({error.strerror})", where=path))
            return
        self._session.switchboard.saved()
        self._recent.add("scenario", Path(path))
        own = self._session.inputs.prompts or self._session.inputs.data
        rest = " It names its own prompts and data, and not those you chose: choose them again with it."
        self._messages.show_notice(f"Saved as {path}.{rest if own else ''}")

    def take(self, mime: QMimeData) -> bool:
        """Take what was dropped: open a scenario, import runs, preview prompts and data. Whether it was of use."""
        try:
            kinds = [(classify(path), path) for path in dropped_files(mime)]
        except UserError as error:
            self._messages.show_error(error)
            return False
        first = dict(reversed(kinds))  # of several of a kind, the first
        for kind, path in kinds:
            if kind == "scenario":
                self.open(path)
            elif kind == "run":
                self._show_page(1)
                self._runs.import_file(path)
        if "prompts" in first or "data" in first:
            self._show_page(0)
            self._inputs.use_files(first.get("prompts"), first.get("data"))
        return bool(kinds)
