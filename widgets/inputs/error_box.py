"""An error shown where it arose: what is wrong, where, and what to do about it. It blocks nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app.errors import UserError
from widgets.foreign_text import breakable


class ErrorBox(QFrame):
    """Hidden while there is nothing to tell. `what`, `where` and `do` are its labels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inputs_error")
        self.setProperty("role", "card")
        self.what, self.where, self.do = (self._label(name) for name in ("what", "where", "do"))
        self.what.setProperty("tone", "danger")
        self.where.setProperty("tone", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(2)
        for label in (self.what, self.where, self.do):
            layout.addWidget(label)
        self.hide()

    def tell(self, error: UserError | None, more: int = 0) -> None:
        """Show the error and how many `more` there are; None hides the box."""
        self.setVisible(error is not None)
        if error is None:
            return
        self.what.setText(breakable(said(error)))
        self.where.setText(breakable(f"Where: {error.where}"))
        self.where.setVisible(bool(error.where) and not _lacks_subject(error))
        further = f" There is more: see Notices ({more})." if more else ""
        self.do.setText(breakable(f"{error.do}{further}".strip()))
        self.do.setVisible(bool(error.do or further))
        self.setAccessibleName(str(error))

    def _label(self, name: str) -> QLabel:
        label = QLabel(self)
        label.setObjectName(f"inputs_error_{name}")
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        return label


def said(error: UserError) -> str:
    """What is wrong, as a sentence. Errors of files are written to follow the file's name: "is empty"."""
    what = error.what.rstrip(".")
    return f"{error.where} {what}." if _lacks_subject(error) else f"{what[:1].upper()}{what[1:]}."


def _lacks_subject(error: UserError) -> bool:
    return bool(error.where) and error.what.split(" ", 1)[0] in {"is", "has", "holds", "cannot"}
