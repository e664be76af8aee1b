"""One request as each variant took it: what happened, step by step; the row it asked about; the prompt; the answers.

It shows what the log has at once, and the texts, which have to be made again, when they are there. Which request is shown
is for others to say (see `request_table`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from widgets.appearance import Appearance
from widgets.latest_job import LatestJob
from widgets.trial.request_card import VariantCard
from widgets.trial.request_loading import Loaded, Recollected, Wanted, load, recollect
from widgets.trial.request_row_view import RowView
from widgets.trial.request_text import as_text, headline
from widgets.trial.request_text_box import TextBox
from widgets.trial.waterfall import Limit
from widgets.trial.waterfall_key import WaterfallKey
from widgets.upright_area import UprightArea

NOTHING: Final = (
    "Choose a request in the table, or click a spike in a chart: "
    "what each variant did with it appears here, step by step."
)
_BEYOND_PATIENCE: Final = 1.25
"""The scale ends this much after the customer's patience; a call that hangs for minutes must not flatten the rest."""

_MASKED: Final = "Hidden while presenting: it may name people."


class RequestDetail(QWidget):
    """Attributes: `cards` (a VariantCard for each variant), `row`, `messages` (text boxes), `status`. `step(-1)` and
    `step(+1)` ask for the request before or after; `shown(number)` comes when a request's texts are there too."""

    step = Signal(int)
    shown = Signal(object)

    def __init__(self, log_path: Path | None, appearance: Appearance, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("request_detail")
        self._log_path = log_path
        self._appearance = appearance
        self._wanted: Wanted | None = None
        self._loaded: Loaded | None = None
        self._texts: Recollected | None = None
        self._masked = False
        self._loading = LatestJob(self)
        self._loading.done.connect(self._show_loaded)
        self._loading.failed.connect(self._show_error)
        self._recalling = LatestJob(self)
        self._recalling.done.connect(self._show_texts)
        self._recalling.failed.connect(self._no_texts)
        self.cards: list[VariantCard] = []
        self.messages: list[TextBox] = []
        self._make()
        self.clear()

    # -- what is shown ----------------------------------------------------------------------------------

    def show_request(self, run_id: int, number: int) -> None:
        """Show a request of a run, from the log."""
        self._wanted = (run_id, number)
        self._texts = None
        self._recalling.cancel()
        self.title.setText(f"Request {number:,}")
        self._previous.setEnabled(number > 0)
        self._next.setEnabled(True)
        self._read()

    @Slot()
    def clear(self) -> None:
        """Show no request."""
        self._wanted = self._loaded = self._texts = None
        self._loading.cancel()
        self._recalling.cancel()
        self.title.setText("No request chosen")
        self._headline.hide()
        for button in (self._previous, self._next, self._copy):
            button.setEnabled(False)
        self._say(NOTHING)

    def hide_texts(self, hidden: bool) -> None:
        """Hide what people wrote and were answered, as before an audience; or show it again."""
        self._masked = hidden
        self._copy.setEnabled(self._loaded is not None and not hidden)
        if self._texts is not None:
            self._show_known_texts(self._texts)

    def run_grew(self) -> None:
        """The run that is shown has gone on: if the request had not ended everywhere, look again."""
        if (
            self._loaded is not None
            and self._loaded.open
            and not self._loaded.over
            and not self._loading.busy
        ):
            self._read()

    @Slot()
    def copy_text(self) -> None:
        """Put all that is shown on the clipboard."""
        if self._loaded is not None:
            QGuiApplication.clipboard().setText(as_text(self._loaded, self._texts))

    # -- reading ----------------------------------------------------------------------------------------

    def _read(self) -> None:
        path, wanted = self._log_path, self._wanted
        if wanted is not None:
            self._loading.run(lambda _job: load(path, wanted))

    @Slot(object)
    def _show_loaded(self, loaded: Loaded) -> None:
        another = self._loaded is None or self._loaded.wanted != loaded.wanted
        self._loaded = loaded
        self._say("")
        self._headline.setText(headline(loaded))
        self._headline.setVisible(bool(self._headline.text()))
        self._next.setEnabled(loaded.wanted[1] + 1 < loaded.offered or not loaded.over)
        self._copy.setEnabled(not self._masked)
        self._show_cards(loaded)
        if another:
            self._area.verticalScrollBar().setValue(0)
        if another or loaded.ended is None:
            self._inputs.hide()
        if loaded.ended is not None:
            ended = {each.variant.name for each in loaded.taken if each.request is not None}
            if self._texts is None or set(self._texts.answers) != ended:
                path, wanted = self._log_path, loaded.wanted
                self._recalling.run(lambda _job: recollect(path, wanted))

    def _show_cards(self, loaded: Loaded) -> None:
        names = [each.variant.name for each in loaded.taken]
        if names != [card.taken.variant.name for card in self.cards if card.taken is not None]:
            for card in self.cards:
                self._body.removeWidget(card)
                card.deleteLater()
            self.cards = [VariantCard(self._appearance, name) for name in names]
            for place, card in enumerate(self.cards):
                self._body.insertWidget(1 + place, card)
        ends = [step.to_s for each in loaded.taken for step in each.steps]
        span_s = min(max(ends, default=1.0), loaded.patience_s * _BEYOND_PATIENCE)
        for card, taken in zip(self.cards, loaded.taken, strict=True):
            limits = [Limit(loaded.patience_s, "patience")]
            if taken.deadline_s is not None:
                limits.append(Limit(taken.deadline_s, "deadline"))
            card.show_taken(
                taken, over=loaded.over, span_s=span_s, limits=tuple(limits), labels=loaded.labels
            )
            card.show()
        self._key.setVisible(loaded.ended is not None)

    @Slot(object)
    def _show_texts(self, texts: Recollected) -> None:
        self._texts = texts
        self._show_known_texts(texts)
        self.shown.emit(texts.wanted[1])

    def _show_known_texts(self, texts: Recollected) -> None:
        for card in self.cards:
            if card.taken is not None:
                card.show_answer(_MASKED if self._masked else texts.answers.get(card.taken.variant.name))
        self.row.setVisible(bool(texts.texts.original) and not self._masked)
        if texts.texts.original and not self._masked:
            self.row.show_row(texts.texts.original, texts.texts.mutated)
        messages = _MASKED if self._masked else texts.texts.messages
        self._show_messages([["", messages]] if isinstance(messages, str) else messages)
        self._inputs.show()

    def _show_messages(self, messages: list[list[str]]) -> None:
        while len(self.messages) > len(messages):
            box = self.messages.pop()
            self._inputs_layout.removeWidget(box)
            box.deleteLater()
        while len(self.messages) < len(messages):
            box = TextBox("", f"message_{len(self.messages)}")
            self._inputs_layout.addWidget(box)
            self.messages.append(box)
        for box, (role, text) in zip(self.messages, messages, strict=True):
            box.show_text(text, f"{role[:1].upper()}{role[1:]} message" if role else "Not to be shown")

    @Slot(object)
    def _show_error(self, error: UserError) -> None:
        self._loaded = None
        self._copy.setEnabled(False)
        self._say(str(error))

    @Slot(object)
    def _no_texts(self, error: UserError) -> None:
        for card in self.cards:
            card.show_answer(None)
        self._show_messages([["", str(error)]])
        self.row.hide()
        self._inputs.show()

    def _say(self, text: str) -> None:
        """Say something in place of a request; nothing if empty."""
        self.status.setText(text)
        self.status.setVisible(bool(text))
        if text:
            for widget in (*self.cards, self._inputs, self._key):
                widget.hide()

    # -- making -----------------------------------------------------------------------------------------

    def _make(self) -> None:
        self.title = QLabel()
        self.title.setObjectName("request_title")
        self.title.setProperty("role", "heading")
        self._previous = _button("previous_request", "Previous", "The request before, in the table")
        self._next = _button("next_request", "Next", "The request after, in the table")
        self._copy = _button("copy_request", "Copy as text", "Put all that is shown here on the clipboard")
        self._previous.clicked.connect(self._step_back)
        self._next.clicked.connect(self._step_on)
        self._copy.clicked.connect(self.copy_text)
        self._headline = _text("caption")
        self._headline.setObjectName("request_headline")
        self.status = _text()
        self.status.setObjectName("request_status")
        self.status.setProperty("tone", "muted")
        self._key = WaterfallKey(self._appearance)
        self._inputs = QWidget()
        self._inputs_layout = QVBoxLayout(self._inputs)
        self._inputs_layout.setContentsMargins(0, 0, 0, 0)
        self.row = RowView()
        self._inputs_layout.addWidget(self.row)
        asked = _text("heading")
        asked.setText("What was asked")
        self._inputs_layout.addWidget(asked)
        inside = QWidget()
        self._body = QVBoxLayout(inside)
        self._body.setContentsMargins(8, 4, 8, 8)
        self._body.setSpacing(8)
        for widget in (self.status, self._key, self._inputs):
            self._body.addWidget(widget)
        self._body.addStretch(1)
        self._area = UprightArea(inside)
        self._area.setObjectName("request_scroll")
        top = QHBoxLayout()
        top.setContentsMargins(8, 6, 8, 0)
        top.addWidget(self.title, 1)
        for button in (self._previous, self._next):
            top.addWidget(button)
        second = QHBoxLayout()
        second.setContentsMargins(8, 0, 8, 0)
        second.addWidget(self._headline, 1)
        second.addWidget(self._copy, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addLayout(second)
        layout.addWidget(self._area, 1)

    @Slot()
    def _step_back(self) -> None:
        self.step.emit(-1)

    @Slot()
    def _step_on(self) -> None:
        self.step.emit(1)


def _button(name: str, title: str, tip: str) -> QPushButton:
    button = QPushButton(title)
    button.setObjectName(name)
    button.setToolTip(tip)
    return button


def _text(role: str = "") -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    if role:
        label.setProperty("role", role)
    return label
