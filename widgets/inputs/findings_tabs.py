"""What reading the files brought to light: the rows that are left out, and what their owner should know."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.inputs.preview import DataShape, Preview
from widgets.foreign_text import in_a_cell, shortened
from widgets.inputs.row_model import Index, RowModel

_HEADERS: Final = ("Row", "Why it is left out")
_RULE: Final = (
    "Looked for in up to 500 rows: e-mail addresses, phone numbers of 9 to 15 digits, and card numbers with a valid "
    "check digit. Names, addresses and other personal data are not looked for."
)


class BadRowsTab(QWidget):
    """Attributes: `about`, `table`, `copy` (button; copies number and reason, parted by a tab)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("bad_rows_tab")
        self.model = BadRowModel(self)
        self.about = QLabel(self)
        self.about.setObjectName("bad_rows_about")
        self.about.setWordWrap(True)
        self.copy = QPushButton("Copy", self)
        self.copy.setObjectName("bad_rows_copy")
        self.copy.setToolTip("Copy the list, to paste it into a spreadsheet.")
        self.copy.clicked.connect(self._copy)
        self.table = QTableView(self)
        self.table.setObjectName("bad_rows_table")
        self.table.setAccessibleName("Rows that are left out")
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setStretchLastSection(True)
        top = QHBoxLayout()
        top.addWidget(self.about, 1)
        top.addWidget(self.copy)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.table, 1)

    def show_preview(self, preview: Preview) -> None:
        """Show the bad rows of other data."""
        data = preview.data
        self.model.show_rows(data.bad)
        self.copy.setEnabled(bool(data.bad))
        self.about.setText(_said(data))

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(
            "\n".join(f"{number}\t{' '.join(reason.split())}" for number, reason in self.model.rows)
        )


class BadRowModel(RowModel[tuple[int, str]]):
    """Number and reason of each bad row."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(_HEADERS, parent)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        number, reason = self.rows[index.row()]
        return in_a_cell(reason) if index.column() else f"{number:,}"


class NoticesTab(QWidget):
    """Everything there is to say about prompts and data, as one text to read and copy: `text`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notices_tab")
        self.text = QPlainTextEdit(self)
        self.text.setObjectName("notices_text")
        self.text.setAccessibleName("Notices")
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)

    def show_preview(self, preview: Preview) -> None:
        """Show what is known of other inputs."""
        personal = [
            f"column '{each.column}': {each.kind} in {each.rows:,} of {each.sampled:,} rows looked at"
            for each in preview.personal
        ]
        sections = {
            "A run would be refused": [str(each) for each in preview.problems],
            "Good to know": list(preview.notices),
            "What the simulated models cannot do": list(preview.doubts),
            "Likely personal data": [*(personal or ["none found"]), _RULE],
        }
        self.text.setPlainText(
            shortened(
                "\n\n".join(
                    f"{title}\n" + "\n".join(f"  •  {line}" for line in lines)
                    for title, lines in sections.items()
                    if lines
                )
            )
        )


def _said(data: DataShape) -> str:
    if not data.bad_count:
        return "No bad rows: every row of the file can be used."
    whole = data.rows + data.bad_count
    text = f"{data.bad_count:,} of {whole:,} rows cannot be read and {'is' if data.bad_count == 1 else 'are'} left out."
    if data.bad_count > len(data.bad):
        text += f" The first {len(data.bad):,} are listed."
    return text
