"""Which prompt, and which row in it: a list, two buttons and a number. It shows neither."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget

from app.inputs.preview import Preview
from widgets.foreign_text import in_a_cell


class RowPicker(QWidget):
    """`picked(prompt, row)` comes when the user picks another; places from 0. Attributes: `prompt`, `row`, `previous`,
    `next`."""

    picked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.prompt = QComboBox(self)
        self.prompt.setObjectName("preview_prompt")
        self.prompt.setAccessibleName("Prompt")
        self.prompt.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.prompt.setMinimumContentsLength(10)
        self.previous = QPushButton("◂", self)
        self.previous.setObjectName("preview_previous")
        self.previous.setAccessibleName("Previous row")
        self.previous.setToolTip("Previous row")
        self.next = QPushButton("▸", self)
        self.next.setObjectName("preview_next")
        self.next.setAccessibleName("Next row")
        self.next.setToolTip("Next row")
        self.row = QSpinBox(self)
        self.row.setObjectName("preview_row")
        self.row.setAccessibleName("Row")
        self.row.setKeyboardTracking(False)
        self.row.ensurePolished()  # the style sheet's font, not the system's
        self.row.setMinimumWidth(10 * self.row.fontMetrics().averageCharWidth())
        self._of = QLabel(self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.prompt, 1)
        label = QLabel("&Row", self)
        label.setBuddy(self.row)
        for widget in (label, self.previous, self.row, self.next, self._of):
            layout.addWidget(widget)
        self.prompt.activated.connect(self._tell)
        self.row.valueChanged.connect(self._tell)
        self.previous.clicked.connect(self.row.stepDown)
        self.next.clicked.connect(self.row.stepUp)

    @property
    def place(self) -> tuple[int, int]:
        """Prompt and row, from 0."""
        return max(0, self.prompt.currentIndex()), self.row.value() - 1

    def show_preview(self, preview: Preview) -> None:
        """Offer the preview's prompts and rows; what was picked stays picked where it can."""
        with QSignalBlocker(self.prompt), QSignalBlocker(self.row):
            before = self.prompt.currentIndex()
            self.prompt.clear()
            self.prompt.addItems([in_a_cell(each.name) for each in preview.prompts])
            self.prompt.setCurrentIndex(min(max(before, 0), len(preview.prompts) - 1))
            self.row.setRange(1, preview.row_count)
        self._of.setText(f"of {preview.row_count:,}")
        self._enable()

    def _enable(self) -> None:
        self.previous.setEnabled(self.row.value() > self.row.minimum())
        self.next.setEnabled(self.row.value() < self.row.maximum())

    @Slot()
    def _tell(self) -> None:
        self._enable()
        self.picked.emit(*self.place)
