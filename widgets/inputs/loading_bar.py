"""That files are being read, how far that is, and a button that gives it up."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from widgets.latest_job import LatestJob

_STEPS: Final = 1000


class LoadingBar(QWidget):
    """Follows a LatestJob: there while it is busy. Attributes: `bar`, `cancel`."""

    def __init__(self, job: LatestJob, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inputs_loading")
        self.bar = QProgressBar(self)
        self.bar.setAccessibleName("Reading prompts and data")
        self.bar.setFormat("Reading… %p %")
        self.cancel = QPushButton("Cancel reading", self)
        self.cancel.setObjectName("inputs_cancel_reading")
        self.cancel.clicked.connect(job.cancel)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.cancel)
        job.progressed.connect(self._advance)
        job.busy_changed.connect(self._show_busy)
        self.hide()

    @Slot(float, float)
    def _advance(self, done: float, total: float) -> None:
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(round(_STEPS * min(done / total, 1)))

    @Slot(bool)
    def _show_busy(self, busy: bool) -> None:
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(0)
        self.setVisible(busy)
