"""What a calibration found, page by page: each quantity as plot and table, the other figures, the settings, the doubts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.calibration.calibration import Calibration
from app.calibration.doubts import doubts
from app.calibration.report import Quantity, quantities
from app.calibration.saving import found
from app.calibration.words import cells, figures, fit_told
from widgets.appearance import Appearance
from widgets.calibration.distribution_plot import DistributionPlot
from widgets.foreign_text import breakable, in_a_cell
from widgets.trial.labels import plain_label
from widgets.upright_area import UprightArea

_HEADINGS: Final = ("", "measured", "95 %", "fitted")


class ResultPages:
    """Attributes: `pages` (title and widget, in order), `tables` (by the title of their page)."""

    def __init__(self, appearance: Appearance, calibration: Calibration, parent: QWidget) -> None:
        self._parent = parent
        self.pages: list[tuple[str, QWidget]] = []
        self.tables: dict[str, QTableWidget] = {}
        told = doubts(calibration)
        if calibration.fits.answered:
            for quantity in quantities(calibration):
                self.pages.append((quantity.title, self._quantity(appearance, calibration, quantity)))
        self._add_table("Other figures", ("What", "Measured"), figures(calibration))
        made = [(each.path, f"{each.value:g}", each.source) for each in found(calibration)]
        if made:
            self._add_table("Settings", ("Setting", "Value", "Source"), made)
        label = plain_label("\n\n".join(breakable(each) for each in told), wraps=True)
        label.setAlignment(Qt.AlignmentFlag.AlignTop)
        label.setMargin(8)
        self.pages.append((f"Doubts ({len(told)})", UprightArea(label)))

    def _quantity(self, appearance: Appearance, calibration: Calibration, quantity: Quantity) -> QWidget:
        page = QWidget(self._parent)
        table = _table(_HEADINGS, [cells(row) for row in quantity.rows])
        table.setAccessibleName(f"Percentiles of {quantity.title}, {quantity.unit}")
        self.tables[quantity.title] = table
        table.setSizeAdjustPolicy(QTableWidget.SizeAdjustPolicy.AdjustToContents)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        middle = QHBoxLayout()
        middle.addWidget(DistributionPlot(appearance, quantity, calibration.fits.predicted_s, page), 1)
        middle.addWidget(table)
        layout = QVBoxLayout(page)
        layout.addLayout(middle, 1)
        told = fit_told(quantity)
        layout.addWidget(plain_label(f"{told[0].upper()}{told[1:]}.", role="caption", wraps=True))
        return page

    def _add_table(self, title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = _table(headings, rows)
        table.setAccessibleName(title)
        self.tables[title] = table
        self.pages.append((title, table))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> QTableWidget:
    table = QTableWidget(len(rows), len(headings))
    table.setHorizontalHeaderLabels(list(headings))
    table.verticalHeader().hide()
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    table.setTabKeyNavigation(False)
    numbers = headings is _HEADINGS
    for place, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = QTableWidgetItem(in_a_cell(text) if text else "")
            item.setToolTip(item.text())
            if numbers and column:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            table.setItem(place, column, item)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    if not numbers:
        header.setSectionResizeMode(len(headings) - 1, QHeaderView.ResizeMode.Stretch)
    return table
