"""The dialog that says where real calls go: the fields of every target, taken over as one change of the scenario."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QScrollArea, QVBoxLayout, QWidget

from app.errors import UserError
from widgets.background import Job
from widgets.foreign_text import breakable
from widgets.latest_job import LatestJob
from widgets.real_calls.target_form import TargetForm
from widgets.trial.labels import plain_label
from widgets.trial.switchboard import Refusal, Setting, Switchboard

_SIZE: Final = QSize(560, 620)


class TargetsDialog(QDialog):
    """Accepted once the scenario has it. Attributes: `forms` by target, `problem`."""

    def __init__(self, parent: QWidget, switchboard: Switchboard) -> None:
        super().__init__(parent)
        self.setObjectName("targets")
        self.setWindowTitle("Where calls go")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._switchboard = switchboard
        self.forms = {name: TargetForm(name, target) for name, target in switchboard.scenario.targets.items()}
        self.problem = plain_label(wraps=True)
        self.problem.setObjectName("targets_problem")
        self.problem.setProperty("tone", "danger")
        self.problem.hide()
        self._job = LatestJob(self)
        self._job.done.connect(self._set)
        self._job.failed.connect(self._show)
        self._lay_out()
        switchboard.refusing.connect(self._on_refusal)

    def _lay_out(self) -> None:
        intro = plain_label(
            "Each target is a model at a provider. This becomes part of the scenario; keys do not.",
            wraps=True,
        )
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        for form in self.forms.values():
            column.addWidget(form)
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self._take)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(intro)
        layout.addWidget(area, 1)
        layout.addWidget(self.problem)
        layout.addWidget(buttons)
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))

    @Slot()
    def _take(self) -> None:
        self.problem.hide()
        try:
            settings = [setting for form in self.forms.values() for setting in form.settings()]
        except UserError as error:
            self._show(error)
            return
        checks = [form.check_price() for form in self.forms.values()]

        def work(_job: Job) -> list[Setting]:
            for check in checks:
                check()
            return settings

        self._job.run(work)

    @Slot(object)
    def _set(self, settings: list[Setting]) -> None:
        if self._switchboard.flip(settings, "Where calls go"):
            self.accept()

    def done(self, result: int) -> None:
        """What is being looked up is given up."""
        self._job.cancel()
        super().done(result)

    @Slot(object)
    def _on_refusal(self, refusal: Refusal) -> None:
        if self.isVisible():
            refusal.taken = True
            self._show(refusal.error)

    @Slot(object)
    def _show(self, error: UserError) -> None:
        self.problem.setText(breakable(str(error)))
        self.problem.show()
