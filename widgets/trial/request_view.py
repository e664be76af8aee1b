"""What the request table looks like: a view with fixed rows, a line before each variant's columns, and what is said where
there are no rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.sessions.records import VariantRecord
from widgets.appearance import Appearance
from widgets.trial.request_model import LEADING, PER_VARIANT

_WIDTHS: Final = ("1,000,000", "Arrived", "a-prompt", "1,000")
_VARIANT_WIDTHS: Final = ("■ Under way", "Answered in", "Served by")
"""The longest that columns usually hold."""

_LEAST_ROWS: Final = 4


class RequestView(QTableView):
    """The table itself. `resized` comes when more or fewer rows are in view."""

    resized = Signal()
    _variants: tuple[VariantRecord, ...] = ()
    _fitted_height = 0
    """Of the type that the columns were fitted to; 0 before that. Here, as Qt tells of changes before `__init__` is done."""

    def __init__(self, appearance: Appearance) -> None:
        super().__init__()
        self.setObjectName("requests_view")
        self.setAccessibleName("Requests, with all variants side by side")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setStyleSheet("QTableView::item { padding: 0 5px; }")
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.setItemDelegate(_Delegate(appearance, self))
        rows = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.hide()
        columns = self.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setStretchLastSection(True)
        self._fit_rows()

    def fit(self, variants: Sequence[VariantRecord]) -> None:
        """Give columns the width of what they usually hold."""
        self._variants = tuple(variants)
        metrics = self.fontMetrics()
        self._fitted_height = metrics.height()
        samples = list(_WIDTHS)
        for variant in variants:
            samples += [max(variant.title[:24], _VARIANT_WIDTHS[0], key=len), *_VARIANT_WIDTHS[1:]]
        for column, sample in enumerate(samples):
            self.setColumnWidth(column, metrics.horizontalAdvance(sample) + 18)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        """High enough for the headings and a few rows."""
        rows = _LEAST_ROWS * self.verticalHeader().defaultSectionSize()
        around = self.horizontalHeader().sizeHint().height() + self.horizontalScrollBar().sizeHint().height()
        return QSize(super().minimumSizeHint().width(), rows + around + 2 * self.frameWidth())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Rows are as high as the type, and columns as wide: a run may have begun while presenting in large type."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_rows()
            if self._fitted_height not in (0, self.fontMetrics().height()):
                self.fit(self._variants)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        """Tell."""
        super().resizeEvent(event)
        self.resized.emit()

    def _fit_rows(self) -> None:
        height = self.fontMetrics().height() + 6
        rows = self.verticalHeader()
        if rows.defaultSectionSize() != height:
            rows.setMinimumSectionSize(height)
            rows.setDefaultSectionSize(height)


class _Delegate(QStyledItemDelegate):
    """Draws a line where a variant's columns begin."""

    def __init__(self, appearance: Appearance, parent: QWidget) -> None:
        super().__init__(parent)
        self._appearance = appearance

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """The cell as ever, and the line."""
        super().paint(painter, option, index)
        if index.column() >= LEADING and (index.column() - LEADING) % PER_VARIANT == 0:
            painter.save()
            painter.setPen(self._appearance.theme.colour("edge"))
            rect = option.rect
            painter.drawLine(rect.topLeft(), rect.bottomLeft())
            painter.restore()


class NoRequests(QWidget):
    """What is said in place of rows, and a way out where a filter hides them. `show_all` is its button."""

    def __init__(self) -> None:
        super().__init__()
        self._text = QLabel()
        self._text.setObjectName("requests_empty")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setWordWrap(True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setProperty("tone", "muted")
        self.show_all = QPushButton("Show all requests")
        self.show_all.setObjectName("requests_show_all")
        layout = QVBoxLayout(self)
        layout.addStretch(1)
        layout.addWidget(self._text)
        layout.addWidget(self.show_all, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)

    def say(self, text: str, *, resettable: bool = False) -> None:
        """Say why there are no rows."""
        self._text.setText(text)
        self.show_all.setVisible(resettable)
