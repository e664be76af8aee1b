"""What one variant did with a request: outcome, who served it, why, a waterfall, and the answer."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from widgets.appearance import Appearance
from widgets.theme import OUTCOME_MARKS
from widgets.trial.labels import selectable_label
from widgets.trial.outcome_icon import SIDE, outcome_icon
from widgets.trial.request_loading import Taken
from widgets.trial.request_text import served, struck
from widgets.trial.request_text_box import TextBox
from widgets.trial.request_trail import told
from widgets.trial.request_words import reason_words
from widgets.trial.waterfall import Limit, Waterfall

NO_ANSWER = "There was no answer."
NO_TEXT = "Its text is not kept: the answer came with an earlier request."


class VariantCard(QFrame):
    """Attributes: `outcome`, `waterfall`, `answer` and labels; `taken` is what is shown."""

    def __init__(self, appearance: Appearance, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"request_card_{name}")
        self.setProperty("role", "card")
        self._appearance = appearance
        self.taken: Taken | None = None
        self.title = selectable_label("heading")
        self.outcome = QLabel()
        self.outcome.setObjectName("outcome")
        self._mark = QLabel()
        self.served, self.reason, self.struck = selectable_label(), selectable_label(), selectable_label()
        self.reason.setObjectName("reason")
        self.struck.setProperty("tone", "warn")
        self.waterfall = Waterfall(appearance)
        self.waterfall.setObjectName("waterfall")
        self.numbers = selectable_label("caption")
        self.numbers.setObjectName("step_numbers")
        self.waterfall.told.connect(self._tell)
        self.steps_button = QToolButton()
        self.steps_button.setObjectName("steps_button")
        self.steps_button.setProperty("role", "flat")
        self.steps_button.setText("▸ Step by step")
        self.steps_button.setCheckable(True)
        self.steps = selectable_label("caption")
        self.steps.setObjectName("steps")
        self.steps.hide()
        self.steps_button.toggled.connect(self._show_steps)
        self.answer = TextBox("Answer", "answer")
        top = QHBoxLayout()
        top.addWidget(self.title, 1)
        top.addWidget(self._mark)
        top.addWidget(self.outcome)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(4)
        layout.addLayout(top)
        for widget in (self.served, self.reason, self.struck, self.waterfall, self.numbers):
            layout.addWidget(widget)
        layout.addWidget(self.steps_button, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.steps)
        layout.addWidget(self.answer)
        appearance.changed.connect(self._recolour)

    def show_taken(
        self,
        taken: Taken,
        *,
        over: bool,
        span_s: float,
        limits: tuple[Limit, ...],
        labels: Mapping[str, str],
    ) -> None:
        """Show what a variant did; `labels` names faults."""
        again = self.taken is not None and self.taken.request == taken.request
        self.taken = taken
        request = taken.request
        self.title.setText(taken.variant.title)
        self.waterfall.setAccessibleName(f"{taken.variant.title}: what it did, step by step")
        for widget in (self.waterfall, self.steps_button, self.answer, self._mark):
            widget.setVisible(request is not None)
        if request is None:
            self.outcome.setText(taken.place.words(over=over))
            self.served.setText(taken.place.sentence(over=over))
            for label in (self.reason, self.struck, self.numbers, self.steps):
                label.hide()
            return
        self.outcome.setText(OUTCOME_MARKS[request.outcome].title)
        self._recolour()
        self.served.setText(served(request))
        hit = struck(request, labels)
        for label, text in (
            (self.reason, reason_words(request.reason)),
            (self.struck, f"▲ Struck by: {hit}" if hit else ""),
        ):
            label.setText(text)
            label.setVisible(bool(text))
        self.waterfall.show_steps(taken.steps, span_s, limits)
        self.steps.setText(told(taken.steps))
        self.steps.setVisible(self.steps_button.isChecked())
        if not again:
            self.numbers.hide()
            self.answer.show_text("Reading …" if request.served_by != "nobody" else NO_ANSWER)

    def show_answer(self, answer: str | None) -> None:
        """Show the answer's text; None where there is none."""
        if self.taken is not None and self.taken.request is not None:
            nobody = self.taken.request.served_by == "nobody"
            self.answer.show_text(answer if answer is not None else NO_ANSWER if nobody else NO_TEXT)

    @Slot(bool)
    def _show_steps(self, shown: bool) -> None:
        self.steps.setVisible(shown)
        self.steps_button.setText("▾ Step by step" if shown else "▸ Step by step")

    @Slot(str)
    def _tell(self, numbers: str) -> None:
        self.numbers.setText(numbers)
        self.numbers.show()

    @Slot()
    def _recolour(self) -> None:
        if self.taken is not None and self.taken.request is not None:
            icon = outcome_icon(self.taken.request.outcome, self._appearance.theme)
            self._mark.setPixmap(icon.pixmap(SIDE, SIDE))
