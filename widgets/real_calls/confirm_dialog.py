"""The question before real calls: which hosts, how many requests, what it costs, which keys, and how much may be spent.

Nothing is sent while it is open. It gives leave for one run; the next one is asked about anew.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.analysis.summary import usd
from app.errors import UserError
from app.providers.keys import Keys
from widgets.background import Job
from widgets.foreign_text import breakable, in_a_cell
from widgets.latest_job import LatestJob, Work
from widgets.real_calls.key_form import KeyForm, NewKey
from widgets.real_calls.leave import Leave
from widgets.real_calls.preparation import Host, Prepared
from widgets.tasks import Tasks
from widgets.trial.labels import plain_label
from widgets.trial.top_bar import clock

MAX_USD: Final = 1e6
_SIZE: Final = QSize(640, 560)
_LOOKING: Final = "Reading prompts and data, and estimating…"
_PLACES: Final = {
    "environment": "from the environment",
    "memory": "kept in memory",
    "store": "from the system's key store",
}


class ConfirmDialog(QDialog):
    """`given(Leave)` comes when the user agrees.

    Attributes: `hosts`, `cost`, `doubts`, `details`, `cap`, `problem`, `add_key`, `go`, `cancel`, `side_by_side`,
    `keep_answers`; `prepared`, once it is known.
    """

    given = Signal(object)

    def __init__(self, parent: QWidget, work: Work, keys: Keys) -> None:
        """`work` finds out what there is to say (`preparation`)."""
        super().__init__(parent)
        self.setObjectName("real_calls")
        self.setWindowTitle("Make real calls?")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.prepared: Prepared | None = None
        self._work = work
        self._keys = keys
        self._form: KeyForm | None = None
        self._job = LatestJob(self)
        self._job.done.connect(self._show)
        self._job.failed.connect(self._show_problem)
        self._tasks = Tasks(self)
        self._tasks.failed.connect(self._show_key_problem)
        self._lay_out()
        self._job.run(work)

    def _lay_out(self) -> None:
        self.hosts = plain_label(_LOOKING, wraps=True)
        self.hosts.setObjectName("real_hosts")
        self.add_key = QPushButton("Add a &key…")
        self.add_key.setAutoDefault(False)
        self.add_key.hide()
        self.add_key.clicked.connect(self._ask_for_key)
        self.cost = plain_label(wraps=True)
        self.cost.setObjectName("real_cost")
        self.doubts = plain_label(wraps=True)
        self.doubts.setObjectName("real_doubts")
        self.doubts.setProperty("tone", "danger")
        self.doubts.hide()
        self.details = QPlainTextEdit()
        self.details.setObjectName("real_details")
        self.details.setAccessibleName("What the estimate rests on")
        self.details.setReadOnly(True)
        self.details.setTabChangesFocus(True)
        self.cap = QLineEdit()
        self.cap.setObjectName("real_cap")
        self.cap.setAccessibleName("Spend at most, in US dollars")
        self.cap.setPlaceholderText("for example 0.50")
        self.cap.setMaximumWidth(16 * self.fontMetrics().horizontalAdvance("0"))
        self.cap.textChanged.connect(self._show_buttons)
        label = QLabel("&Spend at most $")
        label.setBuddy(self.cap)
        told = plain_label("for all variants together; then the run stops, and is kept.", role="caption")
        row = QHBoxLayout()
        for widget in (label, self.cap, told):
            row.addWidget(widget)
        row.addStretch()
        self.side_by_side = QCheckBox("&Variants side by side, instead of one after the other")
        self.side_by_side.setToolTip("Faster; but their calls compete for the account's limits.")
        self.side_by_side.toggled.connect(self._show_cost)
        self.keep_answers = QCheckBox("Keep the &texts of answers in the session log")
        self.keep_answers.setChecked(True)
        self.problem = plain_label(wraps=True)
        self.problem.setObjectName("real_problem")
        self.problem.setProperty("tone", "danger")
        self.problem.hide()
        buttons = QDialogButtonBox()
        self.go = buttons.addButton("&Make real calls", QDialogButtonBox.ButtonRole.AcceptRole)
        self.cancel = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.go.setAutoDefault(False)
        self.cancel.setDefault(True)
        buttons.accepted.connect(self._give)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(plain_label("Real calls leave this machine and cost money", role="heading"))
        layout.addWidget(self.hosts)
        layout.addWidget(self.add_key, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.cost)
        layout.addWidget(self.doubts)
        layout.addWidget(self.details, 1)
        layout.addLayout(row)
        layout.addWidget(self.side_by_side)
        layout.addWidget(self.keep_answers)
        layout.addWidget(self.problem)
        layout.addWidget(buttons)
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        self._show_buttons()
        self.cap.setFocus()

    def done(self, result: int) -> None:
        """What is being looked up is given up."""
        self._job.cancel()
        self._tasks.cancel()
        super().done(result)

    # -- showing ----------------------------------------------------------------------------------------

    @Slot(object)
    def _show(self, prepared: Prepared) -> None:
        self.prepared = prepared
        lines = [_host_line(host) for host in prepared.hosts]
        lines.append("Your prompts, filled with rows of your data, are sent there.")
        self.hosts.setText(breakable("\n".join(lines)))
        self.add_key.setVisible(any(host.key is None for host in prepared.hosts))
        self.doubts.setText(breakable("\n".join(prepared.estimate.doubts)))
        self.doubts.setVisible(bool(prepared.estimate.doubts))
        self._show_cost()
        found = prepared.estimate
        variants = [
            f"{in_a_cell(each.title)}: about {usd(each.expected_usd)}; "
            f"at most {each.most_calls_per_request} calls a request, {usd(each.most_usd)}"
            for each in found.variants
        ]
        self.details.setPlainText("\n".join([*variants, "", *found.assumptions]))
        self._show_buttons()

    @Slot()
    def _show_cost(self) -> None:
        if self.prepared is None:
            return
        found = self.prepared.estimate
        count = len(found.variants)
        turns = 1 if self.side_by_side.isChecked() else count
        about, of_these = ("", "") if found.bounded else ("About ", " for so many")
        asked_of = "one variant" if count == 1 else f"each of {count} variants"
        self.cost.setText(
            f"{about}{found.requests:,} requests, asked of {asked_of}: "
            f"about {usd(found.expected_usd)} if all goes well, {usd(found.most_usd)} at the very most{of_these}.\n"
            f"Real calls have no speed: it takes {clock(turns * self.prepared.duration_s)} (min:s) or a little more."
        )

    @Slot(object)
    def _show_problem(self, error: UserError) -> None:
        self.hosts.setText("These calls cannot be made.")
        self.problem.setText(breakable(str(error)))
        self.problem.show()
        self._show_buttons()

    @Slot()
    def _show_buttons(self) -> None:
        cap_usd = self._cap_usd()
        ready = self.prepared is not None and cap_usd is not None
        self.go.setEnabled(ready)
        self.go.setToolTip("" if ready else "Say first how much may be spent.")

    def _cap_usd(self) -> float | None:
        """What was typed; None where it is no amount above 0."""
        try:
            amount = float(self.cap.text().strip().removeprefix("$").replace(",", "."))
        except ValueError:
            return None
        return amount if 0 < amount <= MAX_USD else None

    # -- doing ------------------------------------------------------------------------------------------

    @Slot()
    def _give(self) -> None:
        cap_usd = self._cap_usd()
        if self.prepared is None or cap_usd is None:
            return
        leave = Leave(cap_usd, self.side_by_side.isChecked(), self.keep_answers.isChecked())
        self.accept()
        self.given.emit(leave)

    @Slot()
    def _ask_for_key(self) -> None:
        if self.prepared is None:
            return
        lacking = next((host for host in self.prepared.hosts if host.key is None), None)
        if lacking is not None:
            origin = lacking.origin
            name = origin.partition("://")[2]
            self._form = KeyForm(self, self.prepared.store_problem, origin, name)
            self._form.filled.connect(self._add_key)
            self._form.open()

    @Slot(object)
    def _add_key(self, new: NewKey) -> None:
        keys = self._keys

        def add(_job: Job) -> None:
            keys.add(new.name, new.address, new.key, store=new.store)

        self._tasks.start(add, self._on_key_added)

    @Slot(object)
    def _on_key_added(self, _nothing: None) -> None:
        if self._form is not None:
            self._form.accept()
            self._form = None
        self.hosts.setText(_LOOKING)
        self._job.run(self._work)

    @Slot(object)
    def _show_key_problem(self, error: UserError) -> None:
        if self._form is not None:
            self._form.show_problem(error)


def _host_line(host: Host) -> str:
    models = ", ".join(in_a_cell(model) for model in host.models)
    if host.key is None:
        return f"{host.origin}: {models}. There is no key for it; most providers want one."
    return f"{host.origin}: {models}, with the key '{in_a_cell(host.key.name)}' {_PLACES[host.key.where]}."
