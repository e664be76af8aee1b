"""The side panel of the Runs page: what one run is, in words, and the user's own tags and note. It reads no log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.sessions.records import RunRecord
from widgets.foreign_text import breakable
from widgets.runs.run_table import STATES, length_text, local_time, title_of
from widgets.runs.run_work import Rate

_SAVED_AFTER_MS: Final = 700
"""After the last letter."""


class RunDetails(QScrollArea):
    """Shows one run. `edited(run_id, {"tags": text} or {"note": text})` comes when the user stopped typing, left the
    field, or another run is about to be shown."""

    edited = Signal(object, object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("run_details")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._record: RunRecord | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SAVED_AFTER_MS)
        self._timer.timeout.connect(self.save)

        inside = QWidget(self)
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(12, 4, 8, 8)
        self.title = self._label(layout, "run_details_title", "heading")
        self.clock = self._label(layout, "run_details_clock", "badge")
        self.clock.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.facts = self._label(layout, "run_details_facts")
        self.real = self._label(layout, "run_details_real")
        self.tags = QLineEdit(inside)
        self.tags.setObjectName("run_tags")
        self.tags.setPlaceholderText("demo, board, before the fix")
        self.note = QPlainTextEdit(inside)
        self.note.setObjectName("run_note")
        self.note.setPlaceholderText("What this run showed")
        self.note.setTabChangesFocus(True)
        self.note.setMinimumHeight(self.fontMetrics().height() * 5)
        for text, field in (("Ta&gs", self.tags), ("N&ote", self.note)):
            label = QLabel(text, inside)
            label.setBuddy(field)
            layout.addWidget(label)
            layout.addWidget(field, 1 if field is self.note else 0)
            field.installEventFilter(self)
        self.tags.textEdited.connect(self._timer.start)
        self.note.textChanged.connect(self._noticed)
        self.setWidget(inside)
        self.show_run(None, None)

    def show_run(self, record: RunRecord | None, rates: Sequence[Rate] | None, chosen: int = 0) -> None:
        """Show a run, or that `chosen` runs (none, or several) are selected. What was typed for another is saved."""
        other = (record and record.run_id) != (self._record and self._record.run_id)
        if other:
            self.save()
        self._record = record
        for field in (self.tags, self.note):
            field.setEnabled(record is not None)
        self.clock.setVisible(record is not None)
        if other or record is None:
            self.show_real([])
        if record is None:
            self.title.setText(f"{chosen} runs selected" if chosen else "No run selected")
            self.facts.setText("Compare takes two to four." if chosen else "Select a run to see what it is.")
            self._fill("", "")
            return
        self.title.setText(title_of(record))
        self.clock.setText(record.badge)
        self.clock.setProperty("real", record.clock == "wall")
        self.clock.style().polish(self.clock)
        self.facts.setText("\n".join(_facts(record, rates)))
        if other or not self._timer.isActive():
            self._fill(record.tags, record.note)

    def show_real(self, lines: Sequence[str]) -> None:
        """Say of the run's real calls where they went and what they cost; nothing where it made none."""
        self.real.setText(breakable("\n".join(lines)))
        self.real.setVisible(bool(lines))

    @Slot()
    def save(self) -> None:
        """Tell what was typed and not told yet."""
        self._timer.stop()
        if self._record is None:
            return
        typed = {"tags": self.tags.text().strip(), "note": self.note.toPlainText().strip()}
        changed = {key: text for key, text in typed.items() if text != getattr(self._record, key)}
        if changed:
            # Before it is told: whoever listens shows the run again, and nothing is left to save then.
            self._record = replace(self._record, tags=typed["tags"], note=typed["note"])
            self.edited.emit(self._record.run_id, changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's)
        """Whoever leaves a field is done with it."""
        if event.type() == QEvent.Type.FocusOut and self._timer.isActive():
            self.save()
        return super().eventFilter(watched, event)

    @Slot()
    def _noticed(self) -> None:
        if self._record is not None and self.note.toPlainText().strip() != self._record.note:
            self._timer.start()

    def _fill(self, tags: str, note: str) -> None:
        if self.tags.text() != tags:
            self.tags.setText(tags)
        if self.note.toPlainText() != note:
            self.note.blockSignals(True)
            self.note.setPlainText(note)
            self.note.blockSignals(False)

    def _label(self, layout: QVBoxLayout, name: str, role: str = "") -> QLabel:
        label = QLabel(self)
        label.setObjectName(name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(role != "badge")
        label.setProperty("role", role)
        layout.addWidget(label)
        return label


def _facts(record: RunRecord, rates: Sequence[Rate] | None) -> list[str]:
    word, sentence = STATES.get(record.state, (record.state, ""))
    reached = record.virtual_us / 1e6
    lines = [
        f"Run {record.run_id}, {local_time(record.created_at)}",
        f"Scenario: {record.scenario}",
        f"{word}. {sentence}",
        f"{record.offered:,} requests in {length_text(record.duration_s)}, seed {record.seed}",
    ]
    if record.state in ("running", "interrupted", "failed"):
        lines.append(f"It got to {length_text(round(reached, 1))}.")
    for rate in rates or ():
        share = (
            "no request has ended" if rate.good_rate is None else f"{rate.good_rate * 100:.1f} % good answers"
        )
        lines.append(f"{rate.title}: {share}")
    return lines
