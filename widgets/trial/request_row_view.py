"""The data row that a request asked about: as it is in the user's data, beside how it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from widgets.foreign_text import breakable
from widgets.trial.labels import selectable_label
from widgets.trial.request_text import change_of, row_text, value_text
from widgets.trial.request_text_box import TextWindow

MAX_FIELDS: Final = 30
"""Fields shown in place: those that were changed first."""
MAX_VALUE: Final = 600
"""Characters of a value shown in place."""


class RowView(QWidget):
    """Fields one below the other; one that came otherwise says so in a word and shows both. `show_all` opens a window
    with the whole row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("request_row")
        self._row: tuple[Mapping[str, object], Mapping[str, object]] = ({}, {})
        self.heading = QLabel("Data row")
        self.heading.setProperty("role", "heading")
        self.heading.setTextFormat(Qt.TextFormat.PlainText)
        self.show_all = QToolButton()
        self.show_all.setObjectName("request_row_all")
        self.show_all.setText("Show all in a window")
        self.show_all.clicked.connect(self._open_window)
        self._note = selectable_label("caption")
        line = QHBoxLayout()
        line.addWidget(self.heading, 1)
        line.addWidget(self.show_all)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._layout.addLayout(line)
        self._layout.addWidget(self._note)
        self._fields: QWidget | None = None

    def show_row(self, original: Mapping[str, object], came: Mapping[str, object]) -> None:
        """Show a row of the data beside how it came to the request."""
        self._row = (original, came)
        columns = [*original, *(each for each in came if each not in original)]
        changes = {column: change_of(column, original, came) for column in columns}
        changed = sum(map(bool, changes.values()))
        shown = sorted(columns, key=lambda column: not changes[column])[:MAX_FIELDS]
        shown = [column for column in columns if column in set(shown)]
        if self._fields is not None:
            self._layout.removeWidget(self._fields)
            self._fields.deleteLater()
        self._fields = QWidget()
        grid = QGridLayout(self._fields)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        cut = len(columns) > len(shown)
        if changed:
            for place, title in enumerate(("In your data", "As it came")):
                heading = selectable_label("caption")
                heading.setText(title)
                grid.addWidget(heading, 0, place)
        for place, column in enumerate(shown):
            cut |= self._add(grid, 1 + 2 * place, column, changes[column])
        self._layout.addWidget(self._fields)
        self._note.setText(
            f"{changed:,} of {len(columns):,} fields did not come as they are in your data."
            if changed
            else "It came as it is in your data."
        )
        self.show_all.setVisible(cut)

    def _add(self, grid: QGridLayout, row: int, column: str, change: str) -> bool:
        """A field's name, its change in a word, and its value or both; whether a value was cut."""
        name = selectable_label("caption")
        name.setText(breakable(column[:MAX_VALUE]))
        grid.addWidget(name, row, 0)
        original, came = self._row
        old = value_text(original[column]) if column in original else "(not there)"
        value = selectable_label()
        value.setText(_cut(old))
        if not change:
            grid.addWidget(value, row + 1, 0, 1, 2)
            return len(old) > MAX_VALUE
        badge = selectable_label()
        badge.setProperty("tone", "warn")
        badge.setText(f"▲ {change}")
        grid.addWidget(badge, row, 1)
        new = value_text(came[column]) if column in came else "–"
        other = selectable_label()
        other.setProperty("tone", "warn")
        other.setText(_cut(new))
        grid.addWidget(value, row + 1, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(other, row + 1, 1, Qt.AlignmentFlag.AlignTop)
        return max(len(old), len(new)) > MAX_VALUE

    @Slot()
    def _open_window(self) -> None:
        window = TextWindow("Data row", row_text(*self._row), self)
        window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        window.show()


def _cut(text: str) -> str:
    return breakable(text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…")
